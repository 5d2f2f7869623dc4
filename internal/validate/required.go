package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var requiredFamily = family{
	state: checkRequired,
	rules: []Rule{
		{ID: "AA504", Name: "drops-required", Severity: Error,
			What: "an entry that the policy requires and that is not there, or lacks the username or groups that the policy names",
			Why:  "somebody wrote into the policy that the cluster cannot do without it",
			Bad:  goodNodes, Good: goodNodesAndCI},
	},
}

func checkRequired(p *pass) {
	access := p.table(p.at)
	for _, r := range p.policy.Required {
		met := slices.ContainsFunc(access.Lookup(r.ARN), func(id awsauth.Identity) bool {
			return (r.Username == "" || r.Username == id.Username) && !slices.ContainsFunc(r.Groups, func(g string) bool { return !id.Has(g) })
		})
		if met {
			continue
		}
		key := awsauth.MapRoles
		if a, _ := awsauth.ParseARN(r.ARN); a.Kind == awsauth.KindUser {
			key = awsauth.MapUsers
		}
		fix := "keep an entry with " + awsauth.ARNField(key) + ": " + r.ARN
		if r.Username != "" {
			fix += ", username: " + r.Username
		}
		if len(r.Groups) > 0 {
			fix += ", groups: [" + strings.Join(r.Groups, ", ") + "]"
		}
		p.report("AA504", Finding{Field: "data." + key, DataKey: key, Value: r.ARN, entry: awsauth.Subject(r.ARN), subject: "required",
			Message: fmt.Sprintf("%s is not mapped as the policy (line %d) requires", q(r.ARN), r.Line), Fix: fix})
	}
}
