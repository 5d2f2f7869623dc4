package firstpolicy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/firstpolicy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

var now = time.Date(2026, time.November, 30, 9, 0, 0, 0, time.UTC)

const (
	account = "arn:aws:iam::111122223333:"
	nodeARN = account + "role/nodes"
)

// rbac makes these groups and usernames equivalent to cluster-admin.
type rbac struct{ groups, usernames map[string]string }

func (r rbac) Equivalents() (*privilege.Equivalents, error) {
	return &privilege.Equivalents{Groups: r.groups, Usernames: r.usernames}, nil
}

// mapping is an entry of mapRoles, with whatever strings.
type mapping struct {
	ARN      string   `json:"rolearn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

var ofNodes = mapping{nodeARN, "system:node:{{EC2PrivateDNSName}}", []string{"system:bootstrappers", "system:nodes"}}

func cluster(t testing.TB, source privilege.Source, mappings ...mapping) firstpolicy.Cluster {
	t.Helper()
	text, err := json.Marshal(mappings)
	if err != nil {
		t.Fatal(err)
	}
	p := policy.Default()
	p.BreakGlass.Groups = []string{"aws-auth-break-glass"}
	return firstpolicy.Cluster{AWSAuth: awsauth.Read(nil, map[string]string{"mapRoles": string(text)}), Policy: p,
		Privileges: source, Now: now, Expires: "2027-02-28"}
}

// written is what the values say, as the guard reads them and as it does after Helm.
func written(t testing.TB, p *firstpolicy.Proposal) *policy.Policy {
	t.Helper()
	text, err := p.Values()
	if err != nil {
		t.Fatal(err)
	}
	inValues, err := policy.ParseValues(text)
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		Policy map[string]any `json:"policy"`
	}
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	values.Policy["apiVersion"], values.Policy["kind"] = policy.APIVersion, policy.Kind
	rendered, err := yaml.Marshal(values.Policy)
	if err != nil {
		t.Fatal(err)
	}
	afterHelm, err := policy.Parse(rendered)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(lists(inValues), lists(afterHelm)); diff != "" {
		t.Fatalf("Helm reads something else (-guard +Helm):\n%s\n%s", diff, text)
	}
	return inValues
}

// lists are those of a policy, without their lines.
func lists(p *policy.Policy) any {
	approvals, required := slices.Clone(p.Privileged.Approvals), slices.Clone(p.Required)
	for i := range approvals {
		approvals[i].Line = 0
	}
	for i := range required {
		required[i].Line = 0
	}
	return []any{approvals, required, p.Nodes.Roles, p.Accounts, p.BreakGlass, p.Contact}
}

// approvals are those of a policy in a few words.
func approvals(p *policy.Policy) (all []string) {
	for _, a := range p.Privileged.Approvals {
		all = append(all, fmt.Sprintf("%s groups %q usernames %q", strings.TrimPrefix(a.Principals(), account), a.Groups, a.Usernames))
	}
	return all
}

func TestApprovals(t *testing.T) {
	known := rbac{groups: map[string]string{"ops": "group ops -> cluster-admin", "a\nb": "x", " ops": "x", "no\u200bops": "x", "ops\u3164": "x", "true": "x", "0x1": "x", "yes": "x", "~": "x", "- a": "x", "#a": "x"},
		usernames: map[string]string{"robot": "user robot", "eks:node-manager": "exempt", account + "user/bob": "x"}}
	for name, tc := range map[string]struct {
		mapping mapping
		want    []string
		says    string // of what is not approved
	}{
		"system:masters":                   {mapping{account + "role/admin", "admin", []string{"system:masters"}}, []string{`role/admin groups ["system:masters"] usernames []`}, ""},
		"covered by system:masters":        {mapping{account + "role/admin", "robot", []string{"ops", "system:masters"}}, []string{`role/admin groups ["system:masters"] usernames []`}, ""},
		"of RBAC":                          {mapping{account + "role/ops", "robot", []string{"viewers", "ops"}}, []string{`role/ops groups ["ops"] usernames ["robot"]`}, ""},
		"nothing":                          {mapping{account + "role/ci", "ci", []string{"viewers"}}, nil, ""},
		"an ARN in capitals":               {mapping{"ARN:aws:iam::111122223333:Role/Admin", "a", []string{"ops"}}, []string{`role/Admin groups ["ops"] usernames []`}, ""},
		"an ARN that matches nobody":       {mapping{account + "role/team/admin", "a", []string{"ops"}}, nil, ""},
		"an ARN with a star":               {mapping{account + "role/a*", "a", []string{"ops"}}, nil, `role/a* has the group "ops": IAM gives nobody such an ARN`},
		"an ARN that goes on":              {mapping{account + "role/a\n      - arn: b", "a", []string{"ops"}}, nil, `role/a\n      - arn: b has the group "ops"`},
		"an ARN that looks like another":   {mapping{account + "role/\u0430dmin", "a", []string{"ops"}}, nil, `IAM gives nobody such an ARN`},
		"a group on two lines":             {mapping{account + "role/a", "a", []string{"a\nb"}}, nil, `the group "a\nb": that name has characters that nobody can see`},
		"a group with a blank":             {mapping{account + "role/a", "a", []string{" ops"}}, nil, `the group " ops": that name`},
		"a group that cannot be seen":      {mapping{account + "role/a", "a", []string{"no\u200bops"}}, nil, `the group "no\u200bops": that name`},
		"a group with a blank letter":      {mapping{account + "role/a", "a", []string{"ops\u3164"}}, nil, `that name has characters that nobody can see`},
		"groups that YAML takes for more":  {mapping{account + "role/a", "a", []string{"true", "yes", "~", "0x1", "- a", "#a"}}, []string{`role/a groups ["#a" "- a" "0x1" "true" "yes" "~"] usernames []`}, ""},
		"a username of EKS's own":          {mapping{account + "role/a", "eks:node-manager", nil}, nil, `the username "eks:node-manager": that username belongs to a component`},
		"a template that becomes an admin": {mapping{account + "role/a", "{{SessionName}}", nil}, nil, `the username "{{SessionName}}", which can become robot with the session name "robot"`},
		"a group template":                 {mapping{account + "role/a", "a", []string{"system:{{SessionName}}"}}, nil, `the group "system:{{SessionName}}", which can become system:masters with the session name "masters"; write the name out`},
	} {
		t.Run(name, func(t *testing.T) {
			p := firstpolicy.Propose(cluster(t, known, tc.mapping))
			if diff := cmp.Diff(tc.want, approvals(written(t, p))); diff != "" {
				t.Errorf("approvals (-want +got):\n%s", diff)
			}
			if says := strings.Join(p.Unapproved, "\n"); (tc.says == "") != (says == "") || !strings.Contains(says, tc.says) {
				t.Errorf("unapproved: %q, want %q", says, tc.says)
			}
		})
	}
}

// TestTaken: who is mapped to the break-glass group before it gives anything must not get it unseen.
func TestTaken(t *testing.T) {
	c := cluster(t, rbac{}, mapping{account + "role/sleeper", "x", []string{"viewers", "aws-auth-break-glass", "system:masters"}})
	p := firstpolicy.Propose(c)
	if diff := cmp.Diff([]string{`role/sleeper groups ["system:masters"] usernames []`}, approvals(written(t, p))); diff != "" || !slices.Equal(p.Taken, []string{account + "role/sleeper"}) {
		t.Errorf("taken %q, approvals (-want +got):\n%s", p.Taken, diff)
	}
	c.Policy.Privileged.Approvals = []policy.Approval{{ARN: account + "role/sleeper", Groups: []string{"aws-auth-break-glass", "system:masters"}}}
	if p := firstpolicy.Propose(c); len(p.Taken) > 0 {
		t.Errorf("taken %q, want none, since the policy approves it", p.Taken)
	}
	c.Policy.Privileged.Approvals[0].Expires = "2026-11-29"
	if p := firstpolicy.Propose(c); !slices.Equal(p.Taken, []string{account + "role/sleeper"}) {
		t.Errorf("taken %q, want it, since the approval has expired", p.Taken)
	}
}

// TestTakenByTemplate: a session name must not be enough to get into the break-glass group.
func TestTakenByTemplate(t *testing.T) {
	for group, taken := range map[string]bool{
		"aws-auth-{{SessionName}}": true, "{{SessionName}}": true, "{{SessionNameRaw}}-glass": true,
		"aws-auth-break-glass-{{SessionName}}": false, "team:{{SessionName}}": false, "{{AccountID}}": false,
	} {
		c := cluster(t, rbac{}, mapping{account + "role/a", "x", []string{group}})
		c.Policy.Privileged.Groups = []string{"a"} // which a template can become as well
		var want []string
		if taken {
			want = []string{fmt.Sprintf("%srole/a by the template %q", account, group)}
		}
		if p := firstpolicy.Propose(c); !slices.Equal(p.Taken, want) {
			t.Errorf("%s: taken %q, want %q", group, p.Taken, want)
		}
		c.Policy.Privileged.Approvals = []policy.Approval{{ARN: account + "role/a", Groups: []string{"aws-auth-break-glass"}}}
		if p := firstpolicy.Propose(c); len(p.Taken) > 0 {
			t.Errorf("%s: taken %q, want none, since the policy approves it", group, p.Taken)
		}
	}
}

// TestPermissionSet: the pattern that is suggested is that of one permission set.
func TestPermissionSet(t *testing.T) {
	for name, want := range map[string]string{"AWSReservedSSO_Admin_0123456789abcdef": "with pattern: " + account + "role/AWSReservedSSO_Admin_* instead",
		"AWSReservedSSO_Admin": "", "AWSReservedSSO_0123456789abcdef": "", "Admin_0123456789abcdef": ""} {
		p := firstpolicy.Propose(cluster(t, rbac{}, mapping{account + "role/" + name, "x", []string{"system:masters"}}))
		notes := strings.Join(p.Approvals[0].Notes, "\n")
		if strings.Contains(notes, "pattern") != (want != "") || !strings.Contains(notes, want) {
			t.Errorf("%s: %q, want %q", name, notes, want)
		}
	}
}

// TestEverybody: a right of everybody's is not approved for each principal.
func TestEverybody(t *testing.T) {
	p := firstpolicy.Propose(cluster(t, rbac{groups: map[string]string{policy.Everybody: "x"}}, mapping{account + "role/ci", "ci", nil}))
	if got := approvals(written(t, p)); got != nil || len(p.Unapproved) != 1 || !strings.HasPrefix(p.Unapproved[0], "everybody is equivalent to cluster-admin") {
		t.Errorf("approvals %q, unapproved %q", got, p.Unapproved)
	}
}

// partial is RBAC of which a kind could not be read.
type partial struct{ err error }

func (p partial) Equivalents() (*privilege.Equivalents, error) {
	if p.err != nil {
		return nil, p.err
	}
	return &privilege.Equivalents{Partial: &privilege.Partial{Why: errors.New("roles is forbidden")}}, nil
}

// TestUnreadRBAC: that an admin may be missing is said where the approvals are.
func TestUnreadRBAC(t *testing.T) {
	for want, source := range map[string]privilege.Source{
		"RBAC was not read":                                nil,
		`RBAC was not read: it is\nforbidden`:              partial{errors.New("it is\nforbidden")},
		"RBAC was not read to the end: roles is forbidden": partial{},
		"": rbac{},
	} {
		p := firstpolicy.Propose(cluster(t, source, ofNodes))
		text, err := p.Values()
		if err != nil || p.UnreadRBAC != want || strings.Contains(string(text), "# CHECK: RBAC") != (want != "") {
			t.Errorf("%v, unread %q, want %q, and it in\n%s", err, p.UnreadRBAC, want, text)
		}
	}
	c := cluster(t, nil, ofNodes)
	c.Policy.Privileged.FromRBAC = new(false)
	if p := firstpolicy.Propose(c); p.UnreadRBAC != "" {
		t.Errorf("unread %q, want nothing, since the policy does not want it read", p.UnreadRBAC)
	}
}

// TestNodes: what shows that nodes use a role decides whether its mapping is required, and what its comment says.
func TestNodes(t *testing.T) {
	known := nodes.Knowledge{At: now, Expires: now.Add(time.Hour)}
	key := awsauth.Subject(nodeARN)
	fargate := mapping{nodeARN, "system:node:{{SessionName}}", []string{"system:bootstrappers", "system:nodes", "system:node-proxier"}}
	ec2 := nodes.Set{Kind: nodes.EC2, Names: []string{"ip-10-0-0-1", "ip-10-0-0-2"}}
	forged := nodes.Set{Kind: nodes.EC2, Names: []string{"ip-10-0-0-9"}, Unproven: 1}
	for name, tc := range map[string]struct {
		mapping  mapping
		view     *nodes.View
		required []string
		note     string
		unread   string
	}{
		"not asked for":   {ofNodes, nil, nil, "CHECK: mapped for nodes; it is not known whether a node uses it", "the running nodes were not read"},
		"running":         {ofNodes, &nodes.View{NodesKnown: known, Nodes: map[string][]nodes.Set{key: {ec2}}}, []string{"system:bootstrappers", "system:nodes"}, "2 running EC2 nodes use it: ip-10-0-0-1, ip-10-0-0-2", ""},
		"one is forged":   {ofNodes, &nodes.View{NodesKnown: known, Nodes: map[string][]nodes.Set{key: {{Kind: nodes.EC2, Names: []string{"a", "b"}, Unproven: 1}}}}, []string{"system:bootstrappers", "system:nodes"}, "2 running EC2 nodes use it: a, b", ""},
		"all are forged":  {ofNodes, &nodes.View{NodesKnown: known, Nodes: map[string][]nodes.Set{key: {forged}}}, nil, "CHECK: nodes name it, and nothing else shows that they belong to this cluster", ""},
		"doubtful":        {ofNodes, &nodes.View{NodesKnown: known, Doubtful: map[string][]nodes.Set{key: {forged}}}, nil, "CHECK: nodes name it, and nothing else shows that they belong to this cluster", ""},
		"starting":        {ofNodes, &nodes.View{NodesKnown: known, Nodes: map[string][]nodes.Set{key: {{Kind: nodes.EC2, Names: []string{"i-1"}, Joining: 1}}}}, nil, "CHECK: nodes name it, and nothing else shows that they belong to this cluster", ""},
		"none":            {ofNodes, &nodes.View{NodesKnown: known}, nil, "CHECK: no running node uses it; if none will, remove it here and in aws-auth", ""},
		"a node group":    {ofNodes, &nodes.View{NodesKnown: known, Assigned: map[string][]nodes.Kind{key: {nodes.EC2}}}, nil, "EKS gives it to EC2 nodes", ""},
		"of another kind": {ofNodes, &nodes.View{NodesKnown: known, Nodes: map[string][]nodes.Set{key: {{Kind: nodes.Fargate, Names: []string{"f"}}}}}, nil, "CHECK: nodes name it, and nothing else shows that they belong to this cluster", ""},
		"Fargate": {fargate, &nodes.View{NodesKnown: known, Assigned: map[string][]nodes.Kind{key: {nodes.Fargate}}, Nodes: map[string][]nodes.Set{key: {{Kind: nodes.Fargate, Names: []string{"f"}, Unproven: 1}}}},
			[]string{"system:bootstrappers", "system:nodes", "system:node-proxier"}, "1 running Fargate node uses it: f", ""},
		"Fargate, one of several": {fargate, &nodes.View{NodesKnown: known, Assigned: map[string][]nodes.Kind{key: {nodes.Fargate}}, Nodes: map[string][]nodes.Set{key: {{Kind: nodes.Fargate, Maybe: true, Names: []string{"f"}, Unproven: 1}}}}, nil, "EKS gives it to Fargate nodes", ""},
		"an access entry":         {ofNodes, &nodes.View{NodesKnown: known, AccessKnown: known, Mode: nodes.BothModes, Nodes: map[string][]nodes.Set{key: {ec2}}, Entries: map[string]nodes.AccessEntry{key: {ARN: nodeARN, Type: "EC2_LINUX"}}}, nil, "CHECK: an access entry decides about it, so the mapping has no effect", ""},
		"mode API":                {ofNodes, &nodes.View{NodesKnown: known, AccessKnown: known, Mode: nodes.APIMode, Nodes: map[string][]nodes.Set{key: {ec2}}}, nil, "CHECK: an access entry decides about it, so the mapping has no effect", ""},
		"not all are known": {ofNodes, &nodes.View{NodesKnown: nodes.Knowledge{Problem: "no credentials\n# all is well"}}, nil, "CHECK: mapped for nodes; it is not known whether a node uses it",
			`the running nodes are not all known: no credentials\n# all is well`},
		"a name to hide behind": {ofNodes, &nodes.View{NodesKnown: known, Nodes: map[string][]nodes.Set{key: {{Kind: nodes.EC2, Names: []string{"a\n    - b"}}}}}, []string{"system:bootstrappers", "system:nodes"}, `1 running EC2 node uses it: a\n    - b`, ""},
		"without bootstrappers": {mapping{nodeARN, ofNodes.Username, []string{"system:nodes"}}, &nodes.View{NodesKnown: known, Nodes: map[string][]nodes.Set{key: {ec2}}}, []string{"system:nodes"}, "2 running EC2 nodes use it: ip-10-0-0-1, ip-10-0-0-2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := cluster(t, rbac{}, tc.mapping)
			c.Nodes = tc.view
			p := firstpolicy.Propose(c)
			got := written(t, p)
			var required []string
			for _, r := range got.Required {
				required = append(required, r.Groups...)
				if r.ARN != nodeARN || r.Username != tc.mapping.Username {
					t.Errorf("%+v is required", r)
				}
			}
			if diff := cmp.Diff(tc.required, required); diff != "" {
				t.Errorf("required groups (-want +got):\n%s", diff)
			}
			if !slices.Equal(got.Nodes.Roles, []string{nodeARN}) || !slices.Equal(p.NodeRoles[0].Notes, []string{tc.note}) {
				t.Errorf("node roles %+v, want the note %q", p.NodeRoles, tc.note)
			}
			if p.UnreadNodes != tc.unread {
				t.Errorf("unread: %q, want %q", p.UnreadNodes, tc.unread)
			}
		})
	}
}

