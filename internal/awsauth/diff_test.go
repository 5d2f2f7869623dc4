package awsauth_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// TestDiff: who gains, loses or changes what. A line for each change: what it was -> what it is.
func TestDiff(t *testing.T) {
	const roles = `
- {rolearn: "arn:aws:iam::111122223333:role/a", username: a, groups: [viewers, ops]}
- {rolearn: "arn:aws:iam::111122223333:role/b", username: b}
`
	const users, accounts = `[{userarn: "arn:aws:iam::111122223333:user/ann", username: ann, groups: [ops]}]`, `["444455556666"]`
	for name, tt := range map[string]struct {
		roles, users, accounts string
		want                   []string
	}{
		"nothing":                                   {roles, users, accounts, nil},
		"another order, of entries and groups":      {strings.Join(reversed(strings.SplitAfter(strings.Replace(roles, "viewers, ops", "ops, viewers", 1), "\n")), ""), users, accounts, nil},
		"a group twice":                             {strings.Replace(roles, "viewers, ops", "viewers, ops, viewers", 1), users, accounts, nil},
		"the letters of the ARN":                    {strings.Replace(roles, "role/a", "Role/A", 1), users, accounts, nil},
		"an entry that another one overrides":       {strings.Replace(roles, "\n", "\n- {rolearn: \"arn:aws:iam::111122223333:role/a\", username: x, groups: [\"system:masters\"]}\n", 1), users, accounts, nil},
		"an entry that matches nobody":              {roles + `- {rolearn: "arn:aws:iam::111122223333:role/team/c", username: c}` + "\n", users, accounts, nil},
		"a role comes":                              {roles + `- {rolearn: "arn:aws:iam::111122223333:role/c", username: c, groups: [x]}` + "\n", users, accounts, []string{"role/c:  -> role/c is c in [x]"}},
		"a role goes":                               {strings.Replace(roles, "role/b", "role/team/b", 1), users, accounts, []string{"role/b: role/b is b in [] -> "}},
		"a username":                                {strings.Replace(roles, "username: b", "username: c", 1), users, accounts, []string{"role/b: role/b is b in [] -> role/b is c in []"}},
		"a group comes":                             {strings.Replace(roles, "ops]", "ops, 'system:masters']", 1), users, accounts, []string{"role/a: role/a is a in [viewers ops] -> role/a is a in [viewers ops system:masters]"}},
		"a group goes":                              {strings.Replace(roles, "viewers, ", "", 1), users, accounts, []string{"role/a: role/a is a in [viewers ops] -> role/a is a in [ops]"}},
		"two groups become one with a name of both": {strings.Replace(roles, "viewers, ops", "'ops viewers'", 1), users, accounts, []string{"role/a: role/a is a in [viewers ops] -> role/a is a in [ops viewers]"}},
		"a user becomes one of two, at random": {roles, strings.TrimSuffix(users, "]") + `, {userarn: "arn:aws:iam::111122223333:user/Ann", username: ann, groups: [admins]}]`, accounts,
			[]string{"user/ann: user/ann is ann in [ops] -> user/ann is ann in [ops] | user/Ann is ann in [admins]"}},
		"a user is mapped as a role, the same": {roles + `- {rolearn: "arn:aws:iam::111122223333:user/ann", username: ann, groups: [ops]}` + "\n", "", accounts, nil},
		"an account comes and one goes":        {roles, users, `["777788889999"]`, []string{"account 444455556666: 444455556666 is  in [] -> ", "account 777788889999:  -> 777788889999 is  in []"}},
		"all of mapRoles is broken": {"- 'x", users, accounts,
			[]string{"role/a: role/a is a in [viewers ops] -> ", "role/b: role/b is b in [] -> "}},
	} {
		t.Run(name, func(t *testing.T) {
			old, _ := awsauth.Parse(data(roles, users, accounts))
			updated, _ := awsauth.Parse(data(tt.roles, tt.users, tt.accounts))
			var got []string
			for _, c := range awsauth.Diff(old.Access(), updated.Access()) {
				line := strings.TrimPrefix(c.Principal, "arn:aws:iam::111122223333:") + ": " + identities(c.Before) + " -> " + identities(c.After)
				if c.Account {
					line = "account " + line
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if back := awsauth.Diff(updated.Access(), old.Access()); len(back) != len(got) {
				t.Errorf("%d changes there, and %d back", len(got), len(back))
			}
		})
	}
}

func identities(ids []awsauth.Identity) string {
	var all []string
	for _, id := range ids {
		all = append(all, identity(id))
	}
	return strings.Join(all, " | ")
}

func reversed(lines []string) []string {
	var all []string
	for _, l := range lines {
		all = append([]string{l}, all...)
	}
	return all
}
