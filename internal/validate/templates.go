package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

var templateFamily = family{
	entry: checkTemplates,
	rules: []Rule{
		{ID: "AA206", Name: "unknown-template", Severity: Warning, ofText: true,
			What: "{{...}} that EKS does not know, a session name for users, who have no session, and {{EC2PrivateDNSName}} where no EC2 node signs in",
			Why:  "EKS leaves what it does not know as it is, renders an absent session name as nothing, and refuses whoever is no EC2 instance where {{EC2PrivateDNSName}} stands",
			Bad: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: "ci:{{ SessionName }}"
      groups: [deployers]
`, Good: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: "ci:{{SessionName}}"
      groups: [deployers]
`},
		{ID: "AA403", Name: "template-grants", Severity: Error,
			What: "a group or username whose {{...}} can become a privileged one",
			Why:  "whoever assumes the role chooses the session name: with the right one, system:{{SessionName}} is system:masters",
			Bad: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: ["system:{{SessionName}}"]
`, Good: goodNodesAndCI},
	},
}

// privilegedByName are what a template must never become, beside the privileged groups: node identities, and the
// control plane's own users, whom the default RBAC lets do nearly everything.
var privilegedByName = []string{groupNodes, groupBootstrappers, "system:kube-controller-manager", "system:kube-scheduler"}

func checkTemplates(p *pass, e *awsauth.Entry) {
	if !e.Templated() {
		return
	}
	p.unknownTemplates(e, "username", e.Username)
	for i, g := range e.Groups {
		p.unknownTemplates(e, fmt.Sprintf("groups[%d]", i), g)
	}
	for _, w := range p.oracle.templateWays(e.ARN.Value, e.Username.Value, e.GroupNames()) {
		if w.Standing == policy.Valid {
			continue
		}
		field, at := "username", e.Username
		if !w.Username {
			field, at = fmt.Sprintf("groups[%d]", w.Index), e.Groups[w.Index]
		}
		target := w.Becomes
		if w.Username && slices.Contains(p.policy.ExemptUsernames, target) && reservedPrefix(e.Username.Value) != "" {
			p.template(e, field, at, target, w.Session)
			continue
		}
		if p.oracle.group(target).Rule != "AA401" && w.Evidence != "" {
			target += ", which is as good as system:masters (" + whole(w.Evidence) + ")"
		} else if p.oracle.group(target).Approver && !w.Username {
			target += ", which gives " + w.Evidence
		}
		p.template(e, field, at, target, w.Session)
	}
	of, _ := e.Principal() // where it is none, nothing is known of it
	if t := awsauth.ParseTemplate(e.Username.Value, of); !(t.Literal() && t.Text() == e.Username.Value) && reservedPrefix(e.Username.Value) == "" {
		for _, prefix := range reservedPrefixes {
			if by, ok := t.CanBegin(prefix); ok {
				p.template(e, "username", e.Username, prefix+"...", by)
				break
			}
		}
	}
}

func (p *pass) template(e *awsauth.Entry, field string, at awsauth.Text, target, by string) {
	how := "for some callers"
	if by != "" {
		how = fmt.Sprintf("with the session name %s, which the caller chooses", q(by))
	}
	f := Finding{Field: e.Path(field), DataKey: e.DataKey, Line: at.Line, Column: at.Column, Value: redact(at.Value),
		entry: e.Subject(), subject: at.Value,
		Message: fmt.Sprintf("%s can become %s", q(at.Value), target), Why: how,
		Fix: "write the name out, or put a text of your own with another beginning before the {{"}
	if field == "username" && reservedPrefix(at.Value) != "" && slices.Contains(p.policy.ExemptUsernames, target) {
		f.unless = "AA404" // which says that nobody may have such a name
	}
	p.report("AA403", f)
}

func (p *pass) unknownTemplates(e *awsauth.Entry, field string, t awsauth.Text) {
	if !strings.Contains(t.Value, "{{") {
		return
	}
	f := Finding{Field: e.Path(field), DataKey: e.DataKey, Line: t.Line, Column: t.Column, Value: redact(t.Value), entry: e.Subject()}
	for _, u := range awsauth.UnknownPlaceholders(t.Value) {
		f := f
		f.subject = "placeholder " + u
		f.Message, f.Why, f.Fix = q(u)+" is not one that EKS replaces", "so it stays in the name as it is", "write one of "+strings.Join(awsauth.Placeholders, ", ")
		if near := awsauth.NearestPlaceholder(u); near != "" {
			f.Fix = "write " + near
		}
		p.report("AA206", f)
	}
	a, err := e.Principal()
	if err != nil {
		return
	}
	if a.Kind == awsauth.KindUser && (strings.Contains(t.Value, awsauth.SessionName) || strings.Contains(t.Value, awsauth.SessionNameRaw)) {
		f := f
		f.subject = "session of a user"
		f.Message, f.Why, f.Fix = q(t.Value)+" asks for a session name", "and a user has none, so that nothing stands in its place", "write the name out"
		p.report("AA206", f)
	}
	if strings.Contains(t.Value, awsauth.EC2PrivateDNSName) && !(field == "username" && strings.HasPrefix(t.Value, nodePrefix)) {
		f := f
		f.subject = "DNS name of no node"
		f.Message, f.Why, f.Fix = q(t.Value)+" asks for the DNS name of an EC2 instance", "and whoever is no EC2 instance cannot sign in at all", "write "+awsauth.SessionName+", or the name"
		p.report("AA206", f)
	}
}
