package validate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The verdicts a transition can have.
const (
	clean = "allow without a word"
	warn  = "allow with a warning"
	deny  = "deny"
)

const (
	adminRole    = "arn:aws:iam::111122223333:role/admin"
	windowsNodes = `- rolearn: arn:aws:iam::111122223333:role/windows
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes, eks:kube-proxy-windows]
`
	otherNodes = `- rolearn: arn:aws:iam::111122223333:role/other-nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
`
	admin = `- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups: [system:masters]
`
)

func edit(old, updated string) (a, b map[string]string) {
	return map[string]string{awsauth.MapRoles: old}, map[string]string{awsauth.MapRoles: updated}
}

// transition is an edit under ports that a test makes. One edit with its report is a case in testdata.
type transition struct {
	op       validate.Operation // UPDATE if empty
	old, new map[string]string
	user     authenticationv1.UserInfo
	policy   string
	want     string
	rule     string // among the findings
	says     string // in some finding
}

func update(old, updated, want, rule, says string) transition {
	a, b := edit(old, updated)
	return transition{old: a, new: b, want: want, rule: rule, says: says}
}

func (tr transition) with(policyText string) transition { tr.policy = policyText; return tr }

func (tr transition) by(u authenticationv1.UserInfo) transition { tr.user = u; return tr }

// caller is somebody who came in by a role of aws-auth.
func caller(role, session, username string, groups ...string) authenticationv1.UserInfo {
	return authenticationv1.UserInfo{Username: username, Groups: append(groups, "system:authenticated"), Extra: map[string]authenticationv1.ExtraValue{
		"arn":          {"arn:aws:sts::111122223333:assumed-role/" + role + "/" + session},
		"canonicalArn": {"arn:aws:iam::111122223333:role/" + role},
		"sessionName":  {session},
	}}
}

var clock = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func validator(t testing.TB, policyText string, options ...validate.Option) *validate.Validator {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n" + policyText))
	if err != nil {
		t.Fatal(err)
	}
	v, err := validate.New(p, append(options, validate.WithClock(func() time.Time { return clock }))...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (tr transition) run(t testing.TB, options ...validate.Option) validate.Report {
	req := validate.Request{Operation: tr.op, User: tr.user}
	if req.Operation == "" {
		req.Operation = validate.Update
	}
	if req.Operation != validate.Create {
		req.Old = aconfigmap(tr.old)
	}
	if req.Operation != validate.Delete {
		req.New = aconfigmap(tr.new)
	}
	return validator(t, tr.policy, options...).Validate(context.Background(), req)
}

func verdict(r validate.Report) string {
	switch {
	case !r.Allowed:
		return deny
	case len(r.Findings) > 0:
		return warn
	}
	return clean
}

// check judges the step and compares.
func (tr transition) check(t *testing.T, options ...validate.Option) {
	t.Helper()
	report := tr.run(t, options...)
	if got := verdict(report); got != tr.want {
		t.Errorf("got %s, want %s", got, tr.want)
	}
	ruled, said := tr.rule == "", tr.says == ""
	for _, f := range report.Findings {
		ruled = ruled || f.Rule == tr.rule
		said = said || strings.Contains(f.Sentence(), tr.says)
	}
	if !ruled || !said {
		t.Errorf("want a finding of %s that says %q", tr.rule, tr.says)
	}
	if t.Failed() {
		for _, f := range report.Findings {
			t.Logf("%s %s: %s", f.Severity, f.Field, f.Sentence())
		}
	}
}