// TestNoNodes: what only looks like a node's is not listed as one.
func TestNoNodes(t *testing.T) {
	for name, m := range map[string]mapping{
		"another username": {nodeARN, "ci", ofNodes.Groups},
		"without groups":   {nodeARN, ofNodes.Username, nil},
		"a path":           {account + "role/eks/nodes", ofNodes.Username, ofNodes.Groups},
		"a star":           {account + "role/n*", ofNodes.Username, ofNodes.Groups},
	} {
		if got := written(t, firstpolicy.Propose(cluster(t, rbac{}, m))); len(got.Nodes.Roles) > 0 {
			t.Errorf("%s: node roles %q, want none", name, got.Nodes.Roles)
		}
	}
}

func TestAccounts(t *testing.T) {
	other := mapping{"arn:aws:iam::444455556666:role/auditor", "auditor", nil}
	third := mapping{"arn:aws:iam::777788889999:role/ci", "ci", nil}
	for name, tc := range map[string]struct {
		mappings  []mapping
		want      []policy.Account
		undecided string
	}{
		"the nodes' is the cluster's":   {[]mapping{ofNodes, other, third}, []policy.Account{{ID: "444455556666", Trust: "unchecked"}, {ID: "777788889999", Trust: "unchecked"}}, ""},
		"without nodes it is not known": {[]mapping{other, third}, nil, "no node mapping shows which account is the cluster's; list the others of 444455556666 and 777788889999"},
		"a single one":                  {[]mapping{third}, nil, ""},
		"no account id":                 {[]mapping{ofNodes, {"arn:aws:iam::12345:role/x", "x", nil}}, nil, ""},
	} {
		p := firstpolicy.Propose(cluster(t, rbac{}, tc.mappings...))
		if diff := cmp.Diff(tc.want, written(t, p).Accounts, cmpopts.EquateEmpty()); diff != "" || strings.Join(p.Undecided, "") != tc.undecided {
			t.Errorf("%s: undecided %q, want %q; accounts (-want +got):\n%s", name, p.Undecided, tc.undecided, diff)
		}
	}
}

