package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var principalFamily = family{
	edit: checkPrincipals,
	rules: []Rule{
		{ID: "AA301", Name: "principal-not-found", Severity: Error,
			What: "a role or user that IAM does not know, or a role with the name of one of IAM Identity Center's that is not; an ARN that differs from IAM's in letter case alone works and is a warning",
			Why:  "EKS keeps the entry, and it matches nobody, until somebody makes a principal of that name and has these rights",
			Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/cii", 1), Good: goodNodesAndCI},
		{ID: "AA302", Name: "principal-unverified", Severity: Error,
			What: "a principal that IAM could not be asked about: throttled, denied, unreachable, out of time, an answer that is not IAM's; a warning if the policy says iam.onUnverified: warn",
			Why:  "not knowing is not the same as knowing that it exists",
			Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/unverified", 1), Good: goodNodesAndCI},
		{ID: "AA303", Name: "foreign-account", Severity: Error,
			What: "a principal of another account that the policy does not know, or whose account cannot be read (then as AA302); not asked with IAM off",
			Why:  "another account's administrators decide who may assume its roles",
			Bad:  strings.Replace(goodNodesAndCI, "111122223333:role/ci", "444455556666:role/ci", 1), Good: goodNodesAndCI},
	},
}

// inquiry is an ARN that an edit brings, and what to do with the answer.
type inquiry struct {
	arn  awsauth.ARN
	tell func(Principal)
}

// checkPrincipals asks IAM, only about ARNs that the edit brings, and about roles that become nodes'.
func checkPrincipals(p *pass) {
	p.claims = p.nodeClaims()
	if p.ports.Principals == nil || p.new == nil {
		return
	}
	type principal struct {
		sso bool // a block is no role of the name that its roles begin with
		key string
	}
	of := func(e *awsauth.Entry) principal { return principal{e.SSO != nil, awsauth.Key(principalOf(e))} }
	known := map[principal]bool{}
	if p.old != nil {
		for _, e := range p.old.doc.Entries() {
			known[of(e)] = true
		}
	}
	var inquiries []inquiry
	for _, e := range p.new.doc.Entries() {
		a, err := awsauth.ParseARN(principalOf(e))
		if err != nil || known[of(e)] || !askable(a) {
			continue
		}
		known[of(e)] = true
		if e.SSO != nil {
			inquiries = append(inquiries, inquiry{a, func(answer Principal) { p.nameSSORole(e, answer) }})
			continue
		}
		inquiries = append(inquiries, inquiry{a, func(answer Principal) { p.principal(e, a, answer) }})
	}
	for _, c := range p.claims {
		if a, err := awsauth.ParseARN(c.id.Canonical); err == nil && !p.policy.NodeRole(c.id.Canonical) && askable(a) {
			inquiries = append(inquiries, inquiry{a, func(answer Principal) { c.asked, c.answer = true, answer }})
		}
	}
	p.ask(append(inquiries, p.mayBeDeleted()...))
}

// mayBeDeleted asks about the node roles of which none stays, where the nodes are not known.
func (p *pass) mayBeDeleted() (inquiries []inquiry) {
	if p.old == nil || p.fleet.ignored() || p.fleet.nodesKnown(p.now) || p.new.doc.Unreadable[awsauth.MapRoles] {
		return nil
	}
	before, after := nodeRoles(p.old, p.table(p.old)), nodeRoles(p.new, p.table(p.new))
	if len(after) == 0 || p.keeps(before, after) {
		return nil
	}
	p.deleted = map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if a, err := awsauth.ParseARN(before[key].Canonical); err == nil && a.Kind == awsauth.KindRole && askable(a) {
			inquiries = append(inquiries, inquiry{a, func(answer Principal) { p.deleted[key] = answer.Existence == Missing }})
		}
	}
	return inquiries
}

// ask asks IAM once about each ARN.
func (p *pass) ask(inquiries []inquiry) {
	var arns []awsauth.ARN
	place := map[string]int{}
	for _, q := range inquiries {
		key := q.arn.String()
		if _, ok := place[key]; !ok {
			place[key] = len(arns)
			arns = append(arns, q.arn)
		}
	}
	if len(arns) == 0 {
		return
	}
	answers := p.ports.Principals.Lookup(p.ctx, Asker{Username: p.user.Username, DryRun: p.dryRun}, arns)
	for i, a := range arns {
		answers[i] = p.heed(a, answers[i])
	}
	for _, q := range inquiries {
		q.tell(answers[place[q.arn.String()]])
	}
}

// heed is what counts of an answer, and may be shown to the caller: no other principal's, and of another account's names only what the
// caller may see.
func (p *pass) heed(a awsauth.ARN, answer Principal) Principal {
	if answer.Existence == Exists && !sameInIAM(a, answer.ARN) {
		return Principal{Existence: Unverified, Reason: ReasonMalformed, Detail: "the answer is about " + q(answer.ARN)}
	}
	answer.Suggestions = slices.DeleteFunc(slices.Clone(answer.Suggestions), func(s string) bool {
		real, err := awsauth.ParseARN(s)
		return err != nil || !p.shows(real.Account)
	})
	if answer.Trust.Other != "" && !p.shows(a.Account) {
		answer.Trust.Other = "a principal of its trust policy"
	}
	return answer
}

// sameInIAM says that an ARN of IAM's names the principal that a names: letter case makes no difference, and of a role the path
// makes none.
func sameInIAM(a awsauth.ARN, arn string) bool {
	real, err := awsauth.ParseARN(arn)
	return err == nil && real.Kind == a.Kind && strings.EqualFold(real.Canonical(), a.Canonical())
}

// shows says that the caller may see names of an account that the edit does not name. Whoever may edit aws-auth sees those of the
// guard's own account. On the command line nobody is asked with other credentials than the reader's own.
func (p *pass) shows(account string) bool {
	if p.user.Username == "" && len(p.user.Groups) == 0 {
		return true
	}
	self, known := p.ports.Principals.Self()
	return known && self.Account == account || p.policy.IAM.SuggestOtherAccounts.Has(p.user.Username, p.user.Groups)
}

// askable are the sound ARNs of principals. The others have findings of their own.
func askable(a awsauth.ARN) bool {
	if a.Region != "" || !accountID.MatchString(a.Account) {
		return false
	}
	switch a.Kind {
	case awsauth.KindRole, awsauth.KindUser:
		return principalName.MatchString(a.Name)
	case awsauth.KindRoot, awsauth.KindFederatedUser: // IAM does not know them by name, but the account is one that the policy knows, or not
		return true
	}
	return false
}

func (p *pass) principal(e *awsauth.Entry, a awsauth.ARN, answer Principal) {
	f := Finding{Field: e.Path(awsauth.ARNField(e.DataKey)), DataKey: e.DataKey, Line: e.ARN.Line, Column: e.ARN.Column,
		Value: e.ARN.Value, entry: e.Subject(), subject: "principal"}
	real, _ := awsauth.ParseARN(answer.ARN)
	if answer.Existence == Exists && a.Kind == awsauth.KindRole && !madeByIdentityCenter(real) {
		path := "another path"
		if p.shows(a.Account) {
			path = "the path " + q(real.Path)
		}
		f.Message = fmt.Sprintf("IAM has %s under %s", q(e.ARN.Value), path)
		f.Why = "and IAM Identity Center makes its roles under " + awsauth.SSOPath + ", so this one is somebody's own: what the policy approves for a permission set is not meant for it"
		f.Fix = "write the ARN of the permission set's role, or give the role another name"
		p.report("AA301", f)
		return
	}
	if answer.Existence == Exists && real.Canonical() == a.Canonical() {
		return
	}
	arn := q(e.ARN.Value)
	switch answer.Existence {
	case Exists:
		f.Severity, f.Message = Warning, fmt.Sprintf("IAM writes %s as %s", arn, whole(real.Canonical()))
		f.Why, f.Fix = "and EKS takes both for the same", "write "+whole(real.Canonical())
		p.report("AA301", f)
	case Missing:
		f.Message, f.Why = fmt.Sprintf("IAM knows no %s %s", a.Kind, arn), "so this entry matches nobody"
		f.Fix = fmt.Sprintf("create the %s first, or write the ARN of one that exists", a.Kind)
		if answer.ARN != "" {
			f.Message = fmt.Sprintf("%s is not the ARN of user %s", arn, q(a.Name))
			f.Why, f.Fix = "and EKS compares the path of a user as well, so this entry matches nobody", "write the ARN that `aws iam get-user` shows"
			if p.shows(a.Account) {
				f.Fix = "write " + whole(answer.ARN)
			}
		} else if meant := didYouMean(a, answer.Suggestions); meant != "" {
			f.Fix = meant
		}
		p.report("AA301", f)
	case Unverified:
		p.unverified(f, a, answer)
	case Foreign:
		f.Message, f.Why = fmt.Sprintf("%s is in account %s, which the policy does not know", arn, a.Account), "and the administrators there decide who may assume its roles"
		f.Fix = "add the account to the policy under accounts, with a roleARN to look principals up, or trust: unchecked"
		if meant := didYouMean(a, answer.Suggestions); meant != "" {
			f.Fix = meant + " If not, " + f.Fix
		}
		p.report("AA303", f)
	}
}

// unverified says why it is not known whether a principal exists, and what to do about it.
func (p *pass) unverified(f Finding, a awsauth.ARN, answer Principal) {
	if f.Severity = Error; p.policy.IAM.WarnUnverified {
		f.Severity = Warning
	}
	f.Message, f.Why = fmt.Sprintf("could not check whether %s exists: %s", q(f.Value), answer.Reason), whole(answer.Detail)
	switch answer.Reason {
	case ReasonForeign:
		f.Message = fmt.Sprintf("%s is in account %s, which could not be read", q(f.Value), a.Account)
		f.Fix = "name a role of that account which the guard may assume as its roleARN in the policy, or set trust: unchecked for the account"
		if own := p.partition; own != "" && !strings.EqualFold(own, a.Partition) { // no role leads from one partition to another
			f.Fix = "write the ARN of a principal in " + own
		}
		p.report("AA303", f)
		return
	case ReasonThrottled:
		f.Fix = "try again in a minute"
	case ReasonDenied:
		f.Fix = "see to the guard's role; `kubectl awsauth iam-policy` prints the permissions that it needs"
	default:
		f.Fix = "try again; if it stays so, see the guard's log and its way to AWS, or set iam.onUnverified: warn in the policy"
	}
	p.report("AA302", f)
}

// didYouMean offers what IAM has instead, in the form in which EKS compares it; "" if there is nothing.
func didYouMean(a awsauth.ARN, suggestions []string) string {
	var offers []string
	for _, s := range suggestions {
		real, err := awsauth.ParseARN(s)
		if err != nil {
			continue
		}
		offer := whole(real.Canonical())
		if real.Kind != a.Kind {
			offer = fmt.Sprintf("the %s %s", real.Kind, offer)
		}
		offers = append(offers, offer)
	}
	switch len(offers) {
	case 0:
		return ""
	case 1:
		return "did you mean " + offers[0] + "?"
	}
	return "did you mean " + offers[0] + "? (or " + strings.Join(offers[1:], ", ") + ")"
}

// principalOf is the ARN that an entry stands for. That of an sso block is the beginning of one: IAM Identity Center
// adds 16 characters to the role's name that nobody can guess.
func principalOf(e *awsauth.Entry) string {
	if e.SSO == nil {
		return e.ARN.Value
	}
	return fmt.Sprintf("arn:%s:iam::%s:role/%s%s_", orDefault(e.SSO.Partition, "aws"), e.SSO.AccountID, awsauth.SSOPrefix, e.SSO.PermissionSetName)
}

// madeByIdentityCenter says that a role which is called like one of IAM Identity Center's has their path.
// Other names are not looked at.
func madeByIdentityCenter(role awsauth.ARN) bool {
	return !awsauth.HasSSOPrefix(role.Name) || strings.HasPrefix(role.Path, awsauth.SSOPath)
}

// nameSSORole writes the role of a permission set, if IAM has it, into the finding about the sso block.
func (p *pass) nameSSORole(e *awsauth.Entry, answer Principal) {
	for _, s := range answer.Suggestions {
		real, err := awsauth.ParseARN(s)
		if err != nil || !strings.HasPrefix(strings.ToLower(real.Name), strings.ToLower(awsauth.SSOPrefix+e.SSO.PermissionSetName+"_")) {
			continue
		}
		for i := range p.stated {
			if f := &p.stated[i]; f.Rule == "AA205" && f.Field == e.Path("sso") {
				f.Fix = "write rolearn: " + whole(real.Canonical())
			}
		}
		return
	}
}
