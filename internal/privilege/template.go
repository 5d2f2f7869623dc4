package privilege

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// TemplateWays lists what the templates of an identity can become: for each template the first that is not approved,
// or else all that are. Those that are the same for every caller are among Ways; here they are only held against the
// names of nodes and of the control plane.
func (r *Resolver) TemplateWays(arn, username string, groups []string) []Way {
	of, _ := awsauth.ParseARN(arn) // where it is none, nothing is known of it
	var ways []Way
	for i, g := range groups {
		t := awsauth.ParseTemplate(g, of)
		to := targets{r.groups, r.equivalents.Groups, r.Group}
		if t.Literal() {
			if t.Text() == g {
				continue
			}
			to.listed, to.fromRBAC = privilegedByName, nil
		}
		ways = append(ways, r.becomes(arn, t, Way{Kind: Template, Name: g, Index: i}, to)...)
	}
	if t := awsauth.ParseTemplate(username, of); !t.Literal() {
		to := targets{r.usernamesFor(username), r.equivalents.Usernames, r.Username}
		ways = append(ways, r.becomes(arn, t, Way{Kind: Template, Name: username, Username: true, Index: -1}, to)...)
	}
	return ways
}

// usernamesFor are the policy's usernames that a template is held against. That one without a reserved prefix can
// begin with such a prefix is enough against it.
func (r *Resolver) usernamesFor(template string) []string {
	if ReservedPrefix(template) != "" {
		return r.usernames
	}
	return slices.DeleteFunc(slices.Clone(r.usernames), func(name string) bool { return ReservedPrefix(name) != "" })
}

// targets are the privileged names that a template is held against.
type targets struct {
	listed   []string
	fromRBAC map[string]string // with the evidence
	// known says what a listed one is.
	known func(name string) (Way, bool)
}

// becomes finds the first privileged name that a template can become and that is not approved: of the listed ones in
// their order, else of those from RBAC in the order of the alphabet. Without any, it is those that are approved.
func (r *Resolver) becomes(arn string, t awsauth.Template, template Way, to targets) []Way {
	var approved, unapproved []Way
	try := func(target, evidence string) (found bool) {
		by, can := t.CanBe(target)
		if !can {
			return false
		}
		w := template
		w.Becomes, w.Session, w.Evidence = target, by, evidence
		if w.Approval, w.Standing = r.Approved(arn, w); w.Standing == policy.Valid {
			approved = append(approved, w)
			return false
		}
		unapproved = []Way{w}
		return true
	}
	for _, target := range to.listed {
		if known, _ := to.known(target); try(target, known.Evidence) {
			return unapproved
		}
	}
	for target, evidence := range to.fromRBAC {
		if len(unapproved) == 0 || target < unapproved[0].Becomes {
			try(target, evidence)
		}
	}
	if len(unapproved) > 0 {
		return unapproved
	}
	slices.SortFunc(approved, func(a, b Way) int { return strings.Compare(a.Becomes, b.Becomes) })
	return slices.CompactFunc(approved, func(a, b Way) bool { return a.Becomes == b.Becomes })
}
