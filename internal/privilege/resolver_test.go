package privilege_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

const (
	role = "arn:aws:iam::111122223333:role/ops"
	user = "arn:aws:iam::111122223333:user/ops"
)

var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// rbac is what the cluster's RBAC is known to be.
type rbac struct {
	known *privilege.Equivalents
	err   error
}

func (s rbac) Equivalents() (*privilege.Equivalents, error) { return s.known, s.err }

func equivalents(groups, usernames []string) rbac {
	e := &privilege.Equivalents{Groups: map[string]string{}, Usernames: map[string]string{}}
	for _, g := range groups {
		e.Groups[g] = "group " + g + " -> cluster-admin"
	}
	for _, u := range usernames {
		e.Usernames[u] = "user " + u + " -> cluster-admin"
	}
	return rbac{known: e}
}

func parsed(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const organisation = `
privileged:
  groups: [auditors]
  approvers: {groups: [leads], usernames: [lead]}
  approvals:
  - {arn: 'arn:aws:iam::111122223333:role/ops', groups: ['system:masters'], reason: on call}
  - {arn: 'arn:aws:iam::111122223333:role/old', groups: ['system:masters'], reason: on call, expires: 2026-01-01}
  - {arn: 'arn:aws:iam::111122223333:role/named', groups: [cluster-ops], usernames: [robot], reason: on call}
breakGlass: {groups: [break-glass]}
`

func TestWays(t *testing.T) {
	r := privilege.NewResolver(parsed(t, organisation), equivalents([]string{"cluster-ops", "leads-too"}, []string{"robot"}), now)
	listed, equivalent := privilege.ListedGroup, privilege.Equivalent
	for name, tc := range map[string]struct {
		arn, username, group string
		kind                 privilege.Kind // 0: not privileged
		becomes              string
		approver             bool
		standing             policy.Standing
	}{
		"system:masters":         {role, "me", "system:masters", listed, "", false, policy.Valid},
		"of another role":        {"arn:aws:iam::111122223333:role/x", "me", "system:masters", listed, "", false, policy.None},
		"expired":                {"arn:aws:iam::111122223333:role/old", "me", "system:masters", listed, "", false, policy.Expired},
		"the policy's own group": {role, "me", "auditors", listed, "", false, policy.None},
		"break-glass":            {role, "me", "break-glass", listed, "", false, policy.None},
		"approvers' group":       {role, "me", "leads", listed, "", true, policy.None},
		"approver's username":    {role, "lead", "viewers", equivalent, "", true, policy.Valid},
		"exempt username":        {user, "eks:node-manager", "viewers", equivalent, "", false, policy.None},
		"group of RBAC":          {user, "me", "cluster-ops", equivalent, "", false, policy.None},
		"username of RBAC":       {user, "robot", "viewers", equivalent, "", false, policy.None},
		"RBAC's group, approved by system:masters":   {role, "me", "cluster-ops", equivalent, "", false, policy.Valid},
		"RBAC's group, approved by name":             {"arn:aws:iam::111122223333:role/named", "me", "cluster-ops", equivalent, "", false, policy.Valid},
		"RBAC's username, approved by name":          {"arn:aws:iam::111122223333:role/named", "robot", "viewers", equivalent, "", false, policy.Valid},
		"nothing":                                    {role, "me", "viewers", 0, "", false, policy.None},
		"a group that is a username":                 {role, "me", "robot", 0, "", false, policy.None},
		"a template that is the same for every user": {user, "me", "system:masters{{SessionName}}", listed, "system:masters", false, policy.None},
		"a template that is not":                     {role, "me", "system:masters{{SessionName}}", 0, "", false, policy.None},
	} {
		t.Run(name, func(t *testing.T) {
			ways := r.Ways(tc.arn, tc.username, []string{tc.group})
			if tc.kind == 0 {
				if len(ways) > 0 {
					t.Fatalf("%+v, want none", ways)
				}
				return
			}
			if len(ways) != 1 {
				t.Fatalf("%+v, want one", ways)
			}
			w := ways[0]
			if w.Kind != tc.kind || w.Becomes != tc.becomes || w.Approver != tc.approver || w.Standing != tc.standing {
				t.Errorf("%+v, want %+v", w, tc)
			}
			if w.Username && w.Name != tc.username || !w.Username && w.Name != tc.group || w.Evidence == "" {
				t.Errorf("%+v, want its name as written, and evidence", w)
			}
		})
	}
}

// TestEverybody: what is bound to system:authenticated is everybody's, but for those whom system:unauthenticated keeps out.
func TestEverybody(t *testing.T) {
	r := privilege.NewResolver(policy.Default(), equivalents([]string{policy.Everybody}, nil), now)
	for _, tc := range []struct {
		groups []string
		want   bool
	}{
		{nil, true},
		{[]string{"viewers"}, true},
		{[]string{awsauth.GroupUnauthenticated}, false},
		{[]string{awsauth.GroupUnauthenticated + "{{SessionName}}"}, true}, // it depends on the session
	} {
		ways := r.Ways(role, "me", tc.groups)
		got := slices.ContainsFunc(ways, func(w privilege.Way) bool { return w.Name == policy.Everybody && w.Index == -1 && !w.Admin() })
		if got != tc.want || len(ways) > 1 {
			t.Errorf("groups %q: %+v, want everybody's group: %v", tc.groups, ways, tc.want)
		}
	}
	twice := r.Ways(role, "me", []string{policy.Everybody, policy.Everybody})
	if len(twice) != 1 || twice[0].Index != 0 {
		t.Errorf("%+v, want the group once, where it is written first", twice)
	}
}

// TestWithoutRBAC: what cannot be looked up is not taken for nothing, and what the policy does not want is not looked up.
func TestWithoutRBAC(t *testing.T) {
	forbidden := errors.New("clusterroles is forbidden")
	partial := &privilege.Partial{Any: true}
	for name, tc := range map[string]struct {
		policy  string
		source  privilege.Source
		blind   error
		partial *privilege.Partial
	}{
		"no cluster":  {"", nil, nil, nil},
		"forbidden":   {"", rbac{err: forbidden}, forbidden, nil},
		"not yet":     {"", rbac{err: privilege.ErrNotYet}, privilege.ErrNotYet, nil},
		"in part":     {"", rbac{known: &privilege.Equivalents{Partial: partial}}, nil, partial},
		"not wanted":  {"privileged: {fromRBAC: false}\n", rbac{err: forbidden}, nil, nil},
		"all is read": {"", equivalents(nil, nil), nil, nil},
	} {
		r := privilege.NewResolver(parsed(t, tc.policy), tc.source, now)
		if !errors.Is(r.Blind, tc.blind) || r.Partial != tc.partial {
			t.Errorf("%s: blind %v, partial %v, want %v, %v", name, r.Blind, r.Partial, tc.blind, tc.partial)
		}
		if ways := r.Ways(role, "me", []string{"system:masters"}); len(ways) != 1 {
			t.Errorf("%s: %+v, want system:masters all the same", name, ways)
		}
	}
}

func TestTemplateWays(t *testing.T) {
	r := privilege.NewResolver(parsed(t, organisation), equivalents([]string{"ops-a", "ops-b"}, []string{"bot-1"}), now)
	named := "arn:aws:iam::111122223333:role/named"
	for name, tc := range map[string]struct {
		arn, username, group string
		becomes, session     string // "": nothing
		standing             policy.Standing
	}{
		"system:masters":                  {named, "me", "system:{{SessionName}}", "system:masters", "masters", policy.None},
		"approved":                        {role, "me", "system:m{{SessionName}}", "system:masters", "asters", policy.Valid},
		"approved, and more":              {role, "me", "system:{{SessionName}}", "system:nodes", "nodes", policy.Valid},
		"too short for a session":         {named, "me", "ops-{{SessionName}}", "", "", policy.None}, // a session name has two characters
		"of RBAC's, by the alphabet":      {named, "me", "op{{SessionName}}", "ops-a", "s-a", policy.None},
		"a username of RBAC's":            {named, "bot{{SessionName}}", "viewers", "bot-1", "-1", policy.None},
		"an approver's username":          {named, "le{{SessionName}}", "viewers", "lead", "ad", policy.None},
		"an exempt username":              {named, "eks:{{SessionName}}", "viewers", "eks:fargate-manager", "fargate-manager", policy.None},
		"an account id is none":           {named, "me", "x-{{AccountID}}", "", "", policy.None},
		"a user has no session":           {user, "me", "system:{{SessionName}}", "", "", policy.None},
		"the same for every user":         {user, "me", "system:nodes{{SessionName}}", "system:nodes", "", policy.None},
		"no template":                     {named, "robot", "system:masters", "", "", policy.None},
		"a name that no session makes up": {named, "me", "viewers-{{SessionName}}", "", "", policy.None},
	} {
		t.Run(name, func(t *testing.T) {
			ways := r.TemplateWays(tc.arn, tc.username, []string{tc.group})
			if tc.becomes == "" {
				if len(ways) > 0 {
					t.Fatalf("%+v, want none", ways)
				}
				return
			}
			i := slices.IndexFunc(ways, func(w privilege.Way) bool { return w.Becomes == tc.becomes })
			if i < 0 {
				t.Fatalf("%+v, want %s", ways, tc.becomes)
			}
			if w := ways[i]; w.Kind != privilege.Template || w.Session != tc.session || w.Standing != tc.standing {
				t.Errorf("%+v, want %+v", w, tc)
			}
			if tc.standing != policy.Valid && len(ways) != 1 {
				t.Errorf("%+v, want the first that is not approved alone", ways)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	approval := policy.Approval{ARN: "arn:aws:iam::111122223333:role/o*", Groups: []string{"system:masters"}, Usernames: []string{"robot"}}
	for name, tc := range map[string]struct {
		id   awsauth.Identity
		want bool
	}{
		"the group":                   {awsauth.Identity{Canonical: role, Username: "me", Groups: []string{"viewers", "system:masters"}}, true},
		"the username":                {awsauth.Identity{Canonical: role, Username: "robot"}, true},
		"a template that can be it":   {awsauth.Identity{Canonical: role, Username: "ro{{SessionName}}"}, true},
		"a template that cannot":      {awsauth.Identity{Canonical: role, Username: "x-{{SessionName}}"}, false},
		"the group as username":       {awsauth.Identity{Canonical: role, Username: "system:masters"}, false},
		"another role":                {awsauth.Identity{Canonical: "arn:aws:iam::111122223333:role/x", Username: "robot"}, false},
		"a group that is not listed":  {awsauth.Identity{Canonical: role, Username: "me", Groups: []string{"viewers"}}, false},
		"a group that can become one": {awsauth.Identity{Canonical: role, Username: "me", Groups: []string{"system:{{SessionName}}"}}, true},
	} {
		if got := privilege.Holds(tc.id, approval); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
