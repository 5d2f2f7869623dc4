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
		{ID: "AA206", Name: "unknown-template", Severity: Error, ofText: true,
			What: "a placeholder inside other braces, and {{EC2PrivateDNSName}} for people or for nodes that are not on EC2; a warning for {{...}} that EKS does not know, for the session name of users, the root user and federated users, who have none, and for {{EC2PrivateDNSName}} in a username that is no node's",
			Why:  "EKS replaces one placeholder after another, also in the value of the one before; if the username or a group has {{EC2PrivateDNSName}}, only EC2 instances can authenticate; {{...}} that EKS does not know stays as it is, and a session name that is not there becomes nothing",
			Bad: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: "ci:{{SessionName}}"
      groups: [deployers, "on:{{EC2PrivateDNSName}}"]
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
	p.namelessTemplate(e)
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
		if p.approver(w, target) {
			target += ", which gives " + w.Evidence
		} else if p.oracle.group(target).Rule != "AA401" && w.Evidence != "" {
			target += ", which is as good as system:masters (" + whole(w.Evidence) + ")"
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

// approver reports that what a template becomes gives no more than the place of one of the policy's approvers.
func (p *pass) approver(w Way, becomes string) bool {
	if w.Username {
		return p.oracle.username(becomes).Approver
	}
	return p.oracle.group(becomes).Approver
}

func (p *pass) template(e *awsauth.Entry, field string, at awsauth.Text, target, by string) {
	how, what := "for some callers", "username "
	if field != "username" {
		what = "group "
	}
	if by != "" {
		how = fmt.Sprintf("with the session name %s, which the caller chooses", q(by))
	}
	f := Finding{Field: e.Path(field), DataKey: e.DataKey, Line: at.Line, Column: at.Column, Value: redact(at.Value),
		entry: e.Subject(), subject: what + at.Value,
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
		f.Severity, f.subject = Warning, "placeholder "+u
		f.Message, f.Why, f.Fix = q(u)+" is not one that EKS replaces", "so it stays in the name as it is", "write one of "+strings.Join(awsauth.Placeholders, ", ")
		if near := awsauth.NearestPlaceholder(u); near != "" {
			f.Fix = "write " + near
		}
		p.report("AA206", f)
	}
	for _, n := range awsauth.Nested(t.Value) {
		f := f
		f.subject = "nested in " + strings.TrimRight(field, "[0123456789]") + " " + t.Value
		f.Message, f.Why = q(n)+" has a placeholder inside other braces", "and EKS replaces one placeholder after another, so the value of the first can complete the second"
		f.Fix = "write the name out, or put the placeholders side by side"
		p.report("AA206", f)
	}
	a, err := e.Principal()
	if err != nil {
		return
	}
	if name, ok := literally(t.Value, e.ARN.Value); a.Sessionless() && (strings.Contains(t.Value, awsauth.SessionName) || strings.Contains(t.Value, awsauth.SessionNameRaw)) && (!ok || name != "") {
		f := f
		f.Severity, f.subject = Warning, "session of a user"
		f.Message, f.Why, f.Fix = q(t.Value)+" uses the session name", "and "+withArticle(a.Kind)+" has none, so EKS replaces it with nothing", "write the name out"
		p.report("AA206", f)
	}
	p.instancesOnly(e, a, t, f)
}

// instancesOnly finds {{EC2PrivateDNSName}} where others than EC2 instances are meant. One value that cannot be rendered for
// them is enough for EKS to deny them (aws-iam-authenticator pkg/server, renderTemplates).
func (p *pass) instancesOnly(e *awsauth.Entry, a awsauth.ARN, t awsauth.Text, f Finding) {
	username := e.Username.Value
	ofInstances := strings.Contains(username, awsauth.EC2PrivateDNSName)
	if !strings.Contains(t.Value, awsauth.EC2PrivateDNSName) || ofInstances && strings.HasPrefix(username, nodePrefix) && !a.Sessionless() {
		return // nodes on EC2
	}
	f.subject = "DNS name of no node"
	f.Message, f.Fix = q(t.Value)+" can be rendered only for EC2 instances", "write "+awsauth.SessionName+", or write the name out"
	switch {
	case a.Sessionless():
		f.Why, f.Fix = "and "+withArticle(a.Kind)+" is not one, so nobody can authenticate by this entry", "write the name out"
	case awsauth.HasSSOPrefix(a.Name):
		f.Why = "and no other caller can authenticate, so nobody can use this IAM Identity Center (SSO) role"
	case !ofInstances:
		f.Why, f.Fix = "and no other caller can authenticate, whatever the username", "remove it, or write "+awsauth.SessionName
	case p.admittedAll(e):
		f.Why = "and others who authenticate with this role today can no longer do so"
	default:
		f.Severity, f.Why = Warning, "and no other caller can authenticate by this entry"
	}
	p.report("AA206", f)
}

// admittedAll reports that every session of the entry's principal could authenticate before the edit.
func (p *pass) admittedAll(e *awsauth.Entry) bool {
	if p.old == nil || p.at == p.old {
		return false
	}
	ids := p.old.effective.Lookup(e.ARN.Value)
	if len(ids) > 0 {
		return slices.ContainsFunc(ids, func(id awsauth.Identity) bool { return id.Sessions() == awsauth.AnySession })
	}
	a, _ := e.Principal()
	_, whole := p.old.effective.Accounts[a.Account]
	return whole
}

// namelessTemplate finds a username that renders to nothing, as if there were none.
func (p *pass) namelessTemplate(e *awsauth.Entry) {
	t := e.Username
	if name, ok := literally(t.Value, e.ARN.Value); !ok || name != "" || t.Value == "" {
		return
	}
	a, _ := e.Principal() // without a principal a template is not literal
	p.report("AA106", Finding{Field: e.Path("username"), DataKey: e.DataKey, Line: t.Line, Column: t.Column, Value: redact(t.Value), entry: e.Name(), subject: "username",
		Message: fmt.Sprintf("the username %s is empty for %s, who has no session name", q(t.Value), withArticle(a.Kind)),
		Why:     "and EKS authenticates callers under the empty name, so RBAC and the audit log cannot tell them apart", Fix: "write the name out"})
}
