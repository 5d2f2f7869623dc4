package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// program names the variable that says where OPA is. make bench builds it and sets it; without it these tests skip.
const program = "AWS_AUTH_GUARD_OPA"

// pair is the guard and OPA, both running, each with its policy.
type pair struct{ guard, opa *server }

func startPair(t *testing.T) pair {
	t.Helper()
	path := os.Getenv(program)
	if path == "" {
		t.Skip(program + " is not set: make bench builds OPA and sets it")
	}
	t.Chdir("../..")
	p, err := build(t.Context(), t.TempDir(), path)
	if err != nil {
		t.Fatal(err)
	}
	first := inputs()[0]
	start := func(name string) *server {
		s, err := p.start(t.Context(), name, &first)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	return pair{start(guard), start(opa)}
}

// verdict is what a server says of an update of mapRoles.
func verdict(t *testing.T, s *server, old, updated string) (allowed bool, says string) {
	t.Helper()
	in := newInput("", "", old, updated, true, "")
	resp, err := s.client.Post(s.url, "application/json", bytes.NewReader(in.body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(resp.Body).Decode(&review); err != nil || resp.StatusCode != http.StatusOK || review.Response == nil {
		t.Fatalf("%s: HTTP status %d, %v", s.name, resp.StatusCode, err)
	}
	if review.Response.Result != nil {
		says = review.Response.Result.Message
	}
	return review.Response.Allowed, says
}

const ci = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"

// TestRego holds the Rego policy to what it is said to be: for what both can say, it says the same as the guard.
func TestRego(t *testing.T) {
	both := startPair(t)
	base := roles(2, 0) // the nodes' and the admin's
	with := func(from, to string) string { return base + strings.Replace(ci, from, to, 1) }
	for name, c := range map[string]struct {
		old, updated string
		rule         string // of the denial; none: allowed
	}{
		"a sound entry":                 {base, base + ci, ""},
		"an entry removed":              {base + ci, base, ""},
		"a re-apply of what is wrong":   {with("role/ci", "role/team/ci"), with("role/ci", "role/team/ci"), ""},
		"a repair":                      {with("role/ci", "role/team/ci"), base + ci, ""},
		"another edit beside a fault":   {with("role/ci", "role/team/ci"), with("role/ci", "role/team/ci") + strings.ReplaceAll(ci, "ci", "cd"), ""},
		"an approved admin":             {strings.Replace(base, "  - system:masters\n", "  - admins\n", 1), base, ""},
		"broken YAML":                   {base, base + "- rolearn: 'x\n", "AA101"},
		"a merge key":                   {base, base + "- &a\n  rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  groups: [a]\n- <<: *a\n  rolearn: arn:aws:iam::111122223333:role/ci\n", "AA102"},
		"an item that is a text":        {base, base + "- x\n", "AA104"},
		"groups that are a text":        {base, with("[deployers]", "deployers"), "AA104"},
		"an unknown field":              {base, with("groups", "group"), "AA105"},
		"a field in capitals":           {base, with("groups", "Groups"), "AA105"},
		"no ARN":                        {base, with("rolearn: arn:aws:iam::111122223333:role/ci\n  ", ""), "AA106"},
		"no username":                   {base, with("  username: ci\n", ""), "AA106"},
		"a typo in a group":             {base, with("deployers", "system:master"), "AA107"},
		"a role twice":                  {base, with("role/ci", "role/ci") + strings.NewReplacer("role/ci", "role/CI", "deployers", "viewers").Replace(ci), "AA108"},
		"a malformed ARN":               {base, with("111122223333", "11112222333"), "AA201"},
		"a session's ARN":               {base, with("iam::111122223333:role/ci", "sts::111122223333:assumed-role/ci/x"), "AA202"},
		"a path":                        {base, with("role/ci", "role/team/ci"), "AA203"},
		"another partition":             {base, with("arn:aws:", "arn:aws-cn:"), "AA204"},
		"an sso block":                  {base, base + "- sso:\n    permissionSetName: Admin\n    accountID: \"111122223333\"\n  username: sso\n  groups: [a]\n", "AA205"},
		"a grant":                       {base, with("deployers", "system:masters"), "AA401"},
		"a grant to a standing entry":   {base + ci, with("deployers", "system:masters"), "AA401"},
		"a group that is a template":    {base, with("deployers", "'system:{{SessionName}}'"), "AA403"},
		"a reserved username":           {base, with("username: ci", "username: system:admin"), "AA404"},
		"nobody":                        {base, "[]", "AA502"},
		"the nodes gone":                {base, base[strings.Index(base, "- rolearn: "+admin):], "AA503"},
		"the nodes' template gone":      {base, strings.Replace(base, "system:node:{{EC2PrivateDNSName}}", "node", 1), "AA505"},
		"the caller's own mapping gone": {base, base[:strings.Index(base, "- rolearn: "+admin)], "AA506"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []*server{both.guard, both.opa} {
				allowed, says := verdict(t, s, c.old, c.updated)
				if allowed != (c.rule == "") || !strings.Contains(says, c.rule) {
					t.Errorf("%s: allowed %t, want %t and %q in: %s", s.name, allowed, c.rule == "", c.rule, says)
				}
			}
		})
	}
}

// TestBypass shows what slips past a policy in Rego that does all this: it reads an entry's keys as they are spelt, and
// what EKS reads with takes groups, GROUPS and even groupſ (U+017F) for the same. A key of that kind in an aws-auth from
// before the policy came stands, as everything that existed; and what it holds is nothing that Rego looks at. So whoever may
// edit aws-auth puts system:masters there. The guard measures a grant by what EKS reads.
func TestBypass(t *testing.T) {
	both := startPair(t)
	base := roles(2, 0)
	for name, standing := range map[string]string{
		"groups in capitals":        strings.Replace(ci, "groups", "Groups", 1),
		"groups with a long s":      strings.Replace(ci, "groups", "groupſ", 1),
		"the ARN's key in capitals": strings.Replace(ci, "rolearn", "RoleARN", 1),
	} {
		t.Run(name, func(t *testing.T) {
			updated := base + strings.Replace(standing, "deployers", "system:masters", 1)
			if allowed, says := verdict(t, both.opa, base+standing, updated); !allowed {
				t.Errorf("OPA refuses it after all: %s", says)
			}
			if allowed, says := verdict(t, both.guard, base+standing, updated); allowed || !strings.Contains(says, "AA401") {
				t.Errorf("guard: allowed %t, want a refusal with AA401: %s", allowed, says)
			}
		})
	}
}
