package validate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// rbacState is a port in one of the states that it goes through after the start.
type rbacState struct {
	known *privilege.Equivalents
	err   error
}

func (s rbacState) Equivalents() (*privilege.Equivalents, error) { return s.known, s.err }

// TestStartUpOfRBAC adds names about which RBAC may know more: in the first seconds that is an error, once RBAC is known to be
// out of reach a warning, and never where the edit hands out nothing new.
func TestStartUpOfRBAC(t *testing.T) {
	states := map[string]rbacState{"not yet": {err: privilege.ErrNotYet}, "forbidden": {err: errors.New("clusterroles is forbidden")}, "known": {known: &privilege.Equivalents{}}}
	for name, tt := range map[string]struct {
		old, new string
		policy   string
		names    bool // the edit hands out a name that RBAC may make privileged
	}{
		"a new group":                       {old: nodeRole, new: nodeRole + item(), names: true},
		"a new username alone":              {old: nodeRole, new: nodeRole + "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n", names: true},
		"another group":                     {old: nodeRole + item(), new: nodeRole + item("  groups: [ops]"), names: true},
		"a template that may become a name": {old: nodeRole, new: nodeRole + item("  groups: [\"team-{{SessionName}}\"]"), names: true},
		"a node role":                       {old: nodeRole, new: nodeRole + otherNodes},
		"an entry goes":                     {old: nodeRole + item(), new: nodeRole},
		"a group goes":                      {old: nodeRole + item("  groups: [viewers, deployers]"), new: nodeRole + item("  groups: [viewers]")},
		"nothing that EKS reads":            {old: nodeRole + item(), new: "# entries\n" + nodeRole + item()},
		"a reserved username":               {old: nodeRole, new: nodeRole + "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: system:serviceaccount:ci:deployer\n", policy: "rules: {AA404: warn}", names: true},
		"an approved entry":                 {old: nodeRole, new: nodeRole + item(), policy: "privileged: {approvals: [{arn: 'arn:aws:iam::111122223333:role/ci', groups: [system:masters]}]}"},
		"the policy does not ask RBAC":      {old: nodeRole, new: nodeRole + item(), policy: "privileged: {fromRBAC: false}"},
	} {
		for state, port := range states {
			t.Run(name+", "+state, func(t *testing.T) {
				p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n" + tt.policy))
				if err != nil {
					t.Fatal(err)
				}
				v, err := validate.New(p, validate.WithPorts(validate.Ports{Privileges: port}), validate.WithClock(func() time.Time { return clock }))
				if err != nil {
					t.Fatal(err)
				}
				r := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: aconfigmap(map[string]string{awsauth.MapRoles: tt.old}), New: aconfigmap(map[string]string{awsauth.MapRoles: tt.new})})
				if want := !(tt.names && state == "not yet"); r.Allowed != want {
					t.Errorf("allowed %v, want %v", r.Allowed, want)
				}
				i := slices.IndexFunc(r.Findings, func(f validate.Finding) bool { return f.Rule == "AA402" })
				if named := i >= 0; named != (tt.names && state != "known") {
					t.Errorf("named: %v", named)
				}
				if i >= 0 && (state == "not yet") != strings.Contains(r.Findings[i].Fix, "try again in a few seconds") {
					t.Error(r.Findings[i].Sentence())
				}
				if t.Failed() {
					for _, f := range r.Findings {
						t.Logf("%s %s", f.Severity, f.Sentence())
					}
				}
			})
		}
	}
}