// TestWholeAccount: an account in mapAccounts is never allowed, as that would be for everybody who is still to come.
func TestWholeAccount(t *testing.T) {
	c := cluster(t, rbac{usernames: map[string]string{account + "user/bob": "user bob"}})
	c.AWSAuth = awsauth.Read(nil, map[string]string{"mapAccounts": `["111122223333", "4444\n# x"]`})
	p := firstpolicy.Propose(c)
	got := written(t, p)
	if len(got.Accounts) > 0 || len(p.Undecided) != 2 || !strings.HasPrefix(p.Undecided[1], `mapAccounts lists account "4444\n# x", so`) {
		t.Errorf("accounts %+v, undecided %q", got.Accounts, p.Undecided)
	}
	if diff := cmp.Diff([]string{`user/bob groups [] usernames ["` + account + `user/bob"]`}, approvals(got)); diff != "" {
		t.Errorf("approvals (-want +got):\n%s", diff)
	}
}

// TestMembers: who is in a break-glass group is said where the access entries are known.
func TestMembers(t *testing.T) {
	known := nodes.Knowledge{At: now, Expires: now.Add(time.Hour)}
	rescue := nodes.AccessEntry{ARN: account + "role/rescue", Type: "STANDARD", Groups: []string{"aws-auth-break-glass"}}
	for want, view := range map[string]*nodes.View{
		"# CHECK: by access entries these are members: arn:aws:iam::111122223333:role/rescue\n": {AccessKnown: known, Entries: map[string]nodes.AccessEntry{"x": rescue}},
		"# CHECK: no access entry has one of them.":                                             {AccessKnown: known},
		"# Add a member by an access entry":                                                     {},
	} {
		c := cluster(t, rbac{})
		c.Nodes = view
		text, err := firstpolicy.Propose(c).Values()
		if err != nil || !strings.Contains(string(text), "\n"+want) {
			t.Errorf("%v, want %q in\n%s", err, want, text)
		}
	}
}

