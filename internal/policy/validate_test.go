package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
)

func TestDefaults(t *testing.T) {
	p := Default()
	if errs := p.validate(); len(errs) > 0 {
		t.Error(errs)
	}
	if p.Mode != Enforce || !*p.Privileged.FromRBAC || p.IAM.OnUnverified != Deny || p.Preexisting != Warn {
		t.Errorf("got %+v", p)
	}
	if diff := cmp.Diff(EKSWriters, p.Exempt.Usernames); diff != "" {
		t.Errorf("exempt (-want +got):\n%s", diff)
	}
}

// TestDefaultsReplaceNothing: what is set stays, also if it is false or an empty list.
func TestDefaultsReplaceNothing(t *testing.T) {
	p := Policy{Mode: Audit, Privileged: Privileged{FromRBAC: ptr.To(false)}, Exempt: &Exempt{}, IAM: IAM{OnUnverified: Warn}, Preexisting: Deny}
	p.setDefaults()
	if p.Mode != Audit || *p.Privileged.FromRBAC || len(p.Exempt.Usernames) > 0 || p.IAM.OnUnverified != Warn || p.Preexisting != Deny {
		t.Errorf("got %+v", p)
	}
}

// TestErrors: each error has the path of the field that is wrong, and all are reported.
func TestErrors(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/a"
	for name, test := range map[string]struct {
		change func(*Policy)
		want   []string // path and the beginning of the detail
	}{
		"nothing":           {func(*Policy) {}, nil},
		"version and kind":  {func(p *Policy) { p.APIVersion, p.Kind = "v1", "Pod" }, []string{`apiVersion: "v1"`, `kind: "Pod"`}},
		"enums":             {func(p *Policy) { p.Mode, p.Partition = "x", "y" }, []string{`mode: "x" is not known`, `partition: "y" is not known`}},
		"a rule with a dot": {func(p *Policy) { p.Rules = map[string]Severity{"a.b": "x"} }, []string{`rules.a.b: "x" is not known`}},
		"an empty severity": {func(p *Policy) { p.Rules = map[string]Severity{"AA203": ""} }, nil},
		"an approval":       {func(p *Policy) { p.Privileged.Approvals = []Approval{{ARN: role, Groups: []string{"a"}}} }, nil},
		"an empty approval": {func(p *Policy) { p.Privileged.Approvals = []Approval{{}} }, []string{"privileged.approvals[0].arn: missing", "privileged.approvals[0].groups: missing"}},
		"arn and pattern": {func(p *Policy) {
			p.Privileged.Approvals = []Approval{{ARN: role, Pattern: role + "*", Groups: []string{"a"}}}
		}, []string{"privileged.approvals[0].pattern: both"}},
		"account twice":      {func(p *Policy) { p.Accounts = []Account{{ID: "444455556666"}, {ID: "444455556666"}} }, []string{`accounts[1].id: "444455556666" is there twice`}},
		"role elsewhere":     {func(p *Policy) { p.Accounts = []Account{{ID: "444455556666", RoleARN: role, Trust: Unchecked}} }, []string{"accounts[0].roleARN: "}},
		"a required session": {func(p *Policy) { p.Required = []Required{{ARN: "arn:aws:sts::111122223333:assumed-role/a/b"}} }, []string{"required[0].arn: "}},
		"everybody":          {func(p *Policy) { p.BreakGlass.Groups = []string{"a", Everybody} }, []string{"breakGlass.groups[1]: every authenticated caller"}},
		"anonymous":          {func(p *Policy) { p.Exempt.Usernames = []string{Anonymous} }, []string{"exempt.usernames[0]: every caller who is not authenticated"}},
		"timeouts":           {func(p *Policy) { p.IAM.Timeouts = Timeouts{Call: "1m", Total: "x"} }, []string{`iam.timeouts.call: "1m"`, `iam.timeouts.total: "x"`}},
		"a user for nodes":   {func(p *Policy) { p.Nodes.Roles = []string{"arn:aws:iam::111122223333:user/a"} }, []string{`nodes.roles[0]: "arn:aws:iam::111122223333:user/a" names user`}},
		"a waiver":           {func(p *Policy) { p.Waivers = []Waiver{{Rule: "AA203", Subject: role, Reason: " ", Expires: "soon"}} }, []string{"waivers[0].reason: missing", `waivers[0].expires: "soon"`}},
	} {
		t.Run(name, func(t *testing.T) {
			p := Default()
			test.change(p)
			errs := p.validate()
			if len(errs) != len(test.want) {
				t.Fatalf("want %d errors, got %v", len(test.want), errs)
			}
			for i, e := range errs {
				if got := e.Field + ": " + e.Detail; !strings.HasPrefix(got, test.want[i]) {
					t.Errorf("got %s, want %s", got, test.want[i])
				}
			}
		})
	}
}
