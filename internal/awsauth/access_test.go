package awsauth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// data is an aws-auth as people look at it: the values of mapRoles, mapUsers and mapAccounts.
func data(roles, users, accounts string) map[string]string {
	d := map[string]string{}
	for key, value := range map[string]string{awsauth.MapRoles: roles, awsauth.MapUsers: users, awsauth.MapAccounts: accounts} {
		if value != "" {
			d[key] = value
		}
	}
	return d
}

// table lists who authenticates: one line for each identity, and one for each account.
func table(a *awsauth.Access) []string {
	lines := []string{}
	for _, key := range a.Keys() {
		for _, id := range a.Principals[key] {
			lines = append(lines, identity(id))
		}
	}
	for account, text := range a.Accounts {
		lines = append(lines, fmt.Sprintf("account %s (line %d)", account, text.Line))
	}
	slices.Sort(lines)
	return lines
}

func identity(id awsauth.Identity) string {
	return fmt.Sprintf("%s is %s in [%s]", strings.TrimPrefix(id.Canonical, "arn:aws:iam::111122223333:"), id.Username, strings.Join(id.Groups, " "))
}

// TestAccess: who authenticates as what, by values that EKS can read.
func TestAccess(t *testing.T) {
	for name, tt := range map[string]struct {
		roles, users, accounts string
		want                   []string
	}{
		"nothing": {want: []string{}},
		"a role, a user, the root user and an account": {
			roles: `
- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
  groups: [deployers, viewers]
`,
			users: `
- userarn: arn:aws:iam::111122223333:user/team/ann
  username: ann
  groups: [viewers]
- userarn: arn:aws:iam::111122223333:root
  username: root
`,
			accounts: `
- "444455556666"
- "444455556666"
- "777788889999"
`,
			want: []string{"account 444455556666 (line 3)", "account 777788889999 (line 4)", "role/ci is ci in [deployers viewers]", "root is root in []", "user/team/ann is ann in [viewers]"},
		},
		"the last of two entries for a role counts, also in other letters": {
			roles: `
- {rolearn: "arn:aws:iam::111122223333:role/ci", username: first, groups: [a]}
- {rolearn: "arn:aws:iam::111122223333:ROLE/CI", username: last, groups: [b]}
`,
			want: []string{"ROLE/CI is last in [b]"},
		},
		"of two users in other letters, EKS picks one at random": {
			users: `
- {userarn: "arn:aws:iam::111122223333:user/ann", username: one, groups: [a]}
- {userarn: "arn:aws:iam::111122223333:user/Ann", username: two, groups: [b]}
- {userarn: "arn:aws:iam::111122223333:user/Ann", username: three, groups: [c]}
`,
			want: []string{"user/Ann is three in [c]", "user/ann is one in [a]"},
		},
		"a role is found before a user": {
			roles: `[{rolearn: "arn:aws:iam::111122223333:user/ann", username: role, groups: [a]}]`,
			users: `[{userarn: "arn:aws:iam::111122223333:user/ann", username: user, groups: [b]}]`,
			want:  []string{"user/ann is role in [a]"},
		},
		"what no caller can have does not count": {
			roles: `
- {rolearn: "arn:aws:iam::111122223333:role/team/ci", username: a, groups: [a]}
- {rolearn: "arn:aws:sts::111122223333:assumed-role/ci/s", username: b, groups: [b]}
- {rolearn: "arn:aws:iam::111122223333:instance-profile/ci", username: c, groups: [c]}
- {rolearn: "arn:aws:iam::111122223333:role/*", username: d, groups: [d]}
- {rolearn: "ci", username: e, groups: [e]}
- {username: f, groups: [f]}
- {rolearn: "arn:aws:iam::111122223333:role/sso", username: g, groups: [g], sso: {permissionSetName: a, accountID: "111122223333"}}
`,
			users: `[{userarn: "arn:aws:iam::111122223333:group/ops", username: h, groups: [h]}]`,
			want:  []string{},
		},
		"groups that are numbers, null or there twice are what EKS makes of them": {
			roles: `[{rolearn: "arn:aws:iam::111122223333:role/ci", username: ci, groups: ["1", a, a, ~]}]`,
			want:  []string{"role/ci is ci in [1 a a ]"},
		},
		// EKS stores a role under its lower-case ARN, where the I with a dot is an i; it compares without regard to case, where it is none.
		"an I with a dot takes the place of an i, and matches nobody who has one": {
			roles: `
- {rolearn: "arn:aws:iam::111122223333:role/ci", username: first, groups: [a]}
- {rolearn: "arn:aws:iam::111122223333:role/cİ", username: last, groups: [b]}
`,
			want: []string{"role/cİ is last in [b]"},
		},
		"an I with a dot before the i is stored first": {
			roles: `
- {rolearn: "arn:aws:iam::111122223333:role/cİ", username: first, groups: [a]}
- {rolearn: "arn:aws:iam::111122223333:role/ci", username: last, groups: [b]}
`,
			want: []string{"role/ci is last in [b]", "role/cİ is first in [a]"},
		},
		"a long s is an s": {
			roles: `
- {rolearn: "arn:aws:iam::111122223333:role/ops", username: first, groups: [a]}
- {rolearn: "arn:aws:iam::111122223333:role/opſ", username: second, groups: [b]}
`,
			want: []string{"role/ops is first in [a]", "role/opſ is second in [b]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc, _ := awsauth.Parse(data(tt.roles, tt.users, tt.accounts))
			if diff := cmp.Diff(tt.want, table(doc.Access())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !doc.Readable() {
				t.Error("EKS cannot read it")
			}
			if diff := cmp.Diff(table(doc.Access()), table(doc.Restored())); diff != "" {
				t.Errorf("restored, where nothing is broken (-access +restored):\n%s", diff)
			}
		})
	}
}

// TestAccessOfBrokenValues: what EKS computes, in the strict reading and in the one that can read more, and what it would compute if
// nothing was broken.
func TestAccessOfBrokenValues(t *testing.T) {
	const ci, ann = `[{rolearn: "arn:aws:iam::111122223333:role/ci", username: ci, groups: [a]}]`, `[{userarn: "arn:aws:iam::111122223333:user/ann", username: ann}]`
	const isCI, isAnn, account = "role/ci is ci in [a]", "user/ann is ann in []", "account 444455556666 (line 1)"
	for name, tt := range map[string]struct {
		roles, users, accounts    string
		access, inForce, restored []string
	}{
		"an open quote in mapRoles": {
			roles: "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: 'ci\n  groups: [a]\n", users: ann, accounts: `["444455556666"]`,
			access: []string{account, isAnn}, inForce: []string{account, isAnn}, restored: []string{account, isCI, isAnn},
		},
		"a mapping in mapUsers": {
			roles: ci, users: strings.Trim(ann, "[]"),
			access: []string{isCI}, inForce: []string{isCI}, restored: []string{isCI, isAnn},
		},
		"an open bracket in mapAccounts": {
			roles: ci, accounts: `["444455556666"`,
			access: []string{isCI}, inForce: []string{isCI}, restored: []string{isCI},
		},
		"a key that is a list, which only the lenient reading takes": {
			roles:  "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [a]\n  ? [x]\n  : y\n",
			access: []string{}, inForce: []string{isCI}, restored: []string{isCI},
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc, problems := awsauth.Parse(data(tt.roles, tt.users, tt.accounts))
			if doc.Readable() || len(problems) == 0 {
				t.Errorf("readable %v, problems %v", doc.Readable(), problems)
			}
			for what, got := range map[string]struct {
				want []string
				is   *awsauth.Access
			}{"access": {tt.access, doc.Access()}, "in force": {tt.inForce, doc.InForce()}, "restored": {tt.restored, doc.Restored()}} {
				if diff := cmp.Diff(got.want, table(got.is)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

// TestLookup finds a caller's identities by the ARN that EKS sees.
func TestLookup(t *testing.T) {
	doc, _ := awsauth.Parse(data(`[{rolearn: "arn:aws:iam::111122223333:role/Ci", username: ci, groups: [viewers]}]`, "", ""))
	for arn, want := range map[string]int{"arn:aws:iam::111122223333:role/ci": 1, "ARN:AWS:IAM::111122223333:ROLE/CI": 1, "arn:aws:iam::444455556666:role/ci": 0, "": 0} {
		got := doc.Access().Lookup(arn)
		if len(got) != want {
			t.Errorf("%q: %d identities, want %d", arn, len(got), want)
		}
		for _, id := range got {
			if !id.Has("viewers") || id.Has("view") || id.Entry != doc.Entries()[0] {
				t.Errorf("%q: %+v", arn, id)
			}
		}
	}
}

// TestSessions: EKS denies a caller for whom the username or any group cannot be rendered.
func TestSessions(t *testing.T) {
	instance := awsauth.Caller{Account: "111122223333", Session: "i-0123456789abcdef0"}
	shorter := awsauth.Caller{Account: "111122223333", Session: "i-01234567"}
	person := awsauth.Caller{Account: "111122223333", Session: "ann"}
	for _, tt := range []struct {
		arn, username, group string
		sessions             awsauth.Sessions
		instance, person     bool
	}{
		{"role/ci", "ci", "viewers", awsauth.AnySession, true, true},
		{"role/ci", "{{SessionName}}", "{{AccountID}}", awsauth.AnySession, true, true},
		{"role/nodes", "system:node:{{EC2PrivateDNSName}}", "system:nodes", awsauth.InstanceSession, true, false},
		{"role/ci", "ci", "host:{{EC2PrivateDNSName}}", awsauth.InstanceSession, true, false},
		{"user/ann", "ann", "{{EC2PrivateDNSName}}", awsauth.NoSession, false, false},
		{"root", "{{EC2PrivateDNSName}}", "a", awsauth.NoSession, false, false},
		{"user/ann", "{{SessionName}}", "a", awsauth.AnySession, true, true},
	} {
		doc, _ := awsauth.Parse(data("", fmt.Sprintf("[{userarn: 'arn:aws:iam::111122223333:%s', username: '%s', groups: ['%s']}]", tt.arn, tt.username, tt.group), ""))
		id := doc.Entries()[0].Identity()
		if got := id.Sessions(); got != tt.sessions {
			t.Errorf("%+v: sessions %v", tt, got)
		}
		for _, c := range []awsauth.Caller{instance, shorter} {
			if got := id.Admits(c); got != tt.instance {
				t.Errorf("%+v: an instance %s authenticates: %v", tt, c.Session, got)
			}
		}
		if got := id.Admits(person); got != tt.person {
			t.Errorf("%+v: a person authenticates: %v", tt, got)
		}
	}
	for _, session := range []string{"", "i-0123456", "i-012345678", "i-0123456789abcdef01", "x-01234567", "i-0123 567", "i-01234567\n"} {
		if (awsauth.Caller{Session: session}).OnInstance() {
			t.Errorf("%q is taken for the id of an instance", session)
		}
	}
}
