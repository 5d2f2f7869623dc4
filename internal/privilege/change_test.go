package privilege_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

func entry(arn, username string, groups ...string) string {
	return fmt.Sprintf("- {rolearn: '%s', username: '%s', groups: ['%s']}\n", arn, username, strings.Join(groups, "', '"))
}

// version has some entries in mapRoles and accounts in mapAccounts.
func version(roles string, accounts ...string) *awsauth.Version {
	data := map[string]string{"mapRoles": roles}
	if len(accounts) > 0 {
		data["mapAccounts"] = "['" + strings.Join(accounts, "', '") + "']"
	}
	return awsauth.Read(nil, data)
}

// texts are grants in a few words.
func texts(grants []privilege.Grant) []string {
	var all []string
	for _, g := range grants {
		how := map[privilege.Reached]string{privilege.ARNRepaired: " ARN repaired", privilege.OtherRemoved: " other removed", privilege.EntryRemoved: " entry removed"}[g.Reached]
		if g.Meant {
			how = " meant"
		}
		all = append(all, strings.TrimPrefix(g.Principal, "arn:aws:iam::111122223333:")+" "+g.Name+how)
	}
	return all
}

func TestCompare(t *testing.T) {
	const boss = "arn:aws:iam::111122223333:role/boss"
	r := privilege.NewResolver(policy.Default(), equivalents(nil, []string{boss}), now)
	ops, viewer := entry(role, "ops", "system:masters"), entry(role, "ops", "viewers")
	withPath := entry("arn:aws:iam::111122223333:role/team/ops", "ops", "system:masters")
	for name, tc := range map[string]struct {
		old, updated *awsauth.Version
		given, kept  []string
	}{
		"created":                {nil, version(ops), []string{"role/ops system:masters"}, nil},
		"deleted":                {version(ops), nil, nil, nil},
		"kept":                   {version(ops), version(ops), nil, []string{"role/ops system:masters"}},
		"given":                  {version(viewer), version(ops), []string{"role/ops system:masters"}, nil},
		"taken":                  {version(ops), version(viewer), nil, nil},
		"meant":                  {version(viewer), version(viewer + withPath), []string{"role/ops system:masters meant"}, nil},
		"meant before":           {version(withPath), version(withPath + "# more\n"), nil, nil},
		"the ARN is repaired":    {version(withPath), version(ops), []string{"role/ops system:masters ARN repaired"}, nil},
		"another entry is gone":  {version(ops + viewer), version(ops), []string{"role/ops system:masters other removed"}, nil},
		"an account is mapped":   {version(viewer), version(viewer, "111122223333"), []string{"role/boss " + boss}, nil},
		"an account is kept":     {version("", "111122223333"), version("", "111122223333"), nil, []string{"role/boss " + boss}},
		"an entry is in the way": {version(entry(boss, "x", "viewers"), "111122223333"), version("", "111122223333"), []string{"role/boss " + boss + " entry removed"}, nil},
		"EKS cannot read it": {version(viewer), version(ops + "- rolearn: {\n"),
			[]string{"role/ops system:masters"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := r.Compare(tc.old, tc.updated)
			if given, kept := texts(c.Given), texts(c.Kept); !slices.Equal(given, tc.given) || !slices.Equal(kept, tc.kept) {
				t.Errorf("given %q, kept %q, want %q and %q", given, kept, tc.given, tc.kept)
			}
			if len(c.Unknown) > 0 {
				t.Errorf("unknown %+v, want none, since all of RBAC is known", c.Unknown)
			}
		})
	}
}

// TestApprovedTemplates: what a template can become is a grant where the policy approves it; else it is wrong in itself.
func TestApprovedTemplates(t *testing.T) {
	r := privilege.NewResolver(parsed(t, organisation), nil, now)
	for arn, want := range map[string][]string{role: {"role/ops system:m{{SessionName}}"}, "arn:aws:iam::111122223333:role/x": nil} {
		c := r.Compare(version(""), version(entry(arn, "me", "system:m{{SessionName}}")))
		if given := texts(c.Given); !slices.Equal(given, want) {
			t.Errorf("%s: given %q, want %q", arn, given, want)
		}
	}
}

func TestUnknown(t *testing.T) {
	bindings := &privilege.Partial{Kinds: []string{"clusterrolebindings"}, Why: errors.New("forbidden"), Any: true}
	roles := &privilege.Partial{Kinds: []string{"clusterroles"}, Why: errors.New("forbidden"),
		Groups: map[string]string{"ops": "binding ops", policy.Everybody: "binding all"}, Usernames: map[string]string{"robot": "binding robot", user: "binding user"}}
	old := version(entry(role, "me", "viewers"))
	for name, tc := range map[string]struct {
		source  rbac
		updated *awsauth.Version
		want    []string
	}{
		"RBAC cannot be read":           {rbac{err: privilege.ErrNotYet}, version(entry(role, "me", "viewers", "ops")), []string{"ops"}},
		"a name that it had":            {rbac{err: privilege.ErrNotYet}, version(entry(role, "me", "viewers")), nil},
		"what is worse":                 {rbac{err: privilege.ErrNotYet}, version(entry(role, "me", "viewers", "system:masters")), nil},
		"a node's groups":               {rbac{err: privilege.ErrNotYet}, version(entry(role, "system:node:{{EC2PrivateDNSName}}", "system:nodes", "system:bootstrappers")), nil},
		"no bindings":                   {rbac{known: &privilege.Equivalents{Partial: bindings}}, version(entry(role, "you", "viewers", "ops")), []string{"ops", "you"}},
		"no bindings, a whole account":  {rbac{known: &privilege.Equivalents{Partial: bindings}}, version(entry(role, "me", "viewers"), "111122223333"), []string{"111122223333 whole"}},
		"no roles":                      {rbac{known: &privilege.Equivalents{Partial: roles}}, version(entry(role, "you", "viewers", "ops", "others")), []string{"ops"}},
		"no roles, a username":          {rbac{known: &privilege.Equivalents{Partial: roles}}, version(entry(role, "robot", "viewers")), []string{"robot"}},
		"no roles, an account":          {rbac{known: &privilege.Equivalents{Partial: roles}}, version(entry(role, "me", "viewers"), "111122223333"), []string{user}},
		"no roles, a template":          {rbac{known: &privilege.Equivalents{Partial: roles}}, version(entry(role, "me", "viewers", "o{{SessionName}}")), []string{"o{{SessionName}}"}},
		"no roles, another template":    {rbac{known: &privilege.Equivalents{Partial: roles}}, version(entry(role, "me", "viewers", "x{{SessionName}}")), nil},
		"no roles, everybody's group":   {rbac{known: &privilege.Equivalents{Partial: roles}}, version(entry(role, "me", "viewers") + entry(role+"2", "me", "viewers")), []string{policy.Everybody}},
		"no bindings, an entry is gone": {rbac{known: &privilege.Equivalents{Partial: bindings}}, version(""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := privilege.NewResolver(policy.Default(), tc.source, now).Compare(old, tc.updated)
			var got []string
			for _, u := range c.Unknown {
				text := u.Name
				if u.Whole {
					text += " whole"
				}
				got = append(got, text)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
