package rules

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var duplicateMapping = &rule.Rule{
	ID: "AA108", Name: "duplicate-mapping", Severity: rule.Error, Category: rule.Repeat,
	What: "one principal mapped twice, also in another letter case or under both mapRoles and mapUsers; a warning where the entry that EKS uses has the username and all groups of the other",
	Why:  "EKS keeps one of the two and says nothing: the last of mapRoles, mapRoles before mapUsers, and any one in mapUsers if the letter case differs, or where an ARN has a long s (U+017F); what only the other one gives is lost",
	Bad: goodNodesAndCI + `    - rolearn: arn:aws:iam::111122223333:role/CI
      username: ci
      groups: [viewers]
`, Good: goodNodesAndCI,
	Object: checkDuplicates,
}

func checkDuplicates(c *rule.ObjectContext) {
	for _, r := range repeats(c.Entries()) {
		c.Report(rule.AtARN(r.entry), r.finding())
	}
}

// repeated is a pair of entries for one principal; before is the first of the two in the text.
type repeated struct {
	before, entry *awsauth.Entry
	// used is the one of the two that EKS uses; nil if it takes either.
	used *awsauth.Entry
	// idle says that the other one has nothing that is not in used, so that it costs nobody anything.
	idle bool
}

// repeats pairs the entries of every principal that has several.
func repeats(entries []*awsauth.Entry) (all []repeated) {
	of := make(map[string][]*awsauth.Entry, len(entries))
	for _, e := range entries {
		if e.ARN.Value != "" {
			of[e.Key()] = append(of[e.Key()], e)
		}
	}
	for _, e := range entries {
		if same := of[e.Key()]; len(same) > 1 && same[0] == e {
			all = append(all, pairs(same)...)
		}
	}
	return all
}

// pairs says of each entry of one principal but the one that EKS uses what it costs. EKS keeps entries of mapRoles under the
// lower-case ARN and those of mapUsers under the ARN as written, the last one each, and looks through mapRoles first
// (aws-iam-authenticator pkg/mapper/configmap, saveMap and Map): of several that it keeps in one map, it takes either.
func pairs(same []*awsauth.Entry) (all []repeated) {
	kept := map[string]*awsauth.Entry{}
	first := same[0].DataKey // mapRoles, if any is there
	var used *awsauth.Entry
	for _, e := range same {
		if e.DataKey != first {
			break
		}
		under := e.ARN.Value
		if first == awsauth.MapRoles {
			under = strings.ToLower(under)
		}
		kept[under], used = e, e
	}
	groups := groupSet(used)
	alike := true // whichever EKS takes
	for _, e := range kept {
		alike = alike && e.Username.Value == used.Username.Value && within(e, groups) && len(groupSet(e)) == len(groups)
	}
	for _, e := range same {
		if e == used {
			continue
		}
		r := repeated{before: e, entry: used, used: used, idle: alike && e.Username.Value == used.Username.Value && within(e, groups) && used.Identity().Sessions() <= e.Identity().Sessions()}
		if e.DataKey != first {
			r.before, r.entry = used, e
		}
		if len(kept) > 1 {
			r.used = nil
		}
		all = append(all, r)
	}
	return all
}

func groupSet(e *awsauth.Entry) map[string]bool {
	groups := make(map[string]bool, len(e.Groups))
	for _, g := range e.GroupNames() {
		groups[g] = true
	}
	return groups
}

// within reports that an entry has none but these groups.
func within(e *awsauth.Entry, groups map[string]bool) bool {
	return !slices.ContainsFunc(e.GroupNames(), func(g string) bool { return !groups[g] })
}

func (r repeated) finding() rule.Finding {
	before, e := r.before, r.entry
	f := rule.Finding{Subject: "duplicate", Other: &before.ARN.Place, Message: named(e) + " is mapped twice" + names(before, e),
		Fix: "delete one of the two entries", Why: "EKS uses only the second of the two"}
	switch {
	case r.used == nil:
		f.Why = "EKS uses only one of the two, at random"
	case before.DataKey != e.DataKey:
		f.Why = "EKS uses only the one in mapRoles"
	}
	if r.idle { // another subject: the order may change, and then it is no longer harmless
		f.Severity, f.Subject = rule.Warning, "idle duplicate"
		f.Fix, f.Why = "delete one of the two entries", "the two are the same to EKS"
		if r.used != nil {
			f.Fix = "delete " + r.unused()
			f.Why = "EKS uses the other one, which has its username and all its groups"
		}
	}
	return f
}

// unused names the entry that EKS does not use.
func (r repeated) unused() string {
	other, which := r.before, "the first one"
	if r.used == r.before {
		other, which = r.entry, "the second one"
	}
	if r.before.DataKey != r.entry.DataKey {
		return "the one in " + other.DataKey
	}
	return which
}

// names distinguishes two entries for the same principal: by their usernames, or else by their groups.
func names(a, b *awsauth.Entry) string {
	one, other := phrase.Quote(a.Username.Value), phrase.Quote(b.Username.Value)
	switch both := " with the username " + one; {
	case one != other:
		return ": once with the username " + one + ", once with " + other
	case slices.Equal(a.GroupNames(), b.GroupNames()):
		return both
	default:
		return both + ": once with " + groupsOf(a) + ", once with " + groupsOf(b)
	}
}

func groupsOf(e *awsauth.Entry) string {
	if len(e.Groups) == 0 {
		return "no groups"
	}
	return "group" + phrase.Plural(len(e.Groups)) + " " + phrase.Bare(phrase.Few(e.GroupNames()))
}
