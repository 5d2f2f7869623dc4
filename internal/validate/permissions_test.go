package validate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestReview holds every approval and waiver against one aws-auth, on 2026-11-24.
func TestReview(t *testing.T) {
	v := validator(t, `
privileged:
  approvals:
  - {arn: 'arn:aws:iam::111122223333:role/used', groups: ['system:masters']}
  - {arn: 'arn:aws:iam::111122223333:role/unused', groups: ['system:masters']}
  - {arn: 'arn:aws:iam::111122223333:role/other', groups: [ops]}
  - {arn: 'arn:aws:iam::111122223333:role/standing', groups: ['system:masters'], expires: 2026-11-24}
  - {arn: 'arn:aws:iam::111122223333:role/gone', groups: ['system:masters'], expires: 2026-11-24}
  - {arn: 'arn:aws:iam::111122223333:role/soon', groups: ['system:masters'], expires: 2026-12-08}
  - {arn: 'arn:aws:iam::111122223333:role/later', groups: ['system:masters'], expires: 2026-12-09}
  - {pattern: 'arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_*', groups: ['system:masters']}
  - {arn: 'arn:aws:iam::111122223333:role/named', usernames: [alice]}
  - {arn: 'arn:aws:iam::111122223333:role/session', groups: ['system:masters']}
waivers:
- {rule: AA203, subject: 'arn:aws:iam::111122223333:role/lost', reason: r}
- {rule: AA203, subject: 'arn:aws:iam::111122223333:role/repaired', reason: r}
- {rule: unapproved-grant, subject: 'arn:aws:iam::111122223333:role/standing', reason: r}
`)
	item := func(role, username, group string) string {
		return "- rolearn: arn:aws:iam::111122223333:role/" + role + "\n  username: '" + username + "'\n  groups: ['" + group + "']\n"
	}
	text := nodeRole + item("used", "used", "system:masters") + item("other", "other", "viewers") + item("standing", "standing", "system:masters") +
		item("soon", "soon", "system:masters") + item("later", "later", "system:masters") + item("AWSReservedSSO_Admin_0123456789abcde1", "a1", "system:masters") +
		item("AWSReservedSSO_Admin_0123456789abcde2", "a2", "system:masters") + item("named", "alice", "viewers") + item("session", "session", "system:{{SessionName}}") +
		item("team/lost", "lost", "viewers")
	states := func(all []validate.Permission) map[string]string {
		got := map[string]string{}
		for _, p := range all {
			got[p.Kind+" "+p.What] = p.State()
		}
		return got
	}
	const role = "arn:aws:iam::111122223333:role/"
	want := map[string]string{
		"approval " + role + "used system:masters":                   "used",
		"approval " + role + "unused system:masters":                 "unused",
		"approval " + role + "other ops":                             "unused",
		"approval " + role + "standing system:masters":               "expired",
		"approval " + role + "gone system:masters":                   "expired",
		"approval " + role + "soon system:masters":                   "expiring",
		"approval " + role + "later system:masters":                  "used",
		"approval " + role + "AWSReservedSSO_Admin_* system:masters": "used",
		"approval " + role + "named alice":                           "used",
		"approval " + role + "session system:masters":                "used",
		"waiver AA203 " + role + "lost":                              "used",
		"waiver AA203 " + role + "repaired":                          "unused",
		"waiver unapproved-grant " + role + "standing":               "used",
	}
	all := v.Review(aconfigmap(map[string]string{awsauth.MapRoles: text}))
	if diff := cmp.Diff(want, states(all)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range all {
		if p.What == role+"AWSReservedSSO_Admin_* system:masters" && len(p.Used) != 2 {
			t.Errorf("the pattern is used by %v, want both", p.Used)
		}
		if expired := p.State() == "expired"; expired && (len(p.Used) > 0) != (p.What == role+"standing system:masters") {
			t.Errorf("%s is used by %v", p.What, p.Used)
		}
	}
	for what, state := range states(v.Review(nil)) {
		if state != "unused" && state != "expired" {
			t.Errorf("without aws-auth, %s is %s", what, state)
		}
	}
}
