package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var dropsRequired = &rule.Rule{
	ID: "AA504", Name: "drops-required", Severity: rule.Error, Category: rule.Loss,
	What: "an entry that the policy requires and that is not there, lacks the username or groups that the policy names, or has a group that EKS can render only for EC2 instances",
	Why:  "somebody wrote into the policy that the cluster cannot do without it",
	Bad:  goodNodes, Good: goodNodesAndCI,
	Object: checkRequired,
}

func checkRequired(c *rule.ObjectContext) {
	access := c.Access()
	for _, r := range c.Policy.Required {
		if slices.ContainsFunc(access.Lookup(r.ARN), func(id awsauth.Identity) bool { return meets(id, r) }) {
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
		c.Report(rule.AtKey(key, r.ARN).Of(awsauth.Subject(r.ARN)), rule.Finding{Subject: "required", Fix: fix,
			Message: fmt.Sprintf("%s is not mapped as the policy (line %d) requires", phrase.Quote(r.ARN), r.Line)})
	}
}

// meets reports that an identity has what is required of it.
func meets(id awsauth.Identity, r policy.Required) bool {
	lacks := func(g string) bool { return !id.Has(g) }
	return authenticates(id, r.Groups) && (r.Username == "" || r.Username == id.Username) &&
		!slices.ContainsFunc(r.Groups, lacks)
}

// authenticates reports that those for whom an entry is meant can authenticate through it. An entry with
// {{EC2PrivateDNSName}} in its username is for EC2 instances; in a group it keeps out whoever the username is for,
// unless the policy asks for that group.
func authenticates(id awsauth.Identity, required []string) bool {
	switch id.Sessions() {
	case awsauth.AnySession:
		return true
	case awsauth.InstanceSession:
		return strings.Contains(id.Username, awsauth.EC2PrivateDNSName) || nodes.Barring(required) >= 0
	case awsauth.NoSession:
	}
	return false
}
