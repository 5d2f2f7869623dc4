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
			Why:  "EKS keeps one of the two and says nothing: the last of mapRoles, mapRoles before mapUsers, and in mapUsers any one if the letter case differs",
			Bad: goodNodesAndCI + `    - rolearn: arn:aws:iam::111122223333:role/CI
      username: ci
      groups: [viewers]
`, Good: goodNodesAndCI},
	},
}

func checkDuplicates(p *pass) {
	first := map[string]*awsauth.Entry{}
	for _, e := range p.at.doc.Entries() {
		if e.ARN.Value == "" {
			continue
		}
		key := awsauth.Key(e.ARN.Value)
		before, ok := first[key]
		if !ok {
			first[key] = e
			continue
		}
		wins := "and EKS takes the last of the two"
		switch {
		case before.DataKey != e.DataKey:
			wins = "and EKS looks through mapRoles first, so this entry has no effect"
		case e.DataKey == awsauth.MapUsers && before.ARN.Value != e.ARN.Value:
			wins = "and EKS takes either of the two, at random"
		}
		p.report("AA108", Finding{Field: e.Path(awsauth.ARNField(e.DataKey)), DataKey: e.DataKey, Line: e.ARN.Line, Column: e.ARN.Column,
			Value: e.ARN.Value, entry: awsauth.Subject(e.ARN.Value), subject: "duplicate",
			Message: fmt.Sprintf("%s is mapped already, by %s (%s line %d)", q(e.ARN.Value), before.Path(""), before.DataKey, before.ARN.Line),
			Why:     wins, Fix: "keep one of them, with the groups of both"})
	}
}
