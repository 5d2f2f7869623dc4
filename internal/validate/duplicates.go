package validate

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var duplicateFamily = family{
	state: checkDuplicates,
	rules: []Rule{
		{ID: "AA108", Name: "duplicate-mapping", Severity: Error,
			What: "one principal mapped twice, also in another letter case or under both mapRoles and mapUsers",
			Why:  "EKS keeps one of the two and says nothing: the last of mapRoles, mapRoles before mapUsers, and any one in mapUsers if the letter case differs, or where an ARN has a long s (U+017F)",
			Bad: goodNodesAndCI + `    - rolearn: arn:aws:iam::111122223333:role/CI
      username: ci
      groups: [viewers]
`, Good: goodNodesAndCI},
	},
}

// repeated is an entry for whose principal there is one before.
type repeated struct{ before, entry *awsauth.Entry }

// repeats compares the keys of a document that comes to so many different ones in its table.
func repeats(d *awsauth.Document, different int) (all []repeated) {
	entries := d.Entries()
	named := 0
	for _, e := range entries {
		if e.ARN.Value != "" {
			named++
		}
	}
	if named == different {
		return nil // each has a key of its own
	}
	first := make(map[string]*awsauth.Entry, len(entries))
	for _, e := range entries {
		if e.ARN.Value == "" {
			continue
		}
		if before, ok := first[e.Key()]; ok {
			all = append(all, repeated{before, e})
		} else {
			first[e.Key()] = e
		}
	}
	return all
}

func checkDuplicates(p *pass) {
	for _, r := range p.at.repeated {
		before, e := r.before, r.entry
		wins := "and EKS takes the last of the two"
		switch {
		case before.DataKey != e.DataKey:
			wins = "and EKS looks through mapRoles first, so this entry has no effect"
		case e.DataKey == awsauth.MapUsers && before.ARN.Value != e.ARN.Value || e.DataKey == awsauth.MapRoles && !awsauth.StoredAlike(before.ARN.Value, e.ARN.Value):
			wins = "and EKS takes either of the two, at random"
		}
		p.report("AA108", Finding{Field: e.Path(awsauth.ARNField(e.DataKey)), DataKey: e.DataKey, Line: e.ARN.Line, Column: e.ARN.Column,
			Value: e.ARN.Value, entry: e.Subject(), subject: "duplicate",
			Message: fmt.Sprintf("%s is mapped already, by %s (%s line %d)", q(e.ARN.Value), before.Path(""), before.DataKey, before.ARN.Line),
			Why:     wins, Fix: "keep one of them, with the groups of both"})
	}
}
