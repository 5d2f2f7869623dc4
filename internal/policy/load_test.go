package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/utils/ptr"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

const header = "apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n" // two lines: what follows begins on line 3

// everything is a file with every field.
const everything = `
mode: audit
partition: aws-us-gov
rules:
  AA106: error
  unknown-data-key: off
  AA203: warn
  AA204: warning
privileged:
  groups: [platform-admins]
  fromRBAC: false
  approvals:
  - arn: arn:aws:iam::111122223333:role/admin
    groups: [system:masters]
    usernames: [admin]
    reason: the platform team
    approvedBy: security review
    expires: 2027-06-30
  - pattern: arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_*
    groups: [system:masters]
    expires: 2027-06-30T12:00:00+02:00
  approvers:
    usernames: [carol]
    groups: [leads]
  subjectAccessReview: true
  onUnreadable: deny
accounts:
- id: "444455556666"
  roleARN: arn:aws:iam::444455556666:role/aws-auth-guard
  externalID: demo/1@example.com
- id: "111122223333"
  trust: unchecked
  mapAccounts: true
required:
- arn:aws:iam::111122223333:role/nodes
- arn: arn:aws:iam::111122223333:user/team/alice
  username: alice
  groups: [viewers]
exempt:
  usernames: [eks:node-manager]
breakGlass:
  groups: [aws-auth-break-glass]
iam:
  onUnverified: warn
  region: eu-west-1
  timeouts:
    call: 2s
    total: 0m30s
  suggestOtherAccounts: {usernames: [dave], groups: [auditors]}
waivers:
- rule: AA203
  subject: arn:aws:iam::111122223333:role/legacy
  reason: goes with the migration
  expires: 2027-01-31
preexisting: deny
nodes:
  roles: [arn:aws:iam::111122223333:role/nodes, 'arn:aws:iam::111122223333:role/eks-nodes-*']
  onUnknown: deny
`

