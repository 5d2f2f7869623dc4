package validate

import (
	"errors"
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
		{ID: "AA402", Name: "unapproved-equivalent", Severity: Error,
			What: "a principal that gets a group or username which the cluster's RBAC makes as good as system:masters, without an approval in the policy; a warning where RBAC could not be looked at, an error where the guard has just started and has not read it yet",
			Why:  "whoever is bound to cluster-admin, may escalate, bind or impersonate, or can run code in kube-system, can do everything, though system:masters is written nowhere",
			Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "[ops]", 1), Good: goodNodesAndCI},
		{ID: "AA407", Name: "approval-expired", Severity: Warning,
			What: "a principal that is in a privileged group, and was before, and whose approval in the policy has expired",
			Why:  "nobody stands any longer for the rights that it still has",
			Bad: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: builder
      groups: [system:masters]
`, Good: goodNodesAndCI},
	},
}

var errNoCluster = errors.New("no cluster is connected")

// grant is one way in: a principal, by the subject of its ARN, and a privileged name.
type grant struct {
	principal string
	name      string
	username  bool
}

// holding is the entry that a grant stands in.
type holding struct {
	*awsauth.Entry
	way Way
}

// grants lists the ways in. Those that work: by effective access, also in values that EKS cannot read at the moment,
// since whoever repairs the text brings them back. Those that are meant: by entries that match nobody as they stand.
func (p *pass) grants(s *state) (working, meant map[grant]holding) {
	working, meant = map[grant]holding{}, map[grant]holding{}
	if s == nil {
		return working, meant
	}
	identities(s.special, s.restored, func(id awsauth.Identity) {
		for _, w := range p.oracle.ways(id.Canonical, id.Username, id.Groups) {
			working[grant{id.Entry.Key(), w.Name, w.Username}] = holding{id.Entry, w}
		}
	})
	for _, e := range s.special {
		a, err := e.Principal()
		if err != nil || a.Matchable() {
			continue
		}
		subject := e.Subject()
		for _, w := range p.oracle.ways(subject, e.Username.Value, e.GroupNames()) {
			meant[grant{subject, w.Name, w.Username}] = holding{e, w}
		}
	}
	return working, meant
}

func checkGrants(p *pass) {
	if p.new == nil {
		return
	}
	had, hadMeant := p.grants(p.old)
	has, hasMeant := p.grants(p.new)
	for _, g := range sortedGrants(has) {
		if _, before := had[g]; !before {
			p.unapproved(g, has[g], p.reached(g, has[g]))
		} else if has[g].way.Standing == policy.Expired {
			p.expired(g, has[g])
		}
	}
	for _, g := range sortedGrants(hasMeant) {
		_, before := had[g]
		_, meantBefore := hadMeant[g]
		if _, works := has[g]; !works && !before && !meantBefore {
			p.unapproved(g, hasMeant[g], "")
		}
	}
	p.unseen()
}

// reached says how an entry that stood there before comes to work now, or nothing.
func (p *pass) reached(g grant, e holding) string {
	if p.old == nil {
		return ""
	}
	for _, o := range p.old.doc.Entries() {
		if o.Subject() != g.principal || !(g.username && o.Username.Value == g.name || !g.username && slices.Contains(o.GroupNames(), g.name)) {
			continue
		}
		if o.ARN.Value != e.ARN.Value {
			return "and it did not have that, since its ARN matched nobody"
		}
		return "and it did not have that, since another entry for it won"
	}
	return ""
}

// finding is about a grant, at the place of its name in the text.
func (g grant) finding(e holding) Finding {
	at, field := e.ARN, awsauth.ARNField(e.DataKey)
	if g.username {
		at, field = e.Username, "username"
	} else if i := e.way.Index; i >= 0 {
		field = fmt.Sprintf("groups[%d]", i)
		if e.Groups[i].Line > 0 {
			at = e.Groups[i]
		}
	}
	return Finding{Field: e.Path(field), DataKey: e.DataKey, Line: at.Line, Column: at.Column, Value: redact(g.name), entry: g.principal, subject: g.subject()}
}

func (g grant) subject() string {
	if g.username {
		return "username " + g.name
	}
	return g.name
}

func (p *pass) unapproved(g grant, e holding, how string) {
	against, remedies := p.conditions(e.way)
	if len(against) == 0 {
		return
	}
	f := g.finding(e)
	canonical := e.ARN.Value
	if a, err := awsauth.ParseARN(strings.TrimSpace(canonical)); err == nil {
		canonical = a.Canonical()
	}
	what := q(g.name)
	switch {
	case e.way.Index < 0 && !g.username:
		what += ", which everybody is in,"
	case e.way.Becomes != "":
		what += ", which is " + bare(clip(e.way.Becomes)) + ","
	}
	f.Message = fmt.Sprintf("%s gives %s %s", what, bare(clip(canonical)), e.way.Evidence)
	if e.way.Rule == "AA402" {
		f.Message = fmt.Sprintf("%s makes %s as good as system:masters (%s)", what, bare(clip(canonical)), whole(e.way.Evidence))
	}
	f.Why = "and " + strings.Join(against, ", and ")
	if how != "" {
		f.Why = how + ", " + f.Why
	}
	instead := "leave " + bare(g.name) + " out"
	switch {
	case g.username:
		instead = "write another username"
	case g.name == everybody:
		instead = "take the right from " + everybody + " in RBAC"
	}
	f.Fix = instead + ", or " + strings.Join(remedies, ", and ")
	p.report(e.way.Rule, f)
}

// expired tells of a standing grant that nobody approves any longer. It does not count against the edit.
func (p *pass) expired(g grant, e holding) {
	f := g.finding(e)
	f.Preexisting = true
	f.Message = fmt.Sprintf("the approval of %s for %s (policy line %d) expired on %s", q(g.name), bare(clip(e.ARN.Value)),
		e.way.Approval.Line, e.way.Approval.Expires.Format(time.DateOnly))
	f.Why = "and it is still mapped"
	f.Fix = "remove " + bare(g.name) + ", or have the approval renewed in the policy"
	p.report("AA407", f)
}
