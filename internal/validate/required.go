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
			What: "an entry that the policy requires and that is not there, lacks the username or groups that the policy names, or has a group that EKS can render only for EC2 instances",
			Why:  "somebody wrote into the policy that the cluster cannot do without it",
			Bad:  goodNodes, Good: goodNodesAndCI},
	},
}

// authenticates reports that those for whom an entry is meant can authenticate through it. An entry with {{EC2PrivateDNSName}}
// in its username is for EC2 instances; in a group it keeps out whoever the username is for, unless the policy asks for that group.
func authenticates(id awsauth.Identity, required []string) bool {
	switch id.Sessions() {
	case awsauth.AnySession:
		return true
	case awsauth.InstanceSession:
		return strings.Contains(id.Username, awsauth.EC2PrivateDNSName) || barring(required) >= 0
	case awsauth.NoSession:
	}
	return false
}

func checkRequired(p *pass) {
	access := p.table(p.at)
	for _, r := range p.policy.Required {
		met := slices.ContainsFunc(access.Lookup(r.ARN), func(id awsauth.Identity) bool {
			return authenticates(id, r.Groups) && (r.Username == "" || r.Username == id.Username) && !slices.ContainsFunc(r.Groups, func(g string) bool { return !id.Has(g) })
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
