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
	What: "an entry that the policy requires is not there, lacks the username or a group that the policy names, or has a group that EKS can render only for EC2 instances",
	Why:  "the policy lists it under required",
	Bad:  goodNodes, Good: goodNodesAndCI,
	Object: checkRequired,
}

func checkRequired(c *rule.ObjectContext) {
	access := c.Access()
	for i, r := range c.Policy.Required {
		ids := access.Lookup(r.ARN)
		if slices.ContainsFunc(ids, func(id awsauth.Identity) bool { return meets(id, r) }) {
			continue
		}
		key := awsauth.MapRoles
		if a, _ := awsauth.ParseARN(r.ARN); a.Kind == awsauth.KindUser {
			key = awsauth.MapUsers
		}
		f := rule.Finding{Subject: "required", Why: fmt.Sprintf("the policy (line %d) requires it; to change that, %s", r.Line, c.Policy.Ask("required entries", "required"))}
		if len(ids) > 0 {
			f.Message, f.Fix = lacksOf(ids[0], r)
		} else {
			f.Message = namedARN(r.ARN) + " is not mapped, and the policy requires it"
			f.Fix = "add an entry with " + awsauth.ARNField(key) + ": " + r.ARN + requiredFields(r)
			if i < maxPutBack {
				addRequired(&f, c, r, key)
			}
		}
		c.Report(rule.AtKey(key, r.ARN).Of(awsauth.Subject(r.ARN)), f)
	}
}

// addRequired makes a finding's fix to add an entry that is required: as it was, if that is enough.
func addRequired(f *rule.Finding, c *rule.ObjectContext, r policy.Required, key string) {
	had := c.Old.Access().Lookup(r.ARN)
	if i := slices.IndexFunc(had, func(id awsauth.Identity) bool { return meets(id, r) }); i >= 0 && had[i].Entry != nil {
		if f.Lines = entryLines(had[i], had[i].Entry.DataKey, c.Old, c.Version); f.Lines != nil {
			f.Fix = "put this entry back:"
		}
	} else if r.Username != "" {
		if f.Lines = entryLines(awsauth.Identity{Canonical: r.ARN, Username: r.Username, Groups: r.Groups}, key, nil, c.Version); f.Lines != nil {
			f.Fix = "add this entry:"
		}
	}
}

// requiredFields are what the policy asks of an entry beside its ARN.
func requiredFields(r policy.Required) (fields string) {
	if r.Username != "" {
		fields += ", username: " + r.Username
	}
	if len(r.Groups) > 0 {
		fields += ", groups: [" + strings.Join(r.Groups, ", ") + "]"
	}
	return fields
}

// lacksOf says what a mapping lacks of what is required of it.
func lacksOf(id awsauth.Identity, r policy.Required) (message, fix string) {
	arn, missing := namedARN(id.Canonical), slices.DeleteFunc(slices.Clone(r.Groups), id.Has)
	switch {
	case r.Username != "" && r.Username != id.Username:
		return fmt.Sprintf("%s has the username %s, and the policy requires %s", arn, phrase.Quote(id.Username), phrase.Quote(r.Username)),
			"write " + strings.TrimPrefix(requiredFields(r), ", ")
	case len(missing) > 0:
		return fmt.Sprintf("%s lacks the group%s %s, which the policy requires", arn, phrase.Plural(len(missing)), phrase.Few(missing)),
			"add " + strings.Join(missing, ", ") + " to its groups"
	}
	return arn + " is required by the policy, and only EC2 instances can use its mapping", "remove " + awsauth.EC2PrivateDNSName + " from it"
}

// meets reports that an identity has what is required of it.
func meets(id awsauth.Identity, r policy.Required) bool {
	lacks := func(g string) bool { return !id.Has(g) }
	return authenticates(id, r.Groups) && (r.Username == "" || r.Username == id.Username) &&
		!slices.ContainsFunc(r.Groups, lacks)
}

// authenticates reports that those for whom an entry is meant can authenticate through it. An entry with
// {{EC2PrivateDNSName}} in its username is for EC2 instances; in a group it keeps out those whom the username is for,
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
