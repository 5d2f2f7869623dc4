package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

func parsed(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(header + text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const approvals = `privileged:
  approvals:
  - arn: arn:aws:iam::111122223333:role/admin
    groups: [system:masters]
  - arn: arn:aws:iam::111122223333:user/team/alice
    groups: [system:masters]
  - pattern: arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_*
    groups: [system:masters, platform-admins]
  - pattern: arn:aws:iam::111122223333:role/*-admin-*
    groups: [platform-admins]
  - pattern: arn:aws:iam::111122223333:user/ops/*-bot
    groups: [platform-admins]
`

func TestApprovals(t *testing.T) {
	p := parsed(t, approvals)
	for name, test := range map[string]struct {
		arn, group string
		want       policy.Standing
	}{
		"the ARN":                            {"arn:aws:iam::111122223333:role/admin", "system:masters", policy.Valid},
		"the ARN in another letter case":     {"arn:aws:iam::111122223333:role/Admin", "system:masters", policy.Valid},
		"another group":                      {"arn:aws:iam::111122223333:role/admin", "platform-admins", policy.None},
		"the group in another letter case":   {"arn:aws:iam::111122223333:role/admin", "System:Masters", policy.None},
		"another account":                    {"arn:aws:iam::444455556666:role/admin", "system:masters", policy.None},
		"another partition":                  {"arn:aws-cn:iam::111122223333:role/admin", "system:masters", policy.None},
		"a user of that name":                {"arn:aws:iam::111122223333:user/admin", "system:masters", policy.None},
		"a longer name":                      {"arn:aws:iam::111122223333:role/admin2", "system:masters", policy.None},
		"a shorter name":                     {"arn:aws:iam::111122223333:role/admi", "system:masters", policy.None},
		"the user":                           {"arn:aws:iam::111122223333:user/team/alice", "system:masters", policy.Valid},
		"the user with another path":         {"arn:aws:iam::111122223333:user/other/alice", "system:masters", policy.None},
		"the user without a path":            {"arn:aws:iam::111122223333:user/alice", "system:masters", policy.None},
		"the pattern":                        {"arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef", "system:masters", policy.Valid},
		"the pattern, the second group":      {"arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef", "platform-admins", policy.Valid},
		"the pattern with nothing for *":     {"arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_", "system:masters", policy.None},
		"the pattern, a longer set's name":   {"arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_ReadOnly_0123456789abcdef", "system:masters", policy.None},
		"the pattern, a name of one's own":   {"arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_anything", "system:masters", policy.None},
		"the pattern, another permission":    {"arn:aws:iam::111122223333:role/AWSReservedSSO_Administrator_0123456789abcdef", "system:masters", policy.None},
		"the pattern, another account":       {"arn:aws:iam::444455556666:role/AWSReservedSSO_Admin_0123456789abcdef", "system:masters", policy.None},
		"the pattern for a user":             {"arn:aws:iam::111122223333:user/AWSReservedSSO_Admin_0123456789abcdef", "system:masters", policy.None},
		"the pattern behind a slash":         {"arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_x:role/y", "platform-admins", policy.None},
		"the pattern does not begin earlier": {"arn:aws:iam::111122223333:role/xAWSReservedSSO_Admin_0", "system:masters", policy.None},
		"two stars":                          {"arn:aws:iam::111122223333:role/eu-admin-1", "platform-admins", policy.Valid},
		"two stars, the middle missing":      {"arn:aws:iam::111122223333:role/eu-adm-1", "platform-admins", policy.None},
		"a user's path is no star":           {"arn:aws:iam::111122223333:user/ops/deploy-bot", "platform-admins", policy.Valid},
		"a star stops at a user's path":      {"arn:aws:iam::111122223333:user/ops/x/deploy-bot", "platform-admins", policy.None},
		"another path for the star":          {"arn:aws:iam::111122223333:user/deploy-bot", "platform-admins", policy.None},
		"no ARN":                             {"admin", "system:masters", policy.None},
		"nothing":                            {"", "system:masters", policy.None},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := p.Approved(test.arn, test.group, time.Now()); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:role/admin"
	moment := func(s string) time.Time {
		m, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, test := range map[string]struct {
		expires string
		now     string
		want    policy.Standing
	}{
		"never":                              {"", "2099-01-01T00:00:00Z", policy.Valid},
		"the day before":                     {"2027-06-30", "2027-06-29T23:59:59.999999999Z", policy.Valid},
		"the day begins":                     {"2027-06-30", "2027-06-30T00:00:00Z", policy.Expired},
		"the day begins in UTC, not here":    {"2027-06-30", "2027-06-30T01:59:59+02:00", policy.Valid},
		"the day has begun in UTC, not here": {"2027-06-30", "2027-06-29T23:00:00-02:00", policy.Expired},
		"a moment before":                    {"2027-06-30T12:00:00Z", "2027-06-30T11:59:59.999999999Z", policy.Valid},
		"the moment":                         {"2027-06-30T12:00:00Z", "2027-06-30T12:00:00Z", policy.Expired},
		"the moment in another zone":         {"2027-06-30T12:00:00+02:00", "2027-06-30T10:00:00Z", policy.Expired},
		"long ago":                           {"2020-01-01", "2027-06-30T12:00:00Z", policy.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			expires := ""
			if test.expires != "" {
				expires = "    expires: " + test.expires + "\n"
			}
			p := parsed(t, "privileged:\n  approvals:\n  - arn: "+arn+"\n    groups: [a]\n"+expires+"waivers:\n  - rule: AA203\n    subject: "+arn+"\n    reason: x\n"+expires)
			if _, got := p.Approved(arn, "a", moment(test.now)); got != test.want {
				t.Errorf("approval: got %v, want %v", got, test.want)
			}
			if _, got := p.Waived("AA203", "role-arn-path", []string{arn}, moment(test.now)); got != test.want {
				t.Errorf("waiver: got %v, want %v", got, test.want)
			}
		})
	}
}

// TestOneValidApprovalIsEnough: an expired approval does not stand in the way of another one.
func TestOneValidApprovalIsEnough(t *testing.T) {
	p := parsed(t, `privileged:
  approvals:
  - {arn: "arn:aws:iam::111122223333:role/admin", groups: [a], expires: 2020-01-01}
  - {arn: "arn:aws:iam::111122223333:role/admin", groups: [a], reason: second}
  - {arn: "arn:aws:iam::111122223333:role/admin", groups: [a], expires: 2020-01-01}
`)
	if a, got := p.Approved("arn:aws:iam::111122223333:role/admin", "a", time.Now()); got != policy.Valid || a.Reason != "second" {
		t.Errorf("got %v by %+v", got, a)
	}
}

func TestWaivers(t *testing.T) {
	p := parsed(t, "waivers:\n- {rule: role-arn-path, subject: arn:aws:iam::111122223333:role/team/ci, reason: x}\n- {rule: AA107, subject: system:master, reason: y}\n")
	for name, test := range map[string]struct {
		id, name string
		subjects []string
		want     policy.Standing
	}{
		"by name":                         {"AA203", "role-arn-path", []string{"arn:aws:iam::111122223333:role/team/ci"}, policy.Valid},
		"by the ARN as EKS sees it":       {"AA203", "role-arn-path", []string{"arn:aws:iam::111122223333:role/ci"}, policy.Valid},
		"one of the subjects":             {"AA203", "role-arn-path", []string{"", "x", "arn:aws:iam::111122223333:role/ci"}, policy.Valid},
		"another rule":                    {"AA201", "arn-malformed", []string{"arn:aws:iam::111122223333:role/ci"}, policy.None},
		"another role":                    {"AA203", "role-arn-path", []string{"arn:aws:iam::111122223333:role/cd"}, policy.None},
		"another account":                 {"AA203", "role-arn-path", []string{"arn:aws:iam::444455556666:role/ci"}, policy.None},
		"by a value":                      {"AA107", "suspicious-group", []string{"system:master"}, policy.Valid},
		"no subject":                      {"AA107", "suspicious-group", nil, policy.None},
		"an empty subject is no wildcard": {"AA107", "suspicious-group", []string{""}, policy.None},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := p.Waived(test.id, test.name, test.subjects, time.Now()); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestExempt(t *testing.T) {
	p := parsed(t, "breakGlass: {groups: [aws-auth-break-glass]}\n")
	for name, test := range map[string]struct {
		username string
		groups   []string
		why      string
	}{
		"EKS's node manager":        {"eks:node-manager", nil, "exempt"},
		"EKS's Fargate manager":     {"eks:fargate-manager", []string{"system:authenticated"}, "exempt"},
		"EKS's storage migrator":    {"eks:kms-storage-migrator", nil, "exempt"},
		"a longer name":             {"eks:node-manager2", nil, ""},
		"another letter case":       {"EKS:node-manager", nil, ""},
		"the prefix":                {"eks:", nil, ""},
		"nobody":                    {"", nil, ""},
		"break-glass":               {"alice", []string{"system:authenticated", "aws-auth-break-glass"}, "break-glass"},
		"almost break-glass":        {"alice", []string{"aws-auth-break-glass2", "AWS-auth-break-glass"}, ""},
		"break-glass as a username": {"aws-auth-break-glass", nil, ""},
		"masters":                   {"alice", []string{"system:masters"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if why, ok := p.NeverDenies(test.username, test.groups); why != test.why || ok != (test.why != "") {
				t.Errorf("got %q, %v, want %q", why, ok, test.why)
			}
		})
	}
}

func TestPrivilegedGroups(t *testing.T) {
	p := parsed(t, "privileged: {groups: [platform-admins, system:masters], approvers: {groups: [leads], usernames: [alice]}}\nbreakGlass: {groups: [aws-auth-break-glass]}\nexempt: {usernames: [eks:node-manager, alice]}\n")
	if got, want := p.PrivilegedGroups(), []string{"aws-auth-break-glass", "leads", "platform-admins", "system:masters"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := p.PrivilegedUsernames(), []string{"alice", "eks:node-manager"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := p.Privileged.Groups; !slices.Equal(got, []string{"platform-admins", "system:masters"}) {
		t.Errorf("the policy itself is changed: %q", got)
	}
}

func TestAccount(t *testing.T) {
	p := parsed(t, "accounts: [{id: \"444455556666\", mapAccounts: true}]\n")
	if a, ok := p.Account("444455556666"); !ok || !a.MapAccounts {
		t.Errorf("got %+v, %v", a, ok)
	}
	if _, ok := p.Account("44445555666"); ok {
		t.Error("a shorter id is not known")
	}
}

func TestNodeRoles(t *testing.T) {
	const roles = "nodes: {roles: ['arn:aws:iam::111122223333:role/nodes', 'arn:aws:iam::111122223333:role/eks-*-nodes']"
	p := parsed(t, roles+"}")
	for arn, want := range map[string]bool{
		"arn:aws:iam::111122223333:role/nodes":           true,
		"arn:aws:iam::111122223333:role/Nodes":           true,
		"arn:aws:iam::111122223333:role/eks-blue-nodes":  true,
		"arn:aws:iam::111122223333:role/eks-blue-nodes2": false,
		"arn:aws:iam::111122223333:role/nodes2":          false,
		"arn:aws:iam::444455556666:role/nodes":           false,
		"arn:aws:iam::444455556666:role/eks-blue-nodes":  false,
		"arn:aws-cn:iam::111122223333:role/nodes":        false,
		"arn:aws:iam::111122223333:user/nodes":           false,
		"arn:aws:iam::111122223333:role/x/eks-a-nodes":   true, // EKS drops a role's path, and so do we
	} {
		if got := p.NodeRole(arn); got != want {
			t.Errorf("%s: got %v, want %v", arn, got, want)
		}
	}
	for text, want := range map[string]bool{"": false, "nodes: {}": false, "nodes: {roles: []}": false, "nodes: {onUnknown: deny}": true, "nodes: {onUnknown: warn}": false,
		roles + "}": true, roles + ", onUnknown: warn}": false} {
		if got := parsed(t, text+"\n").Nodes.DenyUnknown(); got != want {
			t.Errorf("%s: a role that nothing shows to be a node's is denied: %v, want %v", text, got, want)
		}
	}
}
