package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var adminFamily = family{
	edit: checkAdmins,
	rules: []Rule{
		{ID: "AA506", Name: "self-lockout", Severity: Error,
			What: "a caller who removes the mapping by which this very request came in, takes its own rights away, maps itself to a name that EKS cannot render for it, or moves itself from mapAccounts to another username",
			Why:  "the next request of the caller is refused, and nobody may be left to undo the edit",
			Bad:  goodNodes, Good: goodNodesAndCI},
		{ID: "AA507", Name: "last-admin", Severity: Warning,
			What: "the loss of the last mapping to a privileged group, or to what the cluster's RBAC makes as good as system:masters",
			Why:  "only the cluster's creator, or an access entry, can administer the cluster then",
			Bad:  goodNodesAndCI, Good: strings.Replace(goodNodesAndCI, "deployers", "system:masters", 1)},
	},
}

// The keys under which the authenticator passes a caller's IAM identity on (aws-iam-authenticator pkg/server,
// extra fields of the token review). EKS's own build may leave some out.
const (
	extraARN          = "arn"
	extraCanonicalARN = "canonicalArn"
	extraSessionName  = "sessionName"
	extraAccessKeyID  = "accessKeyId"
)

func (p *pass) extra(key string) string {
	for k, v := range p.user.Extra {
		if strings.EqualFold(k, key) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// callerARN is the canonical ARN by which the caller came in, or "".
func (p *pass) callerARN() string {
	if arn := p.extra(extraCanonicalARN); arn != "" {
		return arn
	}
	if a, err := awsauth.ParseARN(p.extra(extraARN)); err == nil {
		return a.Canonical()
	}
	return ""
}

// caller is what templates are rendered with for the caller. known is false if it has a session name that is not known.
func (p *pass) caller() (c awsauth.Caller, known bool) {
	canonical, err := awsauth.ParseARN(p.callerARN())
	if err != nil {
		return awsauth.Caller{}, false
	}
	c = awsauth.Caller{Account: canonical.Account, Session: p.extra(extraSessionName), AccessKeyID: p.extra(extraAccessKeyID)}
	if came, err := awsauth.ParseARN(p.extra(extraARN)); err == nil && c.Session == "" {
		c.Session = came.Session
	}
	return c, c.Session != "" || canonical.Sessionless()
}

// rendered is a mapping as EKS renders it for the caller, as far as that is known.
func (p *pass) rendered(id awsauth.Identity) (username string, groups []string) {
	c, known := p.caller()
	fill := func(s string) string {
		if name, ok := c.Render(s); ok && known {
			return name
		}
		return s
	}
	for _, g := range id.Groups {
		groups = append(groups, fill(g))
	}
	return fill(id.Username), groups
}

func checkAdmins(p *pass) {
	if p.op != Update || p.fleet.ignored() {
		return
	}
	p.selfLockout()
	if p.anyAdmin(p.new) != "" || p.adminElsewhere() {
		return
	}
	if last := p.anyAdmin(p.old); last != "" {
		f := Finding{Field: "data", DataKey: awsauth.MapRoles, subject: "admins", Value: last,
			Message: fmt.Sprintf("no admin is left in aws-auth, %s was the last", q(last)),
			Why:     "so only the cluster's creator or an access entry can administer the cluster", Fix: "keep one admin mapping, or make sure that an access entry is there"}
		if p.fleet.accessKnown(p.now) {
			f.Why = "and no access entry has AmazonEKSClusterAdminPolicy, so only the cluster's creator can administer the cluster"
			f.Fix = "keep one admin mapping, or create an access entry with that policy first"
		}
		p.report("AA507", f)
	}
}

// adminElsewhere reports that an access entry makes somebody an admin.
func (p *pass) adminElsewhere() bool {
	if !p.fleet.accessKnown(p.now) || p.fleet.Mode == ConfigMapMode {
		return false
	}
	for key, e := range p.fleet.Entries {
		if p.fleet.inert(key, e) || barring(e.Groups) >= 0 { // EKS renders the groups of access entries as well
			continue
		}
		if e.ClusterAdmin || slices.ContainsFunc(e.Groups, func(g string) bool { w := p.oracle.group(g); return w.Rule != "" && !w.Approver }) {
			return true
		}
	}
	return false
}

// anyAdmin is the ARN of an admin about whom aws-auth decides, the first by the alphabet, or "". One by whose mapping EC2
// instances alone can authenticate is none.
func (p *pass) anyAdmin(s *state) string {
	first := ""
	identities(s.special, p.table(s), func(id awsauth.Identity) {
		if _, shadowed := p.fleet.shadow(id.Entry.Subject(), p.now); shadowed || id.Sessions() != awsauth.AnySession {
			return
		}
		if (first == "" || awsauth.Key(id.Canonical) < awsauth.Key(first)) && p.admin(id) {
			first = id.Canonical
		}
	})
	return first
}

// admin reports that an identity is as good as system:masters by its own mapping.
func (p *pass) admin(id awsauth.Identity) bool {
	return slices.ContainsFunc(p.oracle.ways(id.Canonical, id.Username, id.Groups), func(w Way) bool { return w.Name != everybody && !w.Approver })
}

// selfLockout compares what the caller is now with what its next request would be.
func (p *pass) selfLockout() {
	arn := p.callerARN()
	if _, shadowed := p.fleet.shadow(awsauth.Subject(arn), p.now); arn == "" || shadowed {
		return // an access entry decides about the caller
	}
	identities := p.old.effective.Lookup(arn)
	if len(identities) == 0 {
		p.accountLockout(arn)
		return
	}
	i := slices.IndexFunc(identities, p.cameInBy)
	if i < 0 {
		return
	}
	was := identities[i]
	f := Finding{Field: was.Entry.Path(""), DataKey: was.Entry.DataKey, Value: was.Canonical, entry: awsauth.Subject(arn), subject: "self",
		Why: "and this very request came in by it, so you could not undo the edit", Fix: "keep the entry as it is, or let another admin make this edit"}
	still := p.table(p.new).Lookup(arn)
	username, groups := p.rendered(was)
	if len(still) == 0 {
		f.Message = fmt.Sprintf("this edit removes your own mapping %s", q(was.Canonical))
		if c, _ := p.caller(); p.table(p.new).Accounts[c.Account].Value != "" {
			if len(groups) == 0 && username == arn {
				return // mapAccounts gives the same
			}
			f.Why = "and by mapAccounts you would authenticate under your ARN and without groups, so you could not undo the edit"
		}
		p.report("AA506", f)
		return
	}
	is := p.worst(still)
	f.Field, f.Line, f.Column = is.Entry.Path(""), is.Entry.Line, is.Entry.Column
	if !p.admits(is) && (p.admits(was) || is.Sessions() > was.Sessions()) {
		f.Message = fmt.Sprintf("after this edit EKS cannot render %s in your own mapping %s, so you can no longer authenticate", awsauth.EC2PrivateDNSName, q(is.Canonical))
		p.report("AA506", f)
		return
	}
	newUsername, newGroups := p.rendered(is)
	var lost []string
	for _, g := range groups {
		if !slices.Contains(newGroups, g) {
			lost = append(lost, g)
		}
	}
	if slices.Contains(newGroups, unauthenticated) && !slices.Contains(groups, unauthenticated) {
		lost = append(lost, everybody)
	}
	renamed := newUsername != username && len(groups) == 0
	switch {
	case p.admin(is) && !renamed:
		return // whatever else goes, an admin can undo it
	case len(lost) > 0:
		f.Message = fmt.Sprintf("this edit takes %s from your own mapping %s", list(lost), q(was.Canonical))
	case renamed:
		f.Message = fmt.Sprintf("this edit changes your own username from %s to %s", q(username), q(newUsername))
	default:
		return
	}
	p.report("AA506", f)
}

// worst is that of several mappings, of which EKS takes any one, by which the caller cannot authenticate, or the first.
func (p *pass) worst(ids []awsauth.Identity) awsauth.Identity {
	if i := slices.IndexFunc(ids, func(id awsauth.Identity) bool { return !p.admits(id) }); i >= 0 {
		return ids[i]
	}
	return ids[0]
}

// admits reports that the caller can authenticate by a mapping.
func (p *pass) admits(id awsauth.Identity) bool {
	c, _ := p.caller()
	return id.Admits(c)
}

// accountLockout is selfLockout for a caller whom mapAccounts admits, under its ARN as username.
func (p *pass) accountLockout(arn string) {
	a, err := awsauth.ParseARN(arn)
	if err != nil || awsauth.Key(p.user.Username) != awsauth.Key(arn) {
		return
	}
	was, mapped := p.old.effective.Accounts[a.Account]
	if !mapped {
		return
	}
	if ids := p.table(p.new).Lookup(arn); len(ids) > 0 {
		p.accountMapped(p.worst(ids), was.Value)
		return
	}
	if _, still := p.table(p.new).Accounts[a.Account]; still {
		return
	}
	p.report("AA506", Finding{Field: "data." + awsauth.MapAccounts, DataKey: awsauth.MapAccounts, Value: was.Value, entry: awsauth.Subject(arn), subject: "self",
		Message: fmt.Sprintf("this edit removes account %s, and with it your own way in", q(was.Value)),
		Why:     "so you could not undo the edit", Fix: "keep the account, or map " + bare(arn) + " first"})
}

// accountMapped is about the mapping that a caller gets whom mapAccounts admitted so far: EKS looks at mapAccounts only for
// those who have none (aws-iam-authenticator pkg/server, doMapping), whether or not it can render it.
func (p *pass) accountMapped(is awsauth.Identity, account string) {
	username, groups := p.rendered(is)
	f := Finding{Field: is.Entry.Path(""), DataKey: is.Entry.DataKey, Line: is.Entry.Line, Column: is.Entry.Column, Value: redact(is.Canonical),
		entry: awsauth.Subject(is.Canonical), subject: "self",
		Why: fmt.Sprintf("and a mapping counts before mapAccounts, by which this very request came in (%s), so you could not undo the edit", q(account)),
		Fix: "leave the entry out, or let another admin make this edit"}
	switch {
	case !p.admits(is):
		f.Message = fmt.Sprintf("this edit maps you, %s, to a name that EKS cannot render for you, so you can no longer authenticate", q(is.Canonical))
	case p.admin(is):
		return
	case slices.Contains(groups, unauthenticated):
		f.Message = fmt.Sprintf("this edit takes %s from you, %s", everybody, q(is.Canonical))
	case username != p.user.Username:
		f.Message = fmt.Sprintf("this edit changes your own username from %s to %s", q(p.user.Username), q(username))
		if len(groups) > 0 { // they may be worth as much as the name
			f.Severity = Warning
			f.Why = "and what is bound to the first name is not yours then"
		}
	default:
		return
	}
	p.report("AA506", f)
}

// cameInBy reports that the caller's username or groups are those of the mapping: an access entry for the same ARN
// wins over aws-auth, and then nothing is lost.
func (p *pass) cameInBy(id awsauth.Identity) bool {
	c, known := p.caller()
	if known && !id.Admits(c) {
		return false
	}
	// is compares with what a template becomes; sure is false if that is not known.
	is := func(template string, equals func(string) bool) (is, sure bool) {
		name, ok := c.Render(template)
		if !known && strings.Contains(template, "{{") || !ok || strings.Contains(name, awsauth.AccessKeyID) || strings.Contains(name, awsauth.EC2PrivateDNSName) {
			return false, false
		}
		return equals(name), true
	}
	if same, sure := is(id.Username, func(name string) bool { return name == p.user.Username }); same || known && !sure {
		return true
	}
	for _, g := range id.Groups {
		if has, sure := is(g, func(name string) bool { return slices.Contains(p.user.Groups, name) }); sure && !has {
			return false
		}
	}
	return len(id.Groups) > 0
}