// TestKept: what the policy of a cluster says already stays as it is, and is not said twice.
func TestKept(t *testing.T) {
	c := cluster(t, rbac{}, ofNodes, mapping{account + "role/admin", "admin", []string{"system:masters"}},
		mapping{"arn:aws:iam::444455556666:role/auditor", "auditor", nil})
	c.Nodes = &nodes.View{NodesKnown: nodes.Knowledge{At: now, Expires: now.Add(time.Hour)},
		Nodes: map[string][]nodes.Set{awsauth.Subject(nodeARN): {{Kind: nodes.EC2, Names: []string{"a"}}}}}
	p := c.Policy
	p.Privileged.Approvals = []policy.Approval{{Pattern: account + "role/adm*", Groups: []string{"system:masters"}, Reason: "two\nlines: # \"and\" more",
		ApprovedBy: "yes", Expires: "2027-06-30T12:00:00Z"}}
	p.Required = []policy.Required{{ARN: nodeARN}}
	p.Nodes.Roles = []string{account + "role/node*"}
	p.Accounts = []policy.Account{{ID: "444455556666", RoleARN: "arn:aws:iam::444455556666:role/guard", ExternalID: "0123", MapAccounts: true}}
	p.Contact = policy.Contact{Text: "#platform: " + strings.Repeat("long ", 20) + "text", URL: "https://example.com/#a"}
	if diff := cmp.Diff(lists(p), lists(written(t, firstpolicy.Propose(c)))); diff != "" {
		t.Errorf("-policy +proposal:\n%s", diff)
	}
}

