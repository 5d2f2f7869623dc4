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
			What: "a caller who removes the mapping by which this very request came in, or takes its own rights away",
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
		if p.fleet.inert(key, e) {
			continue
		}
		if e.ClusterAdmin || slices.ContainsFunc(e.Groups, func(g string) bool { return p.oracle.group(g).Rule != "" }) {
			return true
		}
	}
	return false
}

// anyAdmin is the ARN of an admin about whom aws-auth decides, the first by the alphabet, or "".
func (p *pass) anyAdmin(s *state) string {
	first := ""
	identities(s.special, p.table(s), func(id awsauth.Identity) {
		if _, shadowed := p.fleet.shadow(id.Entry.Subject(), p.now); shadowed {
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
	return slices.ContainsFunc(p.oracle.ways(id.Canonical, id.Username, id.Groups), func(w Way) bool { return w.Name != everybody })
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
	still := p.new.restored.Lookup(arn)
	if len(still) == 0 {
		f.Message = fmt.Sprintf("this edit removes your own mapping %s", q(was.Canonical))
		p.report("AA506", f)
		return
	}
	is := still[0]
	var lost []string
	for _, g := range was.Groups {
		if !is.Has(g) {
			lost = append(lost, g)
		}
	}
	renamed := is.Username != was.Username && len(was.Groups) == 0
	switch {
	case p.admin(is) && !renamed:
		return // whatever else goes, an admin can undo it
	case len(lost) > 0:
		f.Message = fmt.Sprintf("this edit takes %s from your own mapping %s", list(lost), q(was.Canonical))
	case renamed:
		f.Message = fmt.Sprintf("this edit changes your own username from %s to %s", q(was.Username), q(is.Username))
	default:
		return
	}
	f.Field, f.Line, f.Column = is.Entry.Path(""), is.Entry.Line, is.Entry.Column
	p.report("AA506", f)
}

// accountLockout is selfLockout for a caller whom mapAccounts lets in, under its ARN as username.
func (p *pass) accountLockout(arn string) {
	a, err := awsauth.ParseARN(arn)
	if err != nil || awsauth.Key(p.user.Username) != awsauth.Key(arn) {
		return
	}
	was, mapped := p.old.effective.Accounts[a.Account]
	_, still := p.new.restored.Accounts[a.Account]
	if !mapped || still || len(p.new.restored.Lookup(arn)) > 0 {
		return
	}
	p.report("AA506", Finding{Field: "data." + awsauth.MapAccounts, DataKey: awsauth.MapAccounts, Value: was.Value, entry: awsauth.Subject(arn), subject: "self",
		Message: fmt.Sprintf("this edit removes account %s, and with it your own way in", q(was.Value)),
		Why:     "so you could not undo the edit", Fix: "keep the account, or map " + bare(arn) + " first"})
}

// cameInBy reports that the caller's username or groups are those of the mapping: an access entry for the same ARN
// wins over aws-auth, and then nothing is lost.
func (p *pass) cameInBy(id awsauth.Identity) bool {
	came, err := awsauth.ParseARN(p.extra(extraARN))
	session := p.extra(extraSessionName)
	if session == "" && err == nil {
		session = came.Session
	}
	account := ""
	if a, err := awsauth.ParseARN(id.Canonical); err == nil {
		account = a.Account
	}
	if name, ok := awsauth.Render(id.Username, account, session); !ok || name == p.user.Username {
		return true
	}
	for _, g := range id.Groups {
		if name, ok := awsauth.Render(g, account, session); ok && !slices.Contains(p.user.Groups, name) {
			return false
		}
	}
	return len(id.Groups) > 0
}
