package validate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// The groups that the API server or EKS itself gives a meaning (Kubernetes documentation, "Using RBAC Authorization";
// Amazon EKS user guide, node roles).
const (
	groupNodes         = "system:nodes"
	groupBootstrappers = "system:bootstrappers"
	groupNodeProxier   = "system:node-proxier"
	groupWindows       = "eks:kube-proxy-windows"
)

// unauthenticated keeps the API server from putting a caller into everybody's group, system:authenticated (k8s.io/apiserver
// pkg/authentication/group, AuthenticatedGroupAdder).
const unauthenticated = "system:unauthenticated"

var wellKnownGroups = []string{policy.Masters, groupNodes, groupBootstrappers, groupNodeProxier, groupWindows,
	everybody, unauthenticated, "system:serviceaccounts", "system:monitoring"}

var groupFamily = family{
	entry: checkGroups,
	rules: []Rule{
		{ID: "AA107", Name: "suspicious-group", Severity: Error, ofText: true,
			What: "a group with spaces in or around it, an empty one (a warning if it is written as an empty string), several written as one, or one a typo away from a group that Kubernetes or EKS knows; system:unauthenticated",
			Why:  "a group that nothing is bound to gives nothing, without an error: nodes with system:node do not join, an admin with system:master may do nothing; whoever has system:unauthenticated does not get system:authenticated",
			Bad: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups:
        - deployers
         - viewers
`, Good: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups:
        - deployers
        - viewers
`},
	},
}

func checkGroups(p *pass, e *awsauth.Entry) {
	for i, g := range e.Groups {
		message, why, fix := suspicious(g.Value)
		if message == "" && strings.Contains(g.Value, "{{") {
			message, why, fix = suspiciousTemplate(g.Value, e)
		}
		if message == "" {
			continue
		}
		p.report("AA107", Finding{Field: e.Path(fmt.Sprintf("groups[%d]", i)), DataKey: e.DataKey, Line: g.Line, Column: g.Column,
			Value: redact(g.Value), entry: e.Name(), subject: g.Value, Message: message, Why: why, Fix: fix})
	}
}

const whyNotUnauthenticated = "and the API server does not add " + everybody + " for whoever has it: without that group kubectl cannot discover resources"

// suspiciousTemplate says what is odd about what a group becomes, or nothing.
func suspiciousTemplate(g string, e *awsauth.Entry) (message, why, fix string) {
	a, err := e.Principal()
	if err != nil {
		return "", "", ""
	}
	t := awsauth.ParseTemplate(g, a)
	switch {
	case t.Literal() && t.Text() == "":
		return fmt.Sprintf("%s is an empty group for %s, who has no session name", q(g), withArticle(a.Kind)), "and nothing is bound to it", "remove it"
	case t.Literal() && t.Text() == unauthenticated:
		return q(g) + " is " + unauthenticated, whyNotUnauthenticated, "remove it"
	}
	if _, can := t.CanBe(policy.Masters); can {
		return "", "", "" // there is worse to say of it
	}
	if by, can := t.CanBe(unauthenticated); can && !t.Literal() {
		how := "for some callers"
		if by != "" {
			how = "with the session name " + q(by)
		}
		return fmt.Sprintf("%s can become %s, %s", q(g), unauthenticated, how), whyNotUnauthenticated, "put a text of your own with another beginning before the {{"
	}
	return "", "", ""
}

// leavesEverybody reports that one of the groups, for every caller, keeps the principal out of everybody's.
func leavesEverybody(arn string, groups []string) bool {
	return slices.ContainsFunc(groups, func(g string) bool {
		name, ok := literally(g, arn)
		return ok && name == unauthenticated
	})
}

// suspicious says what is odd about a group, or nothing.
func suspicious(g string) (message, why, fix string) {
	trimmed := strings.TrimSpace(g)
	switch {
	case g == "":
		return "", "", "" // the text says so: an empty group, or one that EKS empties because of its type
	case g == unauthenticated:
		return q(g) + " is the group of callers who are not authenticated", whyNotUnauthenticated, "remove it"
	case trimmed == "":
		return q(g) + " is blank", "and gives nothing", "remove it"
	case strings.Contains(g, " - "):
		return q(g) + " is one group to YAML", "since the second line is indented deeper than the first",
			"put every group on a line of its own, all equally far from the left"
	case trimmed != g:
		return q(g) + " has spaces around it", "and Kubernetes compares groups to the letter", "write " + bare(trimmed)
	case strings.IndexFunc(g, unicode.IsSpace) >= 0:
		return q(g) + " has spaces in it", "and nothing is bound to such a group", "write one group a line, without spaces"
	}
	if parts := strings.FieldsFunc(g, separator); len(parts) > 1 {
		for _, part := range parts {
			if near, _ := nearGroup(part); near != "" {
				return q(g) + " is one group to EKS", "and nothing is bound to it", "write groups: [" + bare(groupList(g)) + "]"
			}
		}
	}
	if near, exact := nearGroup(g); near != "" && !exact {
		switch fix = "write " + near; near {
		case policy.Masters:
			fix += ", which needs an approval in the policy"
		case unauthenticated:
			fix = "remove it"
		}
		return q(g) + " is not " + near, "and Kubernetes compares groups to the letter, so it gives nothing", fix
	}
	return "", "", ""
}

func separator(r rune) bool { return r == ',' || r == ';' || r == ' ' }

// groupList is what was meant by several groups in one text, for a YAML list.
func groupList(s string) string {
	parts := strings.FieldsFunc(s, separator)
	for i, part := range parts {
		if near, _ := nearGroup(part); near != "" {
			parts[i] = near
		}
	}
	return strings.Join(parts, ", ")
}

// nearGroup finds the well-known group that g is or was meant to be.
func nearGroup(g string) (near string, exact bool) {
	for _, w := range wellKnownGroups {
		if g == w {
			return w, true
		}
	}
	folded := strings.ToLower(g)
	// Groups of one's own do not begin with system: or eks:, so there is more room for typos.
	limit := 1
	if strings.HasPrefix(folded, "system:") || strings.HasPrefix(folded, "eks:") {
		limit = 2
	}
	size := utf8.RuneCountInString(folded)
	for _, w := range wellKnownGroups {
		// So many characters more or fewer are as many edits.
		if max(size-len(w), len(w)-size) <= limit && levenshtein.Distance(folded, w, nil) <= limit {
			return w, false
		}
	}
	return "", false
}
