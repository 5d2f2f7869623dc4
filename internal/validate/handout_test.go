package validate_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// power is a name that gives power over the cluster or over the guard.
type power struct {
	name     string
	username bool
}

// powersOfPolicy are given by handoutPolicy, powersOfRBAC by handoutRBAC.
var (
	powersOfPolicy = []power{{"system:masters", false}, {"platform-admins", false}, {"break-glass", false}, {"leads", false},
		{"alice", true}, {"arn:aws:iam::111122223333:role/lead", true}, {"terraform", true}, {"eks:node-manager", true}, {"arn:aws:iam::111122223333:user/bots/writer", true}}
	powersOfRBAC = []power{{"ops", false}, {"granters", false}, {"bob", true}, {"stand-in", true}, {"arn:aws:iam::111122223333:role/bound", true}}
)

const handoutPolicy = `accounts: [{id: "111122223333", mapAccounts: true}]
breakGlass: {groups: [break-glass]}
exempt: {usernames: [eks:node-manager, terraform, "arn:aws:iam::111122223333:user/bots/writer"]}
privileged:
  groups: [platform-admins]
  approvers: {usernames: [alice, "arn:aws:iam::111122223333:role/lead"], groups: [leads]}
`

const handoutRBAC = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-admin}
rules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: may-add-admins}
rules: [{verbs: [grant], apiGroups: [aws-auth-guard.io], resources: [privilegedgroups]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: stand-in}
rules: [{verbs: [impersonate], apiGroups: [""], resources: [users], resourceNames: [bob]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admins}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: ops}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "arn:aws:iam::111122223333:role/bound"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: granters}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: may-add-admins}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: granters}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: stand-in}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: stand-in}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: stand-in}]
`

// handout is one way to hand a name out: the object before and after it. old is nil for a CREATE.
type handout struct {
	how      string
	old, new map[string]string
	// principal is who gets it.
	principal string
}

// mapping is an item of a list; its username and group are the harmless ones unless the power takes their place.
func (p power) mapping(field, arn, written string) string {
	username, group := "mallory", "viewers"
	if written != "" && p.username {
		username = written
	} else if written != "" {
		group = written
	}
	return "- " + field + ": " + arn + "\n  username: '" + username + "'\n  groups: ['" + group + "']\n"
}

var sessionCharacters = regexp.MustCompile(`^[\w+=,.-]{2,64}$`)

// handouts are all the ways in which a name can reach a principal that does not have it.
func (p power) handouts() []handout {
	const role, user = "arn:aws:iam::111122223333:role/mallory", "arn:aws:iam::111122223333:user/mallory"
	roles := func(items ...string) map[string]string {
		return map[string]string{awsauth.MapRoles: nodeRole + strings.Join(items, "")}
	}
	users := func(items ...string) map[string]string {
		return map[string]string{awsauth.MapRoles: nodeRole, awsauth.MapUsers: strings.Join(items, "")}
	}
	plain, has := p.mapping("rolearn", role, ""), p.mapping("rolearn", role, p.name)
	again := strings.Replace(plain, "role/mallory", "role/Mallory", 1)
	userPlain, userHas := p.mapping("userarn", user, ""), p.mapping("userarn", user, p.name)
	userAgain := strings.Replace(userPlain, "user/mallory", "user/MALLORY", 1)
	pathless := strings.Replace(has, "role/mallory", "role/team/mallory", 1)
	behind := func(users string) map[string]string {
		return map[string]string{awsauth.MapRoles: nodeRole + plain, awsauth.MapUsers: users}
	}
	all := []handout{
		{"created", nil, roles(has), role},
		{"a new entry", roles(), roles(has), role},
		{"an entry is changed", roles(plain), roles(has), role},
		{
			how:       "beside another name",
			old:       roles(plain),
			new:       roles(strings.Replace(plain, "['viewers']", "[viewers]\n  Groups: ['viewers']", 1) + strings.Replace(has, "mallory", "mallory2", 1)),
			principal: role + "2",
		},
		{"a new user", roles(), users(userHas), user},
		{"a role among the users", roles(), users(p.mapping("userarn", role, p.name)), role},
		{"the session of a user", roles(), users(p.mapping("userarn", user, p.name+"{{SessionName}}")), user},
		{"an ARN is repaired", roles(pathless), roles(has), role},
		{"an ARN that matches nobody", roles(), roles(pathless), role},
		{"another principal gets the entry", roles(strings.Replace(has, "mallory", "other", 1)), roles(has), role},
		{"a duplicate that wins", roles(plain), roles(plain + strings.Replace(has, "role/mallory", "role/Mallory", 1)), role},
		{"a duplicate without effect", roles(plain), roles(has + again), role},
		{"a duplicate without effect changes", roles(plain + again), roles(has + again), role},
		{"the duplicate that won goes", roles(has + again), roles(has), role},
		{"two duplicates change places", roles(has + again), roles(again + has), role},
		{"one of a random pair", users(userPlain + userAgain), users(userHas + userAgain), user},
		{"mapUsers behind mapRoles", behind(p.mapping("userarn", role, "")), behind(p.mapping("userarn", role, p.name)), role},
		{"a value is repaired", map[string]string{awsauth.MapRoles: nodeRole + plain + "\t\n"}, roles(has), role},
	}
	if i := strings.LastIndexAny(p.name, ":/"); sessionCharacters.MatchString(p.name[i+1:]) {
		all = append(all, handout{"a template for all of it", roles(), roles(p.mapping("rolearn", role, p.name[:i+1]+"{{SessionName}}")), role},
			handout{"a template for its end", roles(plain), roles(p.mapping("rolearn", role, p.name[:i+2]+"{{SessionNameRaw}}")), role})
	}
	if strings.Contains(p.name, "111122223333") {
		all = append(all, handout{"the account's id", roles(), roles(p.mapping("rolearn", role, strings.Replace(p.name, "111122223333", "{{AccountID}}", 1))), role})
	}
	if arn, err := awsauth.ParseARN(p.name); err == nil && p.username {
		field := "rolearn"
		if arn.Kind == awsauth.KindUser {
			field = "userarn"
		}
		own := map[string]string{awsauth.MapRoles: nodeRole}
		key := awsauth.MapRoles
		if arn.Kind == awsauth.KindUser {
			key = awsauth.MapUsers
		}
		own[key] += p.mapping(field, p.name, "")
		with := func(m map[string]string) map[string]string {
			out := map[string]string{awsauth.MapAccounts: "- \"111122223333\"\n"}
			for k, v := range m {
				out[k] = v
			}
			return out
		}
		all = append(all, handout{"mapAccounts", roles(), with(roles()), p.name},
			handout{"its entry goes, and mapAccounts is there", with(own), with(roles()), p.name},
			handout{"its entry goes, and mapAccounts comes", own, with(roles()), p.name},
			handout{"its entry is spoilt, and mapAccounts is there", with(own), with(map[string]string{awsauth.MapRoles: nodeRole, key: strings.Replace(own[key], p.name, p.name+"-x", 1)}), p.name})
	}
	return all
}

// judge runs a handout under a policy, as somebody.
func (h handout) judge(t *testing.T, v *validate.Validator, user authenticationv1.UserInfo) validate.Report {
	t.Helper()
	req := validate.Request{Operation: validate.Create, New: aconfigmap(h.new), User: user}
	if h.old != nil {
		req.Operation, req.Old = validate.Update, aconfigmap(h.old)
	}
	return v.Validate(context.Background(), req)
}

// privilegeDenied says that a report denies an edit for a privilege that it gives.
func privilegeDenied(rep validate.Report) bool {
	return slices.ContainsFunc(rep.Findings, func(f validate.Finding) bool {
		return f.Severity == validate.Error && slices.Contains([]string{"AA401", "AA402", "AA403"}, f.Rule)
	})
}

// approvals approve the name for a principal, and whatever else can come with it by a template or by mapAccounts; that for
// system:masters only if it is the name, since it is one for what RBAC gives as well.
func (p power) approvals(principal string) string {
	var groups, usernames []string
	principals := []string{principal}
	for _, other := range slices.Concat(powersOfPolicy, powersOfRBAC) {
		switch {
		case other.username:
			usernames = append(usernames, "'"+other.name+"'")
			if strings.HasPrefix(other.name, "arn:") && other.name != principal {
				principals = append(principals, other.name)
			}
		case other.name != "system:masters" || other == p:
			groups = append(groups, "'"+other.name+"'")
		}
	}
	var b strings.Builder
	for _, arn := range principals {
		b.WriteString("  - {arn: '" + arn + "', groups: [" + strings.Join(groups, ", ") + "], usernames: [" + strings.Join(usernames, ", ") + "]}\n")
	}
	return b.String()
}

// TestHandouts: every name that gives power, in every way to hand it out. Without an approval it is never allowed, whatever the
// policy does to the rules that happen to deny it as well; with one it is allowed from an approver, and from nobody else.
func TestHandouts(t *testing.T) {
	mallory := authenticationv1.UserInfo{Username: "mallory", Groups: []string{"editors"}}
	lead := authenticationv1.UserInfo{Username: "lena", Groups: []string{"leads"}}
	const lenient = "rules: {AA404: off, AA108: warning, AA406: off, AA105: off, AA203: warning}\n"
	ports := validate.WithPorts(validate.Ports{Privileges: fromRBAC(t, handoutRBAC, nil)})
	plain := validator(t, handoutPolicy, ports)
	waived := validator(t, lenient+handoutPolicy, ports)
	withoutRBAC := validator(t, lenient+handoutPolicy)
	judged := 0
	for _, p := range slices.Concat(powersOfPolicy, powersOfRBAC) {
		for _, h := range p.handouts() {
			name := p.name + ", " + h.how
			for _, user := range []authenticationv1.UserInfo{mallory, lead} {
				judged++
				if rep := h.judge(t, plain, user); rep.Allowed {
					t.Errorf("%s: allowed: %v", name, findingsOf(rep))
				}
				rep := h.judge(t, waived, user)
				if !privilegeDenied(rep) {
					t.Errorf("%s, with AA404 off: no error about the privilege: %v", name, findingsOf(rep))
				}
				if rep := h.judge(t, withoutRBAC, user); slices.Contains(powersOfPolicy, p) && rep.Allowed {
					t.Errorf("%s, without RBAC: allowed: %v", name, findingsOf(rep))
				}
			}
			approved := validator(t, lenient+handoutPolicy+"  approvals:\n"+p.approvals(h.principal), ports)
			if rep := h.judge(t, approved, lead); privilegeDenied(rep) {
				t.Errorf("%s, approved, by an approver: %v", name, findingsOf(rep))
			}
			if rep := h.judge(t, approved, mallory); !privilegeDenied(rep) {
				t.Errorf("%s, approved, by who is no approver: %v", name, findingsOf(rep))
			}
			if h.old == nil || h.how == "another principal gets the entry" {
				continue
			}
			if rep := (handout{old: h.new, new: h.old}).judge(t, waived, mallory); privilegeDenied(rep) {
				t.Errorf("%s, taken back: %v", name, findingsOf(rep))
			}
		}
	}
	t.Logf("%d handouts", judged)
}
