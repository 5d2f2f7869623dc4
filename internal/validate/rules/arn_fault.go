package rules

import (
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// written is the ARN of an entry as the rules about ARNs look at it.
type written struct {
	entry *awsauth.Entry
	text  string
	// partition is the cluster's own; "" if nothing shows it.
	partition string
}

// arn is what the text is parsed to; nothing is in it if it is not an ARN.
func (w written) arn() awsauth.ARN {
	a, _ := w.entry.Principal()
	return a
}

// arnChecks are what may be wrong with an ARN, in the order in which it is looked for. The first thing is the one that is
// reported: what comes after would follow from it.
var arnChecks []arnCheck

type arnCheck struct {
	rule *rule.Rule
	find func(written) *rule.Finding
}

// In init, since the rules themselves go through the list.
func init() {
	arnChecks = []arnCheck{
		{arnMalformed, malformedText},
		{arnWrongKind, wrongKind},
		{arnMalformed, malformedParts},
		{roleARNPath, pathOfRole},
		{arnMalformed, malformedName},
		{wrongPartition, partitionDiffers},
		{arnWrongKind, unintendedKind},
	}
}

// firstFault is the first thing that is wrong with an ARN by some checks; nil if nothing is.
func firstFault(checks []arnCheck, w written) *rule.Finding {
	for _, c := range checks {
		if f := c.find(w); f != nil {
			return f
		}
	}
	return nil
}

func writtenIn(e *awsauth.Entry, partition string) written {
	return written{entry: e, text: e.ARN.Value, partition: partition}
}

// ownFault is the first fault if it belongs to the rule with that id. Other rules say what is wrong with an sso block, and
// with an entry without an ARN. A rule's own checks come first, and then those before them: most ARNs are sound.
func ownFault(id string, e *awsauth.Entry, partition string) *rule.Finding {
	if e.SSO != nil || e.ARN.Value == "" {
		return nil
	}
	w := writtenIn(e, partition)
	for i, c := range arnChecks {
		if c.rule.ID != id {
			continue
		}
		if f := c.find(w); f != nil {
			if firstFault(arnChecks[:i], w) != nil {
				return nil
			}
			return f
		}
	}
	return nil
}

// arnFaultsOf is the Entry function of a rule in arnChecks: it reports the first fault of an entry's ARN if that belongs to
// the rule with that id. So the message is made by the rule's function in arnChecks.
func arnFaultsOf(id string) func(*rule.EntryContext) {
	return func(c *rule.EntryContext) {
		if f := ownFault(id, c.Entry, c.Partition); f != nil {
			c.Report(rule.AtARN(c.Entry), *f)
		}
	}
}

// MatchesNobody reports that nobody can authenticate by an entry, since its ARN is not how EKS names a principal.
func MatchesNobody(e *awsauth.Entry, partition string) bool {
	f := firstFault(arnChecks, writtenIn(e, partition))
	return f != nil && f.Severity != rule.Warning
}

// withArticle is a kind of principal in a sentence.
func withArticle(k awsauth.Kind) string {
	if k == awsauth.KindRoot {
		return "the root user"
	}
	return "a " + k.String()
}
