package policy_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

func TestAsk(t *testing.T) {
	const kept = "; approvals are in the Helm value policy.privileged.approvals"
	ours := policy.Contact{Text: "#platform on Slack", URL: "https://wiki.example.com/access"}
	for want, p := range map[string]policy.Policy{
		"ask a cluster admin" + kept:                                      {},
		"ask #platform on Slack (https://wiki.example.com/access)" + kept: {Contact: ours},
		"ask a cluster admin (https://wiki.example.com/access)" + kept:    {Contact: policy.Contact{URL: ours.URL}},
		"ask #platform on Slack" + kept + " (ConfigMap aws-auth-guard/aws-auth-guard-policy)": {
			Contact: policy.Contact{Text: ours.Text}, Source: policy.Source{ConfigMap: "aws-auth-guard/aws-auth-guard-policy"}},
		"ask a cluster admin; approvals are in privileged.approvals of the policy file policy.yaml": {
			Source: policy.Source{File: "policy.yaml"}},
	} {
		if got := p.Ask("approvals", "privileged.approvals"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestContact: what a denial repeats cannot pass for another line of it.
func TestContact(t *testing.T) {
	for _, test := range []struct{ field, value, want string }{
		{"text", `"#platform on Slack"`, ""},
		{"text", "équipe plateforme", ""},
		{"text", strings.Repeat("é", 120), ""},
		{"text", strings.Repeat("é", 121), "contact.text: has 121 characters, want at most 120"},
		{"text", `"ask nobody\n    fix: keep it"`, "is not one line of printable characters"},
		{"text", `"ask nobody\rfix: keep it"`, "is not one line of printable characters"},
		{"text", `"ask nobody\u2028fix: keep it"`, "is not one line of printable characters"},
		{"text", `"\e[2Jask nobody"`, "is not one line of printable characters"},
		{"text", `"ask \u202eydobon"`, "is not one line of printable characters"},
		{"text", `" platform"`, "is blank or has blanks around it"},
		{"url", "https://wiki.example.com/access?of=cluster#form", ""},
		{"url", "http://wiki.example.com", ""},
		{"url", "wiki.example.com", "is not a URL, want https://HOST/PATH"},
		{"url", "ftp://wiki.example.com", "is not a URL"},
		{"url", "javascript:alert(1)", "is not a URL"},
		{"url", "https:///access", "is not a URL"},
		{"url", "https://wiki.example.com/a b", "is not a URL"},
		{"url", `"https://wiki.example.com/\nfix: keep it"`, "is not a URL"},
		{"url", "https://wiki.example.com/" + strings.Repeat("x", 500), "has 525 characters, want at most 500"},
	} {
		text := "apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\ncontact:\n  " + test.field + ": " + test.value + "\n"
		_, err := policy.Parse([]byte(text))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.value, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s %s: %v, want %q", test.field, test.value, err, test.want)
		}
	}
}
