package helm_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/firstpolicy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// everyName makes every name equivalent to cluster-admin that these tests map.
type everyName []string

func (n everyName) Equivalents() (*privilege.Equivalents, error) {
	known := &privilege.Equivalents{Groups: map[string]string{}, Usernames: map[string]string{}}
	for _, name := range n {
		known.Groups[name], known.Usernames[name] = "evidence: # x", "evidence"
	}
	return known, nil
}

// TestFirstPolicy: the chart takes what `kubectl awsauth policy init` writes, whatever things are called, and the guard gets that policy.
func TestFirstPolicy(t *testing.T) {
	t.Parallel()
	names := []any{"letters"}
	names = append(names, someText...)
	var known everyName
	var entries []map[string]any
	for i, name := range names {
		text := name.(string)
		known = append(known, text)
		for _, arn := range []string{"arn:aws:iam::111122223333:role/" + string(rune('a'+i)), "arn:aws:iam::111122223333:user/x/" + text, "arn:aws:sts::444455556666:federated-user/" + text, "ARN:aws-cn:iam::777788889999:Role/" + text, text} {
			entries = append(entries, map[string]any{"rolearn": arn, "username": text, "groups": []string{text, "system:masters"}},
				map[string]any{"rolearn": arn + "2", "username": text, "groups": []string{text}})
		}
	}
	entries = append(entries, map[string]any{"rolearn": "arn:aws:iam::111122223333:role/nodes", "username": "system:node:{{EC2PrivateDNSName}}", "groups": []string{"system:bootstrappers", "system:nodes"}})
	roles, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := firstpolicy.Cluster{AWSAuth: awsauth.Read(nil, map[string]string{"mapRoles": string(roles), "mapAccounts": `["111122223333", "x"]`}), Policy: policy.Default(),
		Privileges: known, Now: now, Expires: "2099-12-31",
		Nodes: &nodes.View{NodesKnown: nodes.Knowledge{At: now, Expires: now.Add(time.Hour)},
			Nodes: map[string][]nodes.Set{"arn:aws:iam::111122223333:role/nodes": {{Kind: nodes.EC2, Names: []string{"a"}}}}}}
	c.Policy.BreakGlass.Groups = []string{"aws-auth-break-glass"}
	c.Policy.Contact = policy.Contact{Text: `#platform: "a" \b {{ .Release.Name }}`, URL: "https://wiki.example.com/a#b"}
	proposal := firstpolicy.Propose(c)
	if len(proposal.Approvals) < 10 || len(proposal.Unapproved) < 10 || len(proposal.Required) != 1 || len(proposal.Accounts) != 2 {
		t.Fatalf("%d approvals, %d without one, %d required, %d accounts: that shows little", len(proposal.Approvals), len(proposal.Unapproved), len(proposal.Required), len(proposal.Accounts))
	}
	values, err := proposal.Values()
	if err != nil {
		t.Fatal(err)
	}
	want, err := policy.ParseValues(values)
	if err != nil {
		t.Fatal(err)
	}
	got, err := policy.Parse([]byte(policyOf(t, string(values))))
	if err != nil {
		t.Fatal(err)
	}
	listed := func(p *policy.Policy) []any {
		return []any{p.Privileged.Approvals, p.Required, p.Nodes.Roles, p.Accounts, p.BreakGlass, p.Contact}
	}
	if diff := cmp.Diff(listed(want), listed(got), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(policy.Approval{}, "Line"), cmpopts.IgnoreFields(policy.Required{}, "Line")); diff != "" {
		t.Errorf("what arrives is another policy (-values +guard):\n%s", diff)
	}
}
