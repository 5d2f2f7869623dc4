package policy_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// TestMatchARN: what * stands for, in the roles of IAM Identity Center and in all others.
func TestMatchARN(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/"
	for name, test := range map[string]struct {
		pattern string
		yes, no []string
	}{
		"one permission set": {"AWSReservedSSO_Admin_*",
			[]string{"AWSReservedSSO_Admin_0123456789abcdef", "awsreservedsso_admin_fedcba9876543210", "AWSReservedSSO_Admin_0123456789ABCDEF"},
			[]string{"AWSReservedSSO_Admin_ReadOnly_0123456789abcdef", "AWSReservedSSO_Admin_0123456789abcde", "AWSReservedSSO_Admin_0123456789abcdef0", "AWSReservedSSO_Admin_0123456789abcdeg",
				"AWSReservedSSO_Admin_", "AWSReservedSSO_Admin", "AWSReservedSSO_Admin_anything", "AWSReservedSSO_Admins_0123456789abcdef", "Admin_0123456789abcdef"}},
		"stars in a row are one": {"AWSReservedSSO_Admin_**",
			[]string{"AWSReservedSSO_Admin_0123456789abcdef"}, []string{"AWSReservedSSO_Admin_ReadOnly_0123456789abcdef", "AWSReservedSSO_Admin_x"}},
		"the pattern in another letter case": {"awsreservedsso_ADMIN_*",
			[]string{"AWSReservedSSO_Admin_0123456789abcdef"}, []string{"AWSReservedSSO_Admin_ReadOnly_0123456789abcdef"}},
		"every permission set": {"AWSReservedSSO_*",
			[]string{"AWSReservedSSO_Admin_0123456789abcdef", "AWSReservedSSO_Admin_ReadOnly_0123456789abcdef"},
			[]string{"AWSReservedSSO_0123456789abcdef", "AWSReservedSSO_made-up", "AWSReservedSSO_", "admin"}},
		"permission sets by their beginning": {"AWSReservedSSO_Admin*_*",
			[]string{"AWSReservedSSO_Admin_0123456789abcdef", "AWSReservedSSO_Admin_ReadOnly_0123456789abcdef", "AWSReservedSSO_Administrator_0123456789abcdef"},
			[]string{"AWSReservedSSO_Admin_made-up", "AWSReservedSSO_Dev_0123456789abcdef"}},
		"a star inside of the set's name": {"AWSReservedSSO_Adm*",
			[]string{"AWSReservedSSO_Admin_0123456789abcdef"}, []string{"AWSReservedSSO_Admin", "AWSReservedSSO_Dev_0123456789abcdef"}},
		"any set with these digits": {"AWSReservedSSO_*_0123456789abcdef",
			[]string{"AWSReservedSSO_Admin_0123456789abcdef"}, []string{"AWSReservedSSO_Admin_1123456789abcdef", "AWSReservedSSO_Admin_x_0123456789abcde"}},
		"other roles":   {"team-*", []string{"team-a", "team-a_b", "Team-", "team-0123456789abcdef"}, []string{"tea", "a-team-a"}},
		"in the middle": {"a*z", []string{"az", "a-z", "a_0123456789abcdef_z"}, []string{"a", "az1"}},
	} {
		for _, kind := range []struct {
			names []string
			want  bool
		}{{test.yes, true}, {test.no, false}} {
			for _, n := range kind.names {
				if got := policy.MatchARN(role+test.pattern, role+n); got != kind.want {
					t.Errorf("%s: %s for %s: %v", name, test.pattern, n, got)
				}
				for _, other := range []string{"arn:aws:iam::444455556666:role/", "arn:aws:iam::111122223333:user/", "arn:aws-cn:iam::111122223333:role/"} {
					if policy.MatchARN(role+test.pattern, other+n) {
						t.Errorf("%s: %s matches %s%s", name, test.pattern, other, n)
					}
				}
			}
		}
	}
	user := strings.Replace(role, "role", "user", 1)
	if !policy.MatchARN(user+"AWSReservedSSO_x_*", user+"AWSReservedSSO_x_y") {
		t.Error("users are not made by IAM Identity Center: their names have no digits at the end")
	}
}
