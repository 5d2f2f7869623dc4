package firstpolicy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// approve proposes approvals for what the guard would deny if aws-auth were new.
func (p *Proposal) approve(c Cluster) {
	p.Approvals = kept(c.Policy.Privileged.Approvals)
	resolver := privilege.NewResolver(c.Policy, c.Privileges, c.Now)
	p.UnreadRBAC = unreadRBAC(c, resolver)
	everybody := false
	given := map[string][]privilege.Grant{} // by principal
	var principals []string
	for _, g := range resolver.Compare(nil, c.AWSAuth).Given {
		switch {
		case g.Meant, g.Standing == policy.Valid, p.takes(g):
		case g.Standing == policy.Expired:
			p.refuse(g, fmt.Sprintf("its approval expired on %s; renew it, or remove the mapping", g.Approval.Expires.Day()))
		case g.Name == policy.Everybody && g.Index < 0:
			everybody = true
		default:
			if len(given[g.Principal]) == 0 {
				principals = append(principals, g.Principal)
			}
			given[g.Principal] = append(given[g.Principal], g)
		}
	}
	for _, principal := range principals {
		p.approvePrincipal(c, given[principal])
	}
	if everybody {
		p.Unapproved = append(p.Unapproved, "everybody is equivalent to cluster-admin, by the group "+policy.Everybody+
			"; remove that right in RBAC")
	}
	p.refuseTemplates(c.AWSAuth, resolver)
}

func unreadRBAC(c Cluster, r *privilege.Resolver) string {
	switch {
	case !*c.Policy.Privileged.FromRBAC:
		return ""
	case c.Privileges == nil:
		return "RBAC was not read"
	case r.Blind != nil:
		return "RBAC was not read: " + phrase.Whole(r.Blind.Error())
	case r.Partial != nil:
		return "RBAC was not read to the end: " + phrase.Whole(r.Partial.Why.Error())
	}
	return ""
}

// permissionSet is the ARN of a role of IAM Identity Center, up to the digits that differ from account to account.
var permissionSet = regexp.MustCompile(`^(.*:role/` + awsauth.SSOPrefix + `.+)_[0-9a-f]{16}$`)

// approvePrincipal proposes one approval of all that a principal has.
func (p *Proposal) approvePrincipal(c Cluster, grants []privilege.Grant) {
	arn, ok := principal(grants[0].ARN)
	approval := policy.Approval{ARN: arn, Expires: c.Expires,
		Reason: "already an admin on " + c.Now.UTC().Format(time.DateOnly) + "; not reviewed yet"}
	masters := slices.ContainsFunc(grants, func(g privilege.Grant) bool {
		return !g.Username && g.Rendered() == policy.Masters
	})
	notes := []string{source(grants[0])}
	for _, g := range grants {
		switch {
		case !ok:
			p.refuse(g, "IAM gives nobody such an ARN; remove the mapping")
			continue
		case g.Username && privilege.ReservedPrefix(g.Rendered()) != "":
			p.refuse(g, "that username belongs to a component of EKS or Kubernetes; write another")
			continue
		case !legible(g.Rendered()):
			p.refuse(g, "that name has characters that nobody can see; write another")
			continue
		}
		notes = append(notes, power(g))
		switch {
		case masters && g.Kind == privilege.Equivalent: // the approval of system:masters covers it
		case g.Username:
			approval.Usernames = append(approval.Usernames, g.Rendered())
		default:
			approval.Groups = append(approval.Groups, g.Rendered())
		}
	}
	if set := permissionSet.FindStringSubmatch(arn); set != nil {
		notes = append(notes, "with pattern: "+set[1]+
			"_* instead of arn, the approval stays when the permission set gets another role")
	}
	if len(approval.Groups)+len(approval.Usernames) > 0 {
		p.Approvals = append(p.Approvals, Entry[policy.Approval]{Value: approval, Notes: notes})
	}
}

// takes notes who is mapped to a break-glass group without an approval that counts.
func (p *Proposal) takes(g privilege.Grant) bool {
	_, ok := principal(g.ARN)
	if g.Username || !ok || !slices.Contains(p.breakGlass, g.Rendered()) {
		return false
	}
	p.addTaken(phrase.Whole(g.ARN))
	return true
}

func (p *Proposal) addTaken(who string) {
	if !slices.Contains(p.Taken, who) {
		p.Taken = append(p.Taken, who)
	}
}

// source is the line that maps the principal of a grant.
func source(g privilege.Grant) string {
	if g.Entry == nil {
		return fmt.Sprintf("by mapAccounts (line %d), which lists account %s", g.Account.Line, phrase.Whole(g.Account.Value))
	}
	return fmt.Sprintf("%s line %d, username %s", g.Entry.DataKey, g.Entry.ARN.Line, phrase.Quote(g.Entry.Username.Value))
}

// what is the name that a grant is about.
func what(g privilege.Grant) string {
	kind := "group "
	if g.Username {
		kind = "username "
	}
	return kind + phrase.Quote(g.Name)
}

// power is what makes the name of a grant privileged. A chain through RBAC begins with the name.
func power(g privilege.Grant) string {
	evidence := phrase.Whole(g.Evidence)
	if strings.Contains(evidence, " -> ") {
		return evidence
	}
	return what(g) + ": " + evidence
}

// refuse says why a grant gets no approval.
func (p *Proposal) refuse(g privilege.Grant, why string) {
	p.Unapproved = append(p.Unapproved, fmt.Sprintf("%s has the %s: %s", phrase.Whole(g.ARN), what(g), why))
}

// refuseTemplates names the templates that can become a privileged name. They get no approval: with one, everybody who
// may assume the role could choose to be that name.
func (p *Proposal) refuseTemplates(v *awsauth.Version, r *privilege.Resolver) {
	for _, id := range v.Restored.Winners {
		if !id.Entry.Templated() {
			continue
		}
		p.takeTemplates(id, r)
		for _, w := range r.TemplateWays(id.Canonical, id.Username, id.Groups) {
			if w.Standing == policy.Valid {
				continue
			}
			session, fix := "", "write the name out"
			if w.Session != "" {
				session = " with the session name " + phrase.Quote(w.Session)
			}
			if w.Username {
				fix = "begin it with a prefix of your own, or write the name out"
			}
			p.Unapproved = append(p.Unapproved, fmt.Sprintf("%s has the %s, which can become %s%s; %s",
				phrase.Whole(id.Canonical), what(privilege.Grant{Way: w}), phrase.Whole(w.Becomes), session, fix))
		}
	}
}

// takeTemplates notes who can become a member of a break-glass group by a session name of their choice.
func (p *Proposal) takeTemplates(id awsauth.Identity, r *privilege.Resolver) {
	of, err := awsauth.ParseARN(id.Canonical)
	if err != nil {
		return
	}
	for i, name := range id.Groups {
		template := awsauth.ParseTemplate(name, of)
		for _, group := range p.breakGlass {
			if _, can := template.CanBe(group); template.Literal() || !can {
				continue
			}
			way := privilege.Way{Kind: privilege.Template, Name: name, Index: i, Becomes: group}
			if _, standing := r.Approved(id.Canonical, way); standing != policy.Valid {
				p.addTaken(phrase.Whole(id.Canonical) + " by the template " + phrase.Quote(name))
			}
		}
	}
}
