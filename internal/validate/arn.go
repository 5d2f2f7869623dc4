package validate

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var arnFamily = family{
	entry: checkARN,
	state: checkAccountIDs,
	rules: []Rule{
		{ID: "AA201", Name: "arn-malformed", Severity: Error,
			What: "what is not an ARN: spaces or quotes in or around it, an account id that is not 12 digits, an unknown partition, a name that IAM does not allow",
			Why:  "EKS keeps the entry, and it never matches anybody",
			Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws:iam::1111-2222-3333:role/ci", 1), Good: goodNodesAndCI},
		{ID: "AA202", Name: "arn-wrong-kind", Severity: Error,
			What: "the ARN of something that never calls the API server under that name: an assumed-role session, an instance profile, a group, a policy, a wildcard; root, a federated user, a role under mapUsers or a user under mapRoles work and are a warning",
			Why:  "EKS compares with the ARN of the role or user itself, without wildcards, so the entry matches nobody",
			Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws:sts::111122223333:assumed-role/ci/build-7", 1), Good: goodNodesAndCI},
		{ID: "AA203", Name: "role-arn-path", Severity: Error,
			What: "a role ARN with a path, as IAM shows it, above all for roles of IAM Identity Center (AWSReservedSSO_...)",
			Why:  "the session of a role does not carry the role's path, so EKS compares without it, and the entry matches nobody",
			Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/team/ci", 1), Good: goodNodesAndCI},
		{ID: "AA204", Name: "wrong-partition", Severity: Error,
			What: "a principal of another AWS partition than the cluster's",
			Why:  "principals of one partition cannot call clusters of another, so the entry matches nobody",
			Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws-cn:iam::111122223333:role/ci", 1), Good: goodNodesAndCI},
		{ID: "AA205", Name: "sso-block", Severity: Error,
			What: "an entry with an sso block",
			Why:  "matching by permission set is a feature of the open-source authenticator that EKS does not switch on, so the entry matches nobody",
			Bad: goodNodes + `    - sso:
        permissionSetName: Admin
        accountID: "111122223333"
      username: admin
      groups: [deployers]
`, Good: goodNodesAndCI},
	},
}

// What IAM allows (IAM user guide, "IAM and AWS STS quotas" and "IAM identifiers").
var (
	accountID     = regexp.MustCompile(`^[0-9]{12}$`)
	principalName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	pathChars     = regexp.MustCompile(`^/(?:[\x21-\x7e]+/)*$`)
)

const maxPath = 512

func checkARN(p *pass, e *awsauth.Entry) {
	if e.SSO != nil {
		p.report("AA205", ssoFinding(e))
		return
	}
	if e.ARN.Value == "" {
		return
	}
	rule, f := judgeARN(e, p.partition)
	if rule == "" {
		return
	}
	f.Field, f.DataKey, f.Line, f.Column = e.Path(awsauth.ARNField(e.DataKey)), e.DataKey, e.ARN.Line, e.ARN.Column
	f.Value, f.entry = redact(e.ARN.Value), e.Subject()
	p.report(rule, f)
}

func checkAccountIDs(p *pass) {
	for i, a := range p.at.doc.Accounts {
		if !accountID.MatchString(a.Value) {
			p.report("AA201", Finding{Field: fmt.Sprintf("data.%s[%d]", awsauth.MapAccounts, i), DataKey: awsauth.MapAccounts, Line: a.Line, Column: a.Column,
				Value: redact(a.Value), subject: a.Value, Message: q(a.Value) + " is not an account id", Why: "and matches no account", Fix: "write 12 digits, in quotes"})
		}
	}
}

// judgeARN says the first thing that is wrong with an entry's ARN: what comes after would follow from it.
func judgeARN(e *awsauth.Entry, partition string) (rule string, f Finding) {
	s := e.ARN.Value
	malformed := func(what, fix string) (string, Finding) {
		return "AA201", Finding{Message: q(s) + " " + what, Why: "and EKS keeps the entry but it never matches anybody", Fix: fix}
	}
	if t := strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'“”‘’`", r) }); t != s {
		return malformed("has spaces or quotes around it", "write "+bare(t))
	}
	if strings.IndexFunc(s, unicode.IsSpace) >= 0 {
		return malformed("has spaces in it", "write the ARN in one piece")
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return malformed(fmt.Sprintf("has the character %q (%U) in it, and ARNs are ASCII", r, r), "type the ARN again")
	}
	want := "arn:" + orDefault(partition, "aws") + ":iam::ACCOUNT:role/NAME"
	if e.DataKey == awsauth.MapUsers {
		want = strings.Replace(want, "role/", "user/", 1)
	}
	a, err := e.Principal()
	if err != nil {
		return malformed("is not an ARN", "write "+want)
	}
	wrong := func(what, why, fix string) (string, Finding) {
		return "AA202", Finding{Message: q(s) + " " + what, Why: why, Fix: fix}
	}
	if rule, f := wrongKind(a, wrong); rule != "" {
		return rule, f
	}
	switch {
	case !slices.ContainsFunc(awsauth.Partitions, func(k string) bool { return strings.EqualFold(k, a.Partition) }):
		return malformed(fmt.Sprintf("has an unknown partition %s", q(a.Partition)), "write one of "+strings.Join(awsauth.Partitions, ", "))
	case a.Region != "":
		return malformed(fmt.Sprintf("has a region %s, and IAM's ARNs have none", q(a.Region)), "write "+bare(strings.Replace(s, ":"+a.Region+":", "::", 1)))
	case !accountID.MatchString(a.Account):
		fix := "write the 12 digits of the account"
		if digits := strings.ReplaceAll(a.Account, "-", ""); accountID.MatchString(digits) {
			fix = "write " + bare(strings.Replace(s, a.Account, digits, 1))
		}
		return malformed(fmt.Sprintf("has %s where the account id belongs", q(a.Account)), fix)
	case a.Kind == awsauth.KindOther:
		return malformed("names neither a role nor a user", "write "+want)
	case a.Kind != awsauth.KindRoot && a.Name == "":
		return malformed("has no name after the last slash", "write "+want)
	case a.Kind == awsauth.KindRole && a.Path != "/":
		return "AA203", pathFinding(a, s)
	case (a.Kind == awsauth.KindRole || a.Kind == awsauth.KindUser) && !principalName.MatchString(a.Name):
		if len(a.Name) > 64 {
			return malformed(fmt.Sprintf("has a name of %d characters, and IAM's names have 64 at most", len([]rune(a.Name))), "write the name as IAM has it")
		}
		return malformed(fmt.Sprintf("has a name %s that IAM does not allow", q(a.Name)), "write letters, digits and + = , . @ _ - alone")
	case a.Kind == awsauth.KindUser && (len(a.Path) > maxPath || !pathChars.MatchString(a.Path)):
		return malformed(fmt.Sprintf("has a path %s that IAM does not allow", q(a.Path)), "write the user's ARN as IAM has it")
	case partition != "" && !strings.EqualFold(a.Partition, partition):
		return "AA204", Finding{Message: fmt.Sprintf("%s is in the partition %s, and this cluster is in %s", q(s), bare(a.Partition), partition),
			Why: "so it matches nobody who can call this cluster", Fix: "write the ARN of a principal in " + partition}
	}
	return workingKind(a, e, wrong)
}

// wrongKind finds the ARNs that match nobody, whatever else is in them.
func wrongKind(a awsauth.ARN, wrong func(what, why, fix string) (string, Finding)) (string, Finding) {
	nobody := "and EKS compares with the ARN of the role or user itself, so this entry matches nobody"
	switch a.Kind {
	case awsauth.KindAssumedRole:
		return wrong("is a session of a role", "and EKS compares with the role, so this entry matches nobody", "write "+bare(a.RoleARN(a.Name)))
	case awsauth.KindInstanceProfile:
		return wrong("is an instance profile", nobody, "write the ARN of the role in it (often of the same name: "+bare(a.RoleARN(a.Name))+")")
	case awsauth.KindGroup:
		return wrong("is an IAM group", "and groups do not call anything, so this entry matches nobody", "map the users in it, or a role that they assume")
	case awsauth.KindPolicy:
		return wrong("is a policy", nobody, "write the ARN of a role or user")
	case awsauth.KindOther:
		switch {
		case strings.EqualFold(a.Service, "iam") && a.Resource == "*":
			return wrong("is a wildcard", "and EKS knows no wildcards, so this entry matches nobody", "map every role by itself, or the account in mapAccounts")
		case strings.EqualFold(a.Service, "sts"):
			return wrong("is not how STS or IAM names a principal", nobody, "write arn:"+bare(a.Partition)+":iam::"+bare(a.Account)+":role/NAME")
		case !strings.EqualFold(a.Service, "iam"):
			return wrong("is an ARN of the service "+q(a.Service), nobody, "write the ARN of a role or user")
		}
	case awsauth.KindRole, awsauth.KindUser:
		if strings.ContainsAny(a.Name+a.Path, "*?") {
			return wrong("has a wildcard", "and EKS knows no wildcards, so this entry matches nobody", "map every "+a.Kind.String()+" by itself")
		}
	}
	return "", Finding{}
}

func pathFinding(a awsauth.ARN, s string) Finding {
	what := " has a path"
	if strings.HasPrefix(a.Path, awsauth.SSOPath) {
		what = " is an IAM Identity Center (SSO) role with its path"
	}
	f := Finding{Message: q(s) + what, Why: "and EKS drops the path before it compares, so this entry matches nobody", Fix: "write " + bare(a.Canonical())}
	if strings.HasPrefix(a.Path, "/aws-service-role/") {
		f.Message = q(s) + " is a service-linked role with its path"
		f.Fix += " if the service calls the cluster, as EMR and AWS Batch do, or remove the entry"
	}
	if !principalName.MatchString(a.Name) {
		f.Fix = "write the role's ARN without the path"
	}
	return f
}

// workingKind finds what works, but is nobody's intent.
func workingKind(a awsauth.ARN, e *awsauth.Entry, wrong func(what, why, fix string) (string, Finding)) (string, Finding) {
	warn := func(what, why, fix string) (string, Finding) {
		rule, f := wrong(what, why, fix)
		f.Severity, f.subject = Warning, "works"
		return rule, f
	}
	switch {
	case a.Kind == awsauth.KindRoot:
		return warn("is the root user alone", "and not, as in a trust policy, the whole account", "map the role that people assume")
	case a.Kind == awsauth.KindFederatedUser:
		return warn("is a federated user", "and it exists only as long as its session", "map the role that people assume")
	case a.Kind == awsauth.KindRole && e.DataKey == awsauth.MapUsers:
		return warn("is a role under mapUsers", "and it works there, but nobody looks for it", "move it to mapRoles, with rolearn")
	case a.Kind == awsauth.KindUser && e.DataKey == awsauth.MapRoles:
		return warn("is a user under mapRoles", "and it works there, but nobody looks for it", "move it to mapUsers, with userarn")
	}
	return "", Finding{}
}

func ssoFinding(e *awsauth.Entry) Finding {
	f := Finding{Field: e.Path("sso"), DataKey: e.DataKey, Line: e.SSO.Line, Column: e.SSO.Column, Value: redact(e.SSO.PermissionSetName),
		subject: e.SSO.AccountID + " " + e.SSO.PermissionSetName,
		Message: "an sso block", Why: "and EKS does not switch that feature on, so this entry matches nobody",
		Fix: "write the role's ARN without its path, rolearn: arn:aws:iam::ACCOUNT:role/AWSReservedSSO_NAME_..."}
	if accountID.MatchString(e.SSO.AccountID) && principalName.MatchString(e.SSO.PermissionSetName) {
		f.Fix = fmt.Sprintf("write the role's ARN without its path, rolearn: arn:%s:iam::%s:role/AWSReservedSSO_%s_ and the 16 characters that IAM shows",
			bare(orDefault(e.SSO.Partition, "aws")), e.SSO.AccountID, e.SSO.PermissionSetName)
	}
	return f
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// clusterPartition is the cluster's own partition, or "" if nothing tells: the policy says so, or the guard's identity,
// or the caller's, who has just come in; or the node roles, which are always in the cluster's own account.
func (p *pass) clusterPartition() string {
	if p.policy.Partition != "" {
		return p.policy.Partition
	}
	if p.ports.Principals != nil {
		if self, ok := p.ports.Principals.Self(); ok && self.Partition != "" {
			return self.Partition
		}
	}
	if a, err := awsauth.ParseARN(p.callerARN()); err == nil {
		return a.Partition
	}
	before, after := mappedPartitions(p.old), mappedPartitions(p.new)
	own := before.ofNodes()
	if own == "" {
		return after.ofNodes()
	}
	if p.new != nil && after[own].nodes == 0 { // all of them move: the edit breaks or mends them, and the other principals tell which
		most := before[own].principals + after[own].principals
		for _, name := range awsauth.Partitions {
			if n := before[name].principals + after[name].principals; n > most {
				own, most = name, n
			}
		}
	}
	return own
}

// partitions are how many principals are mapped in each partition that EKS knows, and how many of them for nodes.
type partitions map[string]struct{ principals, nodes int }

func mappedPartitions(s *state) partitions {
	in := partitions{}
	if s == nil {
		return in
	}
	for _, ids := range s.restored.Principals {
		a, _ := ids[0].Entry.Principal() // what EKS matches is one
		name := strings.ToLower(a.Partition)
		if !slices.Contains(awsauth.Partitions, name) {
			continue
		}
		n := in[name]
		n.principals++
		if nodeKindOf(ids[0]) != notNode {
			n.nodes++
		}
		in[name] = n
	}
	return in
}

// ofNodes is the partition with the most node roles; of two with as many, the one with more principals; or "".
func (in partitions) ofNodes() string {
	names := slices.SortedFunc(maps.Keys(in), func(a, b string) int {
		return cmp.Or(cmp.Compare(in[b].nodes, in[a].nodes), cmp.Compare(in[b].principals, in[a].principals))
	})
	if len(names) == 0 || in[names[0]].nodes == 0 || len(names) > 1 && in[names[0]] == in[names[1]] {
		return ""
	}
	return names[0]
}
