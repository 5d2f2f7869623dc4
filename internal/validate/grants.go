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
			What: "a principal that gets into a privileged group (system:masters, the policy's own, the break-glass groups, the approvers' groups) and did not have it before, without an approval in the policy; also when a repaired ARN or a removed duplicate makes an old entry work",
			Why:  "the API server lets system:masters do everything, without asking RBAC or any webhook's match for it",
			Bad: goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [system:masters]
`, Good: goodNodesAndCI},
		{ID: "AA402", Name: "unapproved-equivalent", Severity: Error,
			What: "a principal that gets a group or username which the cluster's RBAC makes as good as system:masters, also by mapAccounts, or a username that the policy exempts or lists as an approver, without an approval in the policy; a warning if RBAC could not be read enough to know, an error if the policy says privileged.onUnreadable: deny, or if the guard has just started and has not read it yet",
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
	// becomes is what a template becomes, or can become.
	becomes string
}

// holding is the entry that a grant stands in; of mapAccounts it has the place alone.
type holding struct {
	*awsauth.Entry
	way Way
	// account is that of mapAccounts by which it is one.
	account string
}

// grants lists the ways in. Those that work: by effective access, also in values that EKS cannot read at the moment,
// since whoever repairs the text brings them back. Those that are meant: by entries that match nobody as they stand, or
// whose principal has another entry that wins.
func (p *pass) grants(s *state) (working, meant map[grant]holding) {
	working, meant = map[grant]holding{}, map[grant]holding{}
	if s == nil {
		return working, meant
	}
	wins := map[*awsauth.Entry]bool{}
	identities(s.special, s.restored, func(id awsauth.Identity) {
		wins[id.Entry] = true
		for _, w := range p.waysOf(id.Canonical, id.Entry) {
			working[grant{id.Entry.Key(), w.Name, w.Username, w.Becomes}] = holding{Entry: id.Entry, way: w}
		}
	})
	for _, e := range s.special {
		if _, err := e.Principal(); err != nil || wins[e] {
			continue
		}
		subject := e.Subject()
		for _, w := range p.waysOf(subject, e) {
			meant[grant{subject, w.Name, w.Username, w.Becomes}] = holding{Entry: e, way: w}
		}
	}
	p.accountGrants(s, working)
	return working, meant
}

// waysOf are those of an entry. What its templates can become without an approval is AA403's to say.
func (p *pass) waysOf(arn string, e *awsauth.Entry) []Way {
	ways := p.oracle.ways(arn, e.Username.Value, e.GroupNames())
	if !e.Templated() {
		return ways
	}
	for _, w := range p.oracle.templateWays(arn, e.Username.Value, e.GroupNames()) {
		if w.Standing == policy.Valid && w.Evidence != "" {
			ways = append(ways, w)
		}
	}
	return ways
}

// accountGrants adds the ways of those whom mapAccounts admits: they have their ARN as username, and no groups, unless
// there is an entry for them.
func (p *pass) accountGrants(s *state, working map[grant]holding) {
	if len(s.restored.Accounts) == 0 {
		return
	}
	add := func(account awsauth.Text, principal string, w Way) {
		w.Index = -1
		w.Approval, w.Standing = p.oracle.approved(principal, w)
		e := &awsauth.Entry{Place: account.Place, ARN: awsauth.Text{Value: principal, Place: account.Place}}
		working[grant{principal: awsauth.Subject(principal), name: w.Name, username: w.Username}] = holding{Entry: e, way: w, account: account.Value}
	}
	if w := p.oracle.group(everybody); w.Rule != "" {
		for id, account := range s.restored.Accounts {
			add(account, id, w)
		}
	}
	named := func(name string) {
		account, ok := accountOf(s.restored, name)
		if !ok { // an entry in a value that EKS cannot read keeps nobody from it
			account, ok = accountOf(s.effective, name)
		}
		if ok {
			add(account, name, p.oracle.username(name))
		}
	}
	for _, name := range p.oracle.usernames {
		named(name)
	}
	for name := range p.oracle.equivalents.Usernames {
		named(name)
	}
}

// accountOf is the account in mapAccounts by which a principal has a username, its own ARN.
func accountOf(access *awsauth.Access, username string) (account awsauth.Text, ok bool) {
	if len(username) < len("arn:") || !strings.EqualFold(username[:len("arn:")], "arn:") { // most are none
		return account, false
	}
	a, err := awsauth.ParseARN(username)
	if err != nil || !a.Matchable() || len(access.Lookup(username)) > 0 {
		return account, false
	}
	account, ok = access.Accounts[a.Account]
	return account, ok
}

func checkGrants(p *pass) {
	if p.new == nil {
		return
	}
	had, hadMeant := p.grants(p.old)
	has, hasMeant := p.grants(p.new)
	told := map[grant]bool{} // of all that a template can become, the first
	for _, g := range sortedGrants(has) {
		if template := (grant{g.principal, g.name, g.username, ""}); has[g].way.Rule == "AA403" {
			if _, before := had[g]; before || told[template] {
				continue
			}
			told[template] = p.unapproved(g, has[g], p.reached(g, has[g]))
			continue
		}
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
	if e.account != "" {
		if _, mapped := p.old.restored.Accounts[e.account]; mapped && len(p.old.restored.Lookup(e.ARN.Value)) > 0 {
			return "and it did not have that, since an entry of its own gave it another username"
		}
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
	if e.account != "" {
		return Finding{Field: "data." + awsauth.MapAccounts, DataKey: e.DataKey, Line: at.Line, Column: at.Column, Value: redact(e.account), entry: g.principal, subject: g.subject()}
	}
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

// unapproved reports a new grant, unless all conditions are met.
func (p *pass) unapproved(g grant, e holding, how string) (reported bool) {
	against, remedies := p.conditions(e.way)
	if len(against) == 0 {
		return false
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
	f.Message = fmt.Sprintf("%s gives %s %s", what, bare(clip(canonical)), whole(e.way.Evidence))
	switch {
	case e.account != "" && g.username && e.way.Approver:
		f.Message = fmt.Sprintf("account %s gives %s its ARN as username, and so %s", q(e.account), bare(clip(canonical)), whole(e.way.Evidence))
	case e.account != "" && g.username:
		f.Message = fmt.Sprintf("account %s gives %s its ARN as username, which is as good as system:masters (%s)", q(e.account), bare(clip(canonical)), whole(e.way.Evidence))
	case e.way.Rule == "AA403":
		f.Message = fmt.Sprintf("%s can become %s, which gives %s %s", q(g.name), bare(clip(e.way.Becomes)), bare(clip(canonical)), whole(e.way.Evidence))
	case e.way.Rule == "AA402" && !e.way.Approver:
		f.Message = fmt.Sprintf("%s makes %s as good as system:masters (%s)", what, bare(clip(canonical)), whole(e.way.Evidence))
	}
	f.Why = "and " + strings.Join(against, ", and ")
	if how != "" {
		f.Why = how + ", " + f.Why
	}
	instead := "leave " + bare(g.name) + " out"
	switch {
	case e.account != "" && g.username:
		instead = "leave account " + e.account + " out, or keep an entry for " + bare(clip(canonical))
	case g.username:
		instead = "write another username"
	case g.name == everybody && e.way.Rule == "AA401":
		instead = "take " + everybody + " out of privileged.groups in the policy"
	case g.name == everybody:
		instead = "take the right from " + everybody + " in RBAC"
	}
	f.Fix = instead + ", or " + strings.Join(remedies, ", and ")
	if g.username && !e.way.Approver && reservedPrefix(g.name) != "" && slices.Contains(p.policy.ExemptUsernames, g.name) {
		f.unless = "AA404" // which says that nobody may have such a name
	}
	p.report(e.way.Rule, f)
	return true
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
