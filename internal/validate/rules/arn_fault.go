package rules

import (
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// written is the ARN of an entry as the rules about ARNs look at it.
type written struct {
	entry *awsauth.Entry
	// text is what is written, arn what it is parsed to and err why it cannot be.
	text string
	arn  awsauth.ARN
	err  error
	// partition is the cluster's own; "" if nothing shows it.
	partition string
}

// arnChecks are what may be wrong with an ARN, in the order in which it is looked for. The first thing is the one that is
// reported: what comes after would follow from it.
var arnChecks []arnCheck

type arnCheck struct {
	rule *rule.Rule
	find func(written) (rule.Finding, bool)
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

// firstFault is the first thing that is wrong with an ARN by some checks; ok is false if nothing is.
func firstFault(checks []arnCheck, w written) (f rule.Finding, ok bool) {
	for _, c := range checks {
		if f, ok := c.find(w); ok {
			return f, true
		}
	}
	return rule.Finding{}, false
}

func writtenIn(e *awsauth.Entry, partition string) written {
	w := written{entry: e, text: e.ARN.Value, partition: partition}
	w.arn, w.err = e.Principal()
	return w
}

// ownFault is the first fault if it belongs to the rule with that id. Other rules say what is wrong with an sso block, and
// with an entry without an ARN. A rule's own checks come first, and then those before them: most ARNs are sound.
func ownFault(id string, e *awsauth.Entry, partition string) (f rule.Finding, ok bool) {
	if e.SSO != nil || e.ARN.Value == "" {
		return f, false
	}
	w := writtenIn(e, partition)
	for i, c := range arnChecks {
		if c.rule.ID != id {
			continue
		}
		if f, ok := c.find(w); ok {
			_, earlier := firstFault(arnChecks[:i], w)
			return f, !earlier
		}
	}
	return f, false
}

// arnFaultsOf is the Entry function of a rule in arnChecks: it reports the first fault of an entry's ARN if that belongs to
// the rule with that id. So the message is made by the rule's function in arnChecks.
func arnFaultsOf(id string) func(*rule.EntryContext) {
	return func(c *rule.EntryContext) {
		if f, ok := ownFault(id, c.Entry, c.Partition); ok {
			c.Report(rule.AtARN(c.Entry), f)
		}
	}
}

// MatchesNobody reports that nobody can authenticate by an entry, since its ARN is not how EKS names a principal.
func MatchesNobody(e *awsauth.Entry, partition string) bool {
	f, ok := firstFault(arnChecks, writtenIn(e, partition))
	return ok && f.Severity != rule.Warning
}

// withArticle is a kind of principal in a sentence.
func withArticle(k awsauth.Kind) string {
	if k == awsauth.KindRoot {
		return "the root user"
	}
	return "a " + k.String()
}