func TestEveryField(t *testing.T) {
	got, err := policy.Parse([]byte(header + everything))
	if err != nil {
		t.Fatal(err)
	}
	want := &policy.Policy{
		APIVersion: policy.APIVersion, Kind: policy.Kind,
		Mode: policy.Audit, Partition: "aws-us-gov",
		Rules: map[string]policy.Severity{"AA106": policy.Error, "AA203": policy.Warning, "AA204": policy.Warning,
			"unknown-data-key": policy.Off},
		RuleLines: map[string]int{"AA106": 7, "AA203": 9, "AA204": 10, "unknown-data-key": 8},
		Privileged: policy.Privileged{Groups: []string{"platform-admins"}, FromRBAC: ptr.To(false), Approvals: []policy.Approval{
			{ARN: "arn:aws:iam::111122223333:role/admin", Groups: []string{"system:masters"}, Usernames: []string{"admin"},
				ApprovedBy: "security review", Reason: "the platform team", Expires: "2027-06-30", Line: 15},
			{Pattern: "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_*", Groups: []string{"system:masters"},
				Expires: "2027-06-30T12:00:00+02:00", Line: 21},
		}, OnUnreadable: policy.Deny, Approvers: policy.Approvers{Usernames: []string{"carol"}, Groups: []string{"leads"}}, SubjectAccessReview: true},
		Accounts: []policy.Account{{ID: "444455556666", RoleARN: "arn:aws:iam::444455556666:role/aws-auth-guard", ExternalID: "demo/1@example.com"},
			{ID: "111122223333", Trust: policy.Unchecked, MapAccounts: true}},
		Required: []policy.Required{{ARN: "arn:aws:iam::111122223333:role/nodes", Line: 37},
			{ARN: "arn:aws:iam::111122223333:user/team/alice", Username: "alice", Groups: []string{"viewers"}, Line: 38}},
		Exempt: &policy.Exempt{Usernames: []string{"eks:node-manager"}}, BreakGlass: policy.BreakGlass{Groups: []string{"aws-auth-break-glass"}},
		IAM: policy.IAM{OnUnverified: policy.Warn, Region: "eu-west-1", Timeouts: policy.Timeouts{Call: "2s", Total: "0m30s"},
			SuggestOtherAccounts: policy.SuggestOtherAccounts{Usernames: []string{"dave"}, Groups: []string{"auditors"}}},
		Waivers: []policy.Waiver{{Rule: "AA203", Subject: "arn:aws:iam::111122223333:role/legacy", Reason: "goes with the migration",
			Expires: "2027-01-31", Line: 53}},
		Preexisting: policy.Deny,
		Nodes:       policy.Nodes{Roles: []string{"arn:aws:iam::111122223333:role/nodes", "arn:aws:iam::111122223333:role/eks-nodes-*"}, OnUnknown: policy.Deny},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A day begins in UTC; a moment is in the zone that it names.
func TestDatesAndTimeouts(t *testing.T) {
	p, err := policy.Parse([]byte(header + everything))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Time{time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC), time.Date(2027, 6, 30, 10, 0, 0, 0, time.UTC)} {
		if got := p.Privileged.Approvals[i].Expires; !got.Time().Equal(want) || got.Day() != "2027-06-30" {
			t.Errorf("%s is %s on day %s, want %s", got, got.Time(), got.Day(), want)
		}
	}
	if call, total := p.IAM.Timeouts.Call.Duration(), p.IAM.Timeouts.Total.Duration(); call != 2*time.Second || total != 30*time.Second {
		t.Errorf("got %s and %s", call, total)
	}
	var none policy.Policy
	if e := (policy.Date("")); !e.Time().IsZero() || e.Day() != "" || none.IAM.Timeouts.Call.Duration() != 0 {
		t.Error("an empty date or timeout is one")
	}
}

func TestDefaults(t *testing.T) {
	for name, text := range map[string]string{"nothing but the header": "", "empty fields": "mode:\nrules:\nprivileged:\naccounts: []\nexempt:\nwaivers: []\n"} {
		t.Run(name, func(t *testing.T) {
			got, err := policy.Parse([]byte(header + text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(policy.Default(), got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("want the default policy (-want +got):\n%s", diff)
			}
		})
	}
	none, err := policy.Parse([]byte(header + "exempt: {}\n"))
	if err != nil || len(none.Exempt.Usernames) > 0 {
		t.Errorf("exempt: {} exempts nobody, got %q, %v", none.Exempt.Usernames, err)
	}
}

// An editor on Windows writes a byte order mark and both characters at the end of a line.
func TestWindowsFile(t *testing.T) {
	p, err := policy.Parse([]byte("\ufeff" + strings.ReplaceAll(header+"# for a look\nmode: audit\n", "\n", "\r\n")))
	if err != nil || p.Mode != policy.Audit {
		t.Errorf("got %v, %v", p, err)
	}
}

// badFiles must be rejected, with all lines of the error. They are below the header.
var badFiles = map[string]struct {
	text string
	want []string
}{
	"mode":                      {"mode: dry-run", []string{`line 3: mode: "dry-run" is not known, want enforce, audit`}},
	"mode is a list":            {"mode: [audit]", []string{"line 3: mode: is a list, want text"}},
	"unknown field":             {"mod: audit", []string{"line 3: mod: unknown field, did you mean mode?"}},
	"unknown field, upper case": {"Mode: audit", []string{"line 3: Mode: unknown field, did you mean mode?"}},
	"unknown field, none near":  {"iam: {endpoint: x}", []string{"line 3: iam.endpoint: unknown field, want one of onUnverified, region, timeouts, suggestOtherAccounts"}},
	"unknown field further in":  {"privileged:\n  approvals:\n  - arn: arn:aws:iam::111122223333:role/a\n    group: [system:masters]", []string{"line 6: privileged.approvals[0].group: unknown field, did you mean groups?", "line 5: privileged.approvals[0].groups: missing: say which privileged groups or usernames are approved, such as [system:masters]"}},
	"merge key":                 {"iam: {region: x}\n<<: {mode: audit}", []string{"line 4: <<: unknown field, want one of apiVersion"}},
	"an anchor":                 {"mode: audit\naccounts: &a []", []string{`line 4: the anchor "&a": remove it, and write out its value where an alias uses it`}},
	"an anchor and its alias":   {"privileged:\n  groups: &a [x]\nbreakGlass:\n  groups: *a", []string{`line 4: the anchor "&a"`}},
	"an anchor on a key":        {"&a mode: audit", []string{`line 3: the anchor "&a"`}},
	"an anchor of one document": {"", []string{`line 1: the anchor "&a"`}},
	"a key twice":               {"mode: audit\nmode: enforce", []string{`line 4: mapping key "mode" already defined at line 3`}},
	"a rule twice":              {"rules:\n  AA203: off\n  AA203: error", []string{`line 5: mapping key "AA203" already defined at line 4`}},
	"severity":                  {"rules:\n  AA203: fatal", []string{`line 4: rules.AA203: "fatal" is not known, want error, warning, warn, off`}},
	"rules is a list":           {"rules: [AA203]", []string{"line 3: rules: is a list, want a mapping such as AA203: warning"}},
	"partition":                 {"partition: aws-eu", []string{`line 3: partition: "aws-eu" is not known, want aws, aws-cn, aws-us-gov`}},
	"preexisting":               {"preexisting: ignore", []string{`line 3: preexisting: "ignore" is not known, want warn, deny`}},
	"groups is a text":          {"privileged: {groups: admins}", []string{`line 3: privileged.groups: "admins" is text, want a list`}},
	"blank group":               {"privileged:\n  groups: [a, ' b', '']", []string{`line 4: privileged.groups[1]: " b" is blank or has blanks around it`, `line 4: privileged.groups[2]: "" is blank`}},
	"fromRBAC":                  {"privileged: {fromRBAC: maybe}", []string{`line 3: privileged.fromRBAC: "maybe" is text, want true or false`}},
	"yes is no boolean":         {"accounts: [{id: '444455556666', mapAccounts: yes}]", []string{`line 3: accounts[0].mapAccounts: "yes" is text, want true or false`}},
	"approval without ARN":      {"privileged: {approvals: [{groups: [a]}]}", []string{"line 3: privileged.approvals[0].arn: missing: want a role or user ARN"}},
	"approval without groups":   {"privileged:\n  approvals:\n  - arn: arn:aws:iam::111122223333:role/a", []string{"line 5: privileged.approvals[0].groups: missing"}},
	"approval of arn, pattern":  {"privileged:\n  approvals:\n  - arn: arn:aws:iam::111122223333:role/a\n    groups: [a]\n    pattern: arn:aws:iam::111122223333:role/b*", []string{"line 7: privileged.approvals[0].pattern: both arn and pattern are set, want one of them"}},
	"approval of a path":        {"privileged:\n  approvals:\n  - arn: arn:aws:iam::111122223333:role/team/a\n    groups: [a]", []string{`line 5: privileged.approvals[0].arn: "arn:aws:iam::111122223333:role/team/a" has a path, and EKS drops the path before it compares: write arn:aws:iam::111122223333:role/a`}},
	"approval of no ARN":        {"privileged: {approvals: [{arn: admin, groups: [a]}]}", []string{`line 3: privileged.approvals[0].arn: "admin" is not an ARN`}},
	"approval of a session":     {"privileged: {approvals: [{arn: 'arn:aws:sts::111122223333:assumed-role/a/b', groups: [a]}]}", []string{"line 3: privileged.approvals[0].arn: "}},
	"pattern for every name":    {"privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:role/*', groups: [a]}]}", []string{"matches every name"}},
	"pattern of two stars":      {"privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:role/**', groups: [a]}]}", []string{"matches every name"}},
	"pattern with a path":       {"privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:role/team/admin-*', groups: [a]}]}", []string{"has a path, and EKS drops the path before it compares: write arn:aws:iam::111122223333:role/admin-*"}},
	"pattern for every account": {"privileged: {approvals: [{pattern: 'arn:aws:iam::*:role/admin', groups: [a]}]}", []string{"has a * outside the name"}},
	"pattern in the path":       {"privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:role/*/admin', groups: [a]}]}", []string{"has a * outside the name"}},
	"a user as node role":       {"nodes: {roles: ['arn:aws:iam::111122223333:user/nodes']}", []string{`line 3: nodes.roles[0]: "arn:aws:iam::111122223333:user/nodes" names user, want a role`}},
	"root user as node role":    {"nodes: {roles: ['arn:aws:iam::111122223333:root']}", []string{"names root user, want a role"}},
	"a node role with a path":   {"nodes: {roles: ['arn:aws:iam::111122223333:role/eks/nodes']}", []string{"has a path"}},
	"node roles with a path":    {"nodes: {roles: ['arn:aws:iam::111122223333:role/eks/nodes-*']}", []string{"has a path, and EKS drops the path before it compares: write arn:aws:iam::111122223333:role/nodes-*"}},
	"node roles of any account": {"nodes: {roles: ['arn:aws:iam::*:role/nodes']}", []string{"has a * outside the name"}},
	"every role as node role":   {"nodes: {roles: ['arn:aws:iam::111122223333:role/*']}", []string{"matches every name, want a pattern such as eks-nodes-*"}},
	"no ARN as node role":       {"nodes: {roles: [nodes]}", []string{"line 3: nodes.roles[0]"}},
	"unknown nodes":             {"nodes: {onUnknown: ignore}", []string{`line 3: nodes.onUnknown: "ignore" is not known, want warn, deny`}},
	"pattern in the kind":       {"privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:*/admin', groups: [a]}]}", []string{"has a * outside the name"}},
	"pattern with a class":      {"privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:role/[a-z]*', groups: [a]}]}", []string{"is no pattern of a name"}},
	"pattern with ?":            {"privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:role/a?*', groups: [a]}]}", []string{"is no pattern of a name"}},
	"expires in words":          {"privileged:\n  approvals:\n  - arn: arn:aws:iam::111122223333:role/a\n    groups: [a]\n    expires: next year", []string{`line 7: privileged.approvals[0].expires: "next year" is no date, want 2027-06-30 or 2027-06-30T12:00:00Z`}},
	"expires on no such day":    {"waivers: [{rule: AA203, subject: x, reason: y, expires: 2027-02-30}]", []string{`line 3: waivers[0].expires: "2027-02-30" is no date`}},
	"account id":                {"accounts:\n- id: \"4444\"", []string{`line 4: accounts[0].id: "4444" is not an account id, want 12 digits in quotes`}},
	"account without id":        {"accounts:\n- trust: unchecked", []string{`line 4: accounts[0].id: "" is not an account id`}},
	"account trust":             {"accounts:\n- id: \"444455556666\"\n  trust: full", []string{`line 5: accounts[0].trust: "full" is not known, want unchecked, or a roleARN to assume`}},
	"account twice":             {"accounts:\n- id: \"444455556666\"\n- id: \"444455556666\"\n  trust: unchecked", []string{`line 5: accounts[1].id: "444455556666" is there twice`}},
	"account trust and role":    {"accounts:\n- id: \"444455556666\"\n  trust: unchecked\n  roleARN: arn:aws:iam::444455556666:role/guard", []string{"line 5: accounts[0].trust: both trust and roleARN are set, want one of them"}},
	"role of another account":   {"accounts:\n- id: \"444455556666\"\n  roleARN: arn:aws:iam::111122223333:role/guard", []string{`line 5: accounts[0].roleARN: "arn:aws:iam::111122223333:role/guard" is not in account "444455556666"`}},
	"a user to assume":          {"accounts:\n- id: \"444455556666\"\n  roleARN: arn:aws:iam::444455556666:user/guard", []string{"line 5: accounts[0].roleARN: "}},
	"required":                  {"required:\n- x", []string{`line 4: required[0].arn: "x" is not an ARN`}},
	"required with a star":      {"required:\n- arn:aws:iam::111122223333:role/a*", []string{`line 4: required[0].arn: "arn:aws:iam::111122223333:role/a*" has a *, want one exact ARN`}},
	"required with a typo":      {"required:\n- arm: x", []string{"line 4: required[0].arm: unknown field, did you mean arn?", "line 4: required[0].arn: missing"}},
	"required is a list":        {"required:\n- [x]", []string{"line 4: required[0]: is a list, want fields: arn, username, groups"}},
	"exempt username":           {"exempt:\n  usernames:\n  - ' eks:node-manager'", []string{`line 5: exempt.usernames[0]: " eks:node-manager" is blank or has blanks around it`}},
	"break-glass group":         {"breakGlass: {groups: ['']}", []string{`line 3: breakGlass.groups[0]: "" is blank`}},
	"break glass for everybody": {"breakGlass:\n  groups: [a, system:authenticated]", []string{`line 4: breakGlass.groups[1]: every authenticated caller is in "system:authenticated", want a group to which you add people`}},
	"break glass for anybody":   {"breakGlass: {groups: [system:unauthenticated]}", []string{`line 3: breakGlass.groups[0]: every caller who is not authenticated is in "system:unauthenticated"`}},
	"break glass for pods":      {"breakGlass: {groups: [system:serviceaccounts]}", []string{`line 3: breakGlass.groups[0]: every service account is in "system:serviceaccounts"`}},
	"break glass for nodes": {"breakGlass: {groups: [system:nodes, system:bootstrappers, system:bootstrappers:kubeadm:default-node-token, system:node-proxier, eks:kube-proxy-windows]}",
		[]string{`every node is in "system:nodes"`, `every node is in "system:bootstrappers"`, `breakGlass.groups[2]: every node is in "system:bootstrappers:kubeadm:default-node-token"`, `every Fargate node is in "system:node-proxier"`, `every Windows node is in "eks:kube-proxy-windows"`}},
	"break glass for a pattern": {"breakGlass: {groups: ['admins-*']}", []string{`line 3: breakGlass.groups[0]: "admins-*" has a *, and is compared as it is: want the whole group, such as aws-auth-break-glass`}},
	"everybody approves":        {"privileged:\n  approvers:\n    groups: [system:authenticated]", []string{`line 5: privileged.approvers.groups[0]: every authenticated caller is in "system:authenticated"`}},
	"any username approves":     {"privileged: {approvers: {usernames: ['*', system:anonymous]}}", []string{`line 3: privileged.approvers.usernames[0]: "*" has a *, and is compared as it is`, `privileged.approvers.usernames[1]: every caller who is not authenticated has the username "system:anonymous"`}},
	"any username is exempt":    {"exempt: {usernames: ['*', 'system:serviceaccount:*:*', eks:*]}", []string{`line 3: exempt.usernames[0]: "*" has a *, and is compared as it is: want the whole username, such as system:serviceaccount:NAMESPACE:NAME`, `exempt.usernames[1]: "system:serviceaccount:*:*" has a *`, `exempt.usernames[2]: "eks:*" has a *`}},
	"anonymous is exempt":       {"exempt: {usernames: [system:anonymous]}", []string{`exempt.usernames[0]: every caller who is not authenticated has the username "system:anonymous", want the username of one caller, such as eks:node-manager`}},
	"onUnreadable":              {"privileged: {onUnreadable: ignore}", []string{`line 3: privileged.onUnreadable: "ignore" is not known, want warn, deny`}},
	"onUnverified":              {"iam: {onUnverified: allow}", []string{`line 3: iam.onUnverified: "allow" is not known, want deny, warn`}},
	"timeout without a unit":    {"iam:\n  timeouts:\n    call: 2", []string{`line 5: iam.timeouts.call: "2" is no duration, want for example 2s or 500ms`}},
	"timeout of nothing":        {"iam:\n  timeouts:\n    total: 0s", []string{`line 5: iam.timeouts.total: "0s" is out of range, want more than 0s and at most 30s`}},
	"timeout below nothing":     {"iam: {timeouts: {total: -1s}}", []string{`"-1s" is out of range`}},
	"timeout of a minute":       {"iam: {timeouts: {call: 1m}}", []string{`line 3: iam.timeouts.call: "1m" is out of range, want more than 0s and at most 30s, which is the longest that an API server waits`}},
	"timeout of a bit too long": {"iam: {timeouts: {total: 30.001s}}", []string{`line 3: iam.timeouts.total: "30.001s" is out of range`}},
	"suggestions to a blank":    {"iam: {suggestOtherAccounts: {groups: ['']}}", []string{`line 3: iam.suggestOtherAccounts.groups[0]: "" is blank`}},
	"external id of nothing":    {"accounts: [{id: '444455556666', trust: unchecked, externalID: demo}]", []string{"line 3: accounts[0].externalID: set without a roleARN"}},
	"external id too short":     {"accounts: [{id: '444455556666', roleARN: 'arn:aws:iam::444455556666:role/g', externalID: x}]", []string{"line 3: accounts[0].externalID: has 1 characters, want 2 to 1,224"}},
	"external id too long":      {"accounts: [{id: '444455556666', roleARN: 'arn:aws:iam::444455556666:role/g', externalID: '" + strings.Repeat("x", 1225) + "'}]", []string{"has 1225 characters, want 2 to 1,224"}},
	"external id with a blank":  {"accounts: [{id: '444455556666', roleARN: 'arn:aws:iam::444455556666:role/g', externalID: 'a b'}]", []string{`line 3: accounts[0].externalID: "a b" is not an external id, want letters, digits and + = , . @ : / _ -`}},
	"waiver without reason":     {"waivers:\n- rule: AA203\n  subject: x", []string{"line 4: waivers[0].reason: missing: a waiver needs rule, subject and reason"}},
	"waiver without anything":   {"waivers:\n- {}", []string{"waivers[0].rule: missing", "waivers[0].subject: missing", "waivers[0].reason: missing"}},
	"all at once":               {"mode: x\npreexisting: y\niam: {onUnverified: z}", []string{"line 3: mode", "line 4: preexisting", "line 5: iam.onUnverified"}},
	"a tab":                     {"rules:\n\tAA203: off", []string{"line 4: found character that cannot start any token"}},
	"a separator in a comment":  {"# later\u2028mode: audit", []string{"line 3: the character U+2028 ends a line for YAML"}},
	"a next line":               {"accounts: []\n# later\u0085mode: audit", []string{"line 4: the character U+0085 ends a line"}},
	"a carriage return":         {"# later\rmode: audit", []string{"line 3: the character U+000D ends a line"}},
	"an open quote":             {"mode: 'audit", []string{"line "}},
	"an unknown anchor":         {"mode: *m", []string{"line 3: unknown anchor"}},
	"two documents":             {"---\n" + header, []string{"the file holds more than one YAML document"}},
	"no version":                {"", []string{`line 1: apiVersion: "v1" is not known, want aws-auth-guard.io/v1alpha1`}},
	"no kind":                   {"", []string{`line 1: kind: "" is not known, want Policy`}},
	"empty":                     {"", []string{"the file is empty: want apiVersion: aws-auth-guard.io/v1alpha1 and kind: Policy"}},
	"only comments":             {"", []string{"the file is empty"}},
	"a list":                    {"", []string{"line 1: the policy: is a list, want fields: apiVersion, kind, mode"}},
	"a text":                    {"", []string{`line 1: the policy: "audit" is text, want fields: apiVersion, kind, mode`}},
	"UTF-16":                    {"", []string{"the file is UTF-16; save it as UTF-8"}},
	"no UTF-8":                  {"", []string{"UTF-8"}},
	"too large":                 {"", []string{"the file is larger than 1048576 bytes"}},
}

// wholeFiles are the bad files that do not stand under the header.
var wholeFiles = map[string]string{
	"no version": "apiVersion: v1\nkind: Policy\n", "no kind": "apiVersion: aws-auth-guard.io/v1alpha1\n", "empty": "", "only comments": "# later\n",
	"an anchor of one document": "&a\napiVersion: v1\n", "a list": "- mode: audit\n", "a text": "audit\n", "UTF-16": "\xff\xfea\x00:\x00",
	"no UTF-8": header + "mode: \xff\n", "too large": header + strings.Repeat("#", 1<<20),
}

func TestBadFiles(t *testing.T) {
	for name, test := range badFiles {
		t.Run(name, func(t *testing.T) {
			text, whole := wholeFiles[name]
			if !whole {
				text = header + test.text + "\n"
			}
			_, err := policy.Parse([]byte(text))
			if err == nil {
				t.Fatal("accepted")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(test.want) {
				t.Errorf("want %d lines, got:\n%v", len(test.want), err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in:\n%v", want, err)
				}
			}
			for _, jargon := range []string{"struct", "policy.", "[]string", "map[", "yaml:", "!!"} {
				if strings.Contains(err.Error(), jargon) {
					t.Errorf("%q means nothing to an author of a policy:\n%v", jargon, err)
				}
			}
		})
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.yaml")
	if _, err := policy.Load(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a file that is not there: %v", err)
	}
	write(t, name, header+"mode: x\n")
	if _, err := policy.Load(name); err == nil || !strings.Contains(err.Error(), name+": line 3: mode") {
		t.Errorf("a bad file: %v", err)
	}
	write(t, name, header+"mode: audit\n")
	if p, err := policy.Load(name); err != nil || p.Mode != policy.Audit {
		t.Errorf("a good file: %v, %v", p, err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestValues: the policy in values of the chart is the same as in a file of its own, with the lines of the values.
func TestValues(t *testing.T) {
	inValues := "replicaCount: 3\npolicy:" + strings.ReplaceAll(strings.TrimSuffix(everything, "\n"), "\n", "\n  ") + "\nfleet: {enabled: true}\n"
	got, err := policy.ParseValues([]byte(inValues))
	if err != nil {
		t.Fatal(err)
	}
	want, err := policy.Parse([]byte(header + everything))
	if err != nil {
		t.Fatal(err)
	}
	// Both have two lines before the first field, and one of them is empty in everything.
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Line" || p.Last().String() == ".RuleLines"
	}, cmp.Ignore())); diff != "" {
		t.Errorf("another policy (-file +values):\n%s", diff)
	}
	line := strings.Count(inValues[:strings.Index(inValues, "- arn: ")], "\n") + 1
	if at := got.Privileged.Approvals[0].Line; at != line {
		t.Errorf("the first approval is on line %d, want %d", at, line)
	}
}

func TestBadValues(t *testing.T) {
	for text, want := range map[string]string{
		"replicaCount: 3\n": "the values have no policy",
		"[]\n":              "the values have no policy",
		"policy: strict\n":  "line 1: policy: want fields, as in docs/policy.md",
		"a: 1\npolicy:\n":   "line 2: policy: want fields, as in docs/policy.md",
		"a: 1\npolicy:\n  mode: audit\n  contact:\n    txt: x\n":    "line 5: contact.txt: unknown field, did you mean text?",
		"policy: {mode: audit}\npolicy: {mode: enforce}\n":          `line 2: mapping key "policy" already defined at line 1`,
		"a: &a {mode: audit}\npolicy: *a\n":                         `line 1: the anchor "&a": remove it, and write out its value where an alias uses it; the policy takes no anchors and no aliases`,
		"policy:\n  required: ['arn:aws:iam::111122223333:role']\n": `line 2: required[0].arn: "arn:aws:iam::111122223333:role" names resource, want a role or user ARN`,
	} {
		if _, err := policy.ParseValues([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
