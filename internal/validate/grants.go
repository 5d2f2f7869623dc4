package validate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

var grantFamily = family{
	edit: checkGrants,
	rules: []Rule{
		{ID: "AA401", Name: "unapproved-grant", Severity: Error,
			What: "a principal that gets into a privileged group (system:masters, the policy's own, the break-glass groups) and did not have it before, without an approval in the policy; also when a repaired ARN or a removed duplicate makes an old entry work",
			Why:  "the API server lets system:masters do everything, without asking RBAC or any webhook's match for it",
			Bad: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [system:masters]
`, Good: goodNodesAndCI},
	},
}

// grant is one way into a privileged group.
type grant struct {
	principal string // the subject of the ARN
	group     string
}

// grants lists the ways in. Those that work: by effective access, also in values that EKS cannot read at the moment,
// since whoever repairs the text brings them back. Those that are meant: by entries that match nobody as they stand.
func (p *pass) grants(s *state) (working, meant map[grant]*awsauth.Entry) {
	working, meant = map[grant]*awsauth.Entry{}, map[grant]*awsauth.Entry{}
	if s == nil {
		return working, meant
	}
	privileged := p.policy.PrivilegedGroups()
	for key, identities := range s.restored.Principals {
		for _, id := range identities {
			for _, g := range id.Groups {
				if slices.Contains(privileged, g) {
					working[grant{key, g}] = id.Entry
				}
			}
		}
	}
	for _, e := range s.doc.Entries() {
		a, err := awsauth.ParseARN(e.ARN.Value)
		if err != nil || a.Matchable() {
			continue
		}
		for _, g := range e.Groups {
			if slices.Contains(privileged, g.Value) {
				meant[grant{awsauth.Subject(e.ARN.Value), g.Value}] = e
			}
		}
	}
	return working, meant
}

func checkGrants(p *pass) {
	had, hadMeant := p.grants(p.old)
	has, hasMeant := p.grants(p.new)
	for g, e := range has {
		if _, before := had[g]; !before {
			p.unapproved(g, e, p.reached(g, e))
		}
	}
	for g, e := range hasMeant {
		_, before := had[g]
		_, meantBefore := hadMeant[g]
		if _, works := has[g]; !works && !before && !meantBefore {
			p.unapproved(g, e, "")
		}
	}
}

// reached says how an entry that stood there before comes to work now, or nothing.
func (p *pass) reached(g grant, e *awsauth.Entry) string {
	if p.old == nil {
		return ""
	}
	for _, o := range p.old.doc.Entries() {
		if awsauth.Subject(o.ARN.Value) != g.principal || !slices.ContainsFunc(o.Groups, func(t awsauth.Text) bool { return t.Value == g.group }) {
			continue
		}
		if o.ARN.Value != e.ARN.Value {
			return "which it did not have, since its ARN matched nobody"
		}
		return "which it did not have, since another entry for it won"
	}
	return ""
}

func (p *pass) unapproved(g grant, e *awsauth.Entry, how string) {
	approval, standing := p.policy.Approved(g.principal, g.group, p.now)
	if standing == policy.Valid {
		return
	}
	at, index := e.ARN, 0
	for i, t := range e.Groups {
		if t.Value == g.group && t.Line > 0 {
			at, index = t, i
		}
	}
	why := "and the policy does not approve it"
	if standing == policy.Expired {
		why = fmt.Sprintf("and its approval in the policy (line %d) expired on %s", approval.Line, approval.Expires.Format(time.DateOnly))
	}
	if how != "" {
		why = how + ", " + why
	}
	what := "everything in the cluster"
	switch {
	case slices.Contains(p.policy.BreakGlassGroups, g.group):
		what = "every edit past this guard"
	case g.group != policy.Masters:
		what = "what the policy calls privileged"
	}
	canonical := e.ARN.Value
	if a, err := awsauth.ParseARN(strings.TrimSpace(canonical)); err == nil {
		canonical = a.Canonical()
	}
	p.report("AA401", Finding{Field: e.Path(fmt.Sprintf("groups[%d]", index)), DataKey: e.DataKey, Line: at.Line, Column: at.Column,
		Value: g.group, entry: g.principal, subject: g.group,
		Message: fmt.Sprintf("%s gives %s %s", q(g.group), bare(clip(canonical)), what), Why: why,
		Fix: "leave " + bare(g.group) + " out, or have the ARN approved in the policy under privileged.approvals"})
}