// TestAgain: with the proposal as its policy, there is nothing to add.
func TestAgain(t *testing.T) {
	c := cluster(t, rbac{groups: map[string]string{"ops": "x"}}, ofNodes, mapping{account + "role/admin", "admin", []string{"system:masters"}},
		mapping{account + "user/ops", "ops", []string{"ops"}}, mapping{"arn:aws:iam::444455556666:role/auditor", "auditor", nil})
	first := firstpolicy.Propose(c).Apply(c.Policy)
	c.Policy = first
	if diff := cmp.Diff(lists(first), lists(firstpolicy.Propose(c).Apply(c.Policy))); diff != "" {
		t.Errorf("-first +second:\n%s", diff)
	}
}

// printable replaces control characters, but for line breaks.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' {
		return '?'
	}
	return r
}

// FuzzValues: whatever aws-auth, RBAC and nodes are called, the values say what is proposed, an approval has no more than its
// mapping has, and every line is a comment or one that the form of the values has.
func FuzzValues(f *testing.F) {
	f.Add(account+"role/admin", "admin", "system:masters", "group ops -> x", "ip-10-0-0-1")
	f.Add(account+"role/a\n      - arn: b", "a: b", "- a # b", "x\n    approvals: []", "a\u0085b")
	f.Add(account+"user/a/b", "{{SessionName}}", "\u2028", "\r", `"`)
	f.Add("arn:aws:sts::111122223333:federated-user/bob", "'", "|", "&a", "*a")
	f.Add(account+"user/a/b", "a", "b", "\x7f", "\x7f")
	f.Fuzz(func(t *testing.T, arn, username, group, evidence, node string) {
		source := rbac{groups: map[string]string{group: evidence}, usernames: map[string]string{username: evidence}}
		c := cluster(t, source, ofNodes, mapping{arn, username, []string{group, "system:masters"}}, mapping{account + "role/x", username, []string{group}})
		c.Policy.Privileged.Approvals = []policy.Approval{{ARN: account + "role/known", Groups: []string{"system:masters"},
			Reason: strings.Map(printable, strings.ToValidUTF8(evidence, "?"))}} // what Helm's YAML can hold
		c.Nodes = &nodes.View{NodesKnown: nodes.Knowledge{At: now, Expires: now.Add(time.Hour), Problem: evidence},
			Nodes: map[string][]nodes.Set{awsauth.Subject(nodeARN): {{Kind: nodes.EC2, Names: []string{node}}}}}
		p := firstpolicy.Propose(c)
		for _, a := range written(t, p).Privileged.Approvals {
			for _, g := range a.Groups {
				if g != group && g != "system:masters" {
					t.Errorf("the group %q is approved", g)
				}
			}
			if len(a.Usernames) > 0 && !slices.Equal(a.Usernames, []string{username}) {
				t.Errorf("the usernames %q are approved", a.Usernames)
			}
		}
		text, err := p.Values()
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(string(text), "\r\u0085\u2028\u2029") {
			t.Errorf("a line ends where no editor shows it:\n%q", text)
		}
	})
}
