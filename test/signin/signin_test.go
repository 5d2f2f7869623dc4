package signin_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/test/signin"
	"github.com/aws-auth-guard/aws-auth-guard/test/signin/draw"
)

// TestSignIn holds what the guard believes about aws-auth to the authenticator itself. It is one test, since there is one
// authenticator in a process.
func TestSignIn(t *testing.T) {
	a := signin.Start(t)
	a.Instance(draw.Instance, "ip-10-0-0-1.us-west-2.compute.internal")
	a.Instance("i-01234567", "ip-10-0-0-2.us-west-2.compute.internal")
	a.Instance("i-ABCDEFGH", "ip-10-0-0-3.us-west-2.compute.internal")
	for name, test := range map[string]func(*testing.T, *signin.Authenticator){
		"templates": templates, "nodes": nodeRoleEntry, "order": order, "accounts": accounts, "no DNS name": noDNSName,
	} {
		t.Run(name, func(t *testing.T) { test(t, a) })
	}
}

type entry struct {
	ARN      string   `json:"rolearn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

// mapRoles are entries as JSON, which is YAML. Users and the others match in mapRoles as well.
func mapRoles(t *testing.T, entries []entry) map[string]string {
	t.Helper()
	var lines []string // one entry a line, so that Put can add one
	for _, e := range entries {
		one, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "- "+string(one))
	}
	return map[string]string{awsauth.MapRoles: strings.Join(lines, "\n")}
}

// believed is what the guard makes of a caller, by a document: what it may be, and whether it may be refused.
func believed(t *testing.T, data map[string]string, canonical string, c awsauth.Caller) (ids []signin.Identity, refused bool) {
	t.Helper()
	doc, _ := awsauth.Parse(data)
	access := doc.Access()
	found := access.Lookup(canonical)
	for _, id := range found {
		var is signin.Identity
		ok := true
		fill := func(s string) string {
			full, rendered := c.Render(s)
			ok = ok && rendered
			return full
		}
		is.Username = fill(id.Username)
		for _, g := range id.Groups {
			is.Groups = append(is.Groups, fill(g))
		}
		if ok != id.Admits(c) {
			t.Errorf("%+v is rendered for %+v: %v, and admits it: %v", id, c, ok, id.Admits(c))
		}
		if ok {
			ids = append(ids, is)
		}
		refused = refused || !ok
	}
	if _, whole := access.Accounts[c.Account]; whole && len(found) == 0 {
		ids = append(ids, signin.Identity{Username: canonical})
	}
	return ids, refused || len(ids) == 0
}

// agrees holds one caller's belief to the authenticator, and returns what it is.
func agrees(t *testing.T, a *signin.Authenticator, data map[string]string, canonical string, c awsauth.Caller) (signin.Identity, bool) {
	t.Helper()
	c.AccessKeyID = a.Key()
	is, ok := a.SignIn(signin.Session(canonical, c.Session), c)
	ids, refused := believed(t, data, canonical, c)
	same := func(b signin.Identity) bool { return b.Username == is.Username && slices.Equal(b.Groups, is.Groups) }
	if !ok && !refused || ok && !slices.ContainsFunc(ids, same) {
		t.Errorf("%s as %+v: authenticated %v as %q, believed %q, refused %v; aws-auth is %q", canonical, c, ok, is, ids, refused, data)
	}
	return is, ok
}

func caller(canonical, session string) awsauth.Caller {
	c := awsauth.Caller{Account: draw.Account}
	if strings.Contains(canonical, ":role/") {
		c.Session = session
		c.PrivateDNSName = map[string]string{draw.Instance: "ip-10-0-0-1.us-west-2.compute.internal", "i-01234567": "ip-10-0-0-2.us-west-2.compute.internal",
			"i-ABCDEFGH": "ip-10-0-0-3.us-west-2.compute.internal"}[session]
	}
	return c
}

// templates draws templates for two seconds, or those of AWS_AUTH_GUARD_SEED alone: what EKS makes of one is what Render says,
// and can be by ParseTemplate.
func templates(t *testing.T, a *signin.Authenticator) {
	first, last, deadline := uint64(0), ^uint64(0), time.Now().Add(2*time.Second)
	if s, err := strconv.ParseUint(os.Getenv("AWS_AUTH_GUARD_SEED"), 10, 64); err == nil {
		first, last = s, s
	}
	if d, err := time.ParseDuration(os.Getenv("AWS_AUTH_GUARD_TIME")); err == nil {
		deadline = time.Now().Add(d)
	}
	drawn, refused := 0, 0
	for seed := first; seed <= last && time.Now().Before(deadline); seed++ {
		r := rand.New(rand.NewPCG(seed, 0))
		var entries []entry
		var out []string
		for i, arn := range draw.Principals {
			e := entry{ARN: arn, Groups: []string{}}
			e.Username, out = draw.Template(r)
			for range 30 {
				g, pieces := draw.Template(r)
				out = append(out, pieces...)
				if strings.Contains(g, awsauth.EC2PrivateDNSName) && (i > 0 || seed%2 == 0) {
					continue // one is enough to refuse everybody, and every second role is for everybody
				}
				e.Groups = append(e.Groups, g)
			}
			entries = append(entries, e)
		}
		data := mapRoles(t, entries)
		a.Put(data)
		for _, e := range entries {
			for range 3 {
				session := draw.Session(r, out)
				if slices.ContainsFunc(e.Groups, func(g string) bool { return strings.Contains(g, awsauth.EC2PrivateDNSName) }) && r.IntN(2) == 0 {
					session = draw.Instance
				}
				is, ok := agrees(t, a, data, e.ARN, caller(e.ARN, session))
				drawn++
				if !ok {
					refused++
					continue
				}
				of, _ := awsauth.ParseARN(e.ARN)
				for i, s := range append([]string{e.Username}, e.Groups...) {
					if name := append([]string{is.Username}, is.Groups...)[i]; !canBe(s, of, name) {
						t.Errorf("%q of %s cannot be %q, and with the session name %q it is", s, e.ARN, name, session)
					}
				}
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d sign-ins, of which %d refused", drawn, refused)
	if refused == 0 || refused == drawn {
		t.Errorf("%d of %d were refused: that tests nothing", refused, drawn)
	}
}

func canBe(s string, of awsauth.ARN, name string) bool {
	t := awsauth.ParseTemplate(s, of)
	_, ok := t.CanBe(name)
	return ok && (!t.Literal() || t.Text() == name)
}

// nodes holds, for every kind of node, every username and every group with a placeholder, who can authenticate as a node by the
// guard's rules to the authenticator.
func nodeRoleEntry(t *testing.T, a *signin.Authenticator) {
	kinds := []struct {
		set           nodes.Set
		name, session string
	}{
		{nodes.Set{Kind: nodes.EC2}, "ip-10-0-0-1.us-west-2.compute.internal", draw.Instance},
		{nodes.Set{Kind: nodes.EC2, ByInstanceID: true}, draw.Instance, draw.Instance},
		{nodes.Set{Kind: nodes.Windows}, "ip-10-0-0-2.us-west-2.compute.internal", "i-01234567"},
		{nodes.Set{Kind: nodes.Fargate}, "fargate-ip-10-0-2-1.us-west-2.compute.internal", "fargate-ip-10-0-2-1.us-west-2.compute.internal"},
		{nodes.Set{Kind: nodes.Hybrid}, "mi-0123456789abcdef0", "mi-0123456789abcdef0"},
	}
	needed := map[nodes.Kind]string{nodes.Windows: "eks:kube-proxy-windows", nodes.Fargate: "system:node-proxier"}
	const kept = "system:nodes"
	var entries []entry
	add := func(username string, groups ...string) {
		entries = append(entries, entry{ARN: fmt.Sprintf("arn:aws:iam::%s:role/n%d", draw.Account, len(entries)), Username: username, Groups: groups})
	}
	for _, p := range awsauth.Placeholders {
		usernames := []string{"system:node:" + p, p, "system:node:" + p + awsauth.AccountID, "system:node:{" + p + "}"}
		for _, username := range usernames {
			for _, kind := range []string{"", "system:node-proxier", "eks:kube-proxy-windows"} {
				groups := slices.DeleteFunc([]string{"system:bootstrappers", kept, kind}, func(g string) bool { return g == "" })
				add(username, groups...)
				for _, q := range awsauth.Placeholders {
					for _, g := range []string{q, "x" + q, "{{x" + q + "}}"} {
						add(username, append(slices.Clone(groups), g)...)
					}
				}
			}
		}
		add("system:node:"+p, "system:bootstrappers", "system:nodes"+p)
		add("system:node:"+p, "system:bootstrappers")
	}
	data := mapRoles(t, entries)
	a.Put(data)
	doc, _ := awsauth.Parse(data)
	access := doc.Access()
	checked, open := 0, 0
	for _, k := range kinds {
		view := &nodes.View{Mode: nodes.ConfigMapMode, Nodes: map[string][]nodes.Set{}}
		k.set.Names = []string{k.name}
		for _, e := range entries {
			view.Nodes[awsauth.Subject(e.ARN)] = []nodes.Set{k.set}
		}
		says := map[string]bool{}
		for _, w := range view.WaysIn(access, time.Now()) {
			says[w.Role] = w.Open
		}
		for _, e := range entries {
			is, ok := a.SignIn(signin.Session(e.ARN, k.session), awsauth.Caller{Account: draw.Account, Session: k.session})
			groups := []string{kept}
			if g := needed[k.set.Kind]; g != "" {
				groups = append(groups, g)
			}
			works := ok && is.Username == "system:node:"+k.name && !slices.ContainsFunc(groups, func(g string) bool { return !slices.Contains(is.Groups, g) })
			if works != says[awsauth.Subject(e.ARN)] {
				t.Errorf("%s node %s by %q, %q: %v, and the guard says %v", k.set.Kind, k.name, e.Username, e.Groups, works, says[awsauth.Subject(e.ARN)])
			}
			checked++
			if works {
				open++
			}
		}
	}
	t.Logf("%d ways, of which %d open", checked, open)
	if open == 0 {
		t.Error("none of the ways is open: that tests nothing")
	}
}

// order holds which of several entries counts: the last of those that are stored alike, and any one of those that are equal
// without regard to case.
func order(t *testing.T, a *signin.Authenticator) {
	role := func(name, username string) string {
		return "- {rolearn: 'arn:aws:iam::111122223333:role/" + name + "', username: '" + username + "', groups: []}\n"
	}
	users := func(s string) string { return strings.NewReplacer("rolearn", "userarn", "role/", "user/").Replace(s) }
	for name, tt := range map[string]struct {
		roles, users string
		want         int // different identities
	}{
		"last of two":              {roles: role("test", "one") + role("TEST", "two"), want: 1},
		"long s":                   {roles: role("test", "one") + role("te\u017ft", "two"), want: 2},
		"long s alone":             {roles: role("te\u017ft", "two"), want: 1},
		"Kelvin sign":              {roles: role("task", "one") + role("tas\u212a", "two"), want: 1},
		"dotted I after":           {roles: role("win", "one") + role("w\u0130n", "two"), want: 0},
		"dotted I before":          {roles: role("w\u0130n", "two") + role("win", "one"), want: 1},
		"dotted I in iam after":    {roles: role("test", "one") + strings.Replace(role("test", "two"), ":iam", ":\u0130am", 1), want: 0},
		"dotted I in iam before":   {roles: strings.Replace(role("test", "two"), ":iam", ":\u0130am", 1) + role("test", "one"), want: 1},
		"users, letter case":       {users: users(role("test", "one") + role("TEST", "two")), want: 2},
		"users, dotted I":          {users: users(role("win", "one") + role("w\u0130n", "two")), want: 1},
		"users, Kelvin sign":       {users: users(role("task", "one") + role("tas\u212a", "two")), want: 2},
		"users, long s in user":    {users: strings.ReplaceAll(users(role("test", "one")), "user/", "u\u017fer/"), want: 1},
		"a role under mapUsers":    {roles: role("test", "one"), users: strings.ReplaceAll(role("test", "two"), "rolearn", "userarn"), want: 1},
		"a user under mapRoles":    {roles: strings.ReplaceAll(role("test", "one"), "role/", "user/"), users: users(role("test", "two")), want: 1},
		"a template of the two":    {roles: role("test", "x{{EC2PrivateDNSName}}") + role("te\u017ft", "two"), want: 2},
		"refused, and mapUsers so": {roles: role("test", "x{{EC2PrivateDNSName}}"), users: strings.ReplaceAll(role("test", "two"), "rolearn", "userarn"), want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string]string{awsauth.MapRoles: tt.roles, awsauth.MapUsers: tt.users}
			a.Put(data)
			canonical := "arn:aws:iam::111122223333:role/test"
			if tt.roles == "" || strings.Contains(tt.roles, "user/") {
				canonical = "arn:aws:iam::111122223333:user/test"
			}
			for _, ascii := range []string{"win", "task"} {
				if strings.Contains(tt.roles+tt.users, "/"+ascii+"'") {
					canonical = strings.Replace(canonical, "test", ascii, 1)
				}
			}
			seen := map[string]bool{}
			// Of two entries the one may be found once in eight times alone.
			for range 300 {
				is, ok := agrees(t, a, data, canonical, caller(canonical, "alice"))
				if ok || tt.want > 0 {
					seen[fmt.Sprint(ok, is.Username)] = true
				}
				if tt.want > 1 && len(seen) == tt.want || t.Failed() {
					break
				}
			}
			if len(seen) != tt.want {
				t.Errorf("came out as %v, want %d", seen, tt.want)
			}
		})
	}
}

// accounts holds that mapAccounts counts for those alone whom no entry matches, whether or not it can be rendered.
func accounts(t *testing.T, a *signin.Authenticator) {
	data := map[string]string{awsauth.MapAccounts: "- '" + draw.Account + "'\n",
		awsauth.MapRoles: "- {rolearn: 'arn:aws:iam::111122223333:role/barred', username: 'system:node:{{EC2PrivateDNSName}}', groups: []}\n" +
			"- {rolearn: 'arn:aws:iam::111122223333:role/group', username: group, groups: ['x{{EC2PrivateDNSName}}']}\n" +
			"- {rolearn: 'arn:aws:iam::111122223333:role/named', username: nobody, groups: []}\n",
		awsauth.MapUsers: "- {userarn: 'arn:aws:iam::111122223333:user/barred', username: 'x{{EC2PrivateDNSName}}', groups: []}\n" +
			"- {userarn: 'arn:aws:iam::111122223333:user/nameless', username: '{{SessionName}}', groups: []}\n"}
	a.Put(data)
	for canonical, want := range map[string]bool{"arn:aws:iam::111122223333:role/other": true, "arn:aws:iam::111122223333:user/other": true, "arn:aws:iam::111122223333:root": true,
		"arn:aws:sts::111122223333:federated-user/bob": true, "arn:aws:iam::111122223333:role/barred": false, "arn:aws:iam::111122223333:role/group": false,
		"arn:aws:iam::111122223333:role/named": true, "arn:aws:iam::111122223333:user/barred": false, "arn:aws:iam::111122223333:user/nameless": true} {
		if _, ok := agrees(t, a, data, canonical, caller(canonical, "alice")); ok != want {
			t.Errorf("%s: %v", canonical, ok)
		}
	}
	if _, ok := agrees(t, a, data, "arn:aws:iam::111122223333:role/barred", caller("arn:aws:iam::111122223333:role/barred", draw.Instance)); !ok {
		t.Error("an instance is refused")
	}
}

// noDNSName holds that EKS takes an empty private DNS name from EC2, from the second attempt on, and that this is among what a
// template can become.
func noDNSName(t *testing.T, a *signin.Authenticator) {
	const role, group = "arn:aws:iam::111122223333:role/nodes", "system:masters{{EC2PrivateDNSName}}"
	const instance = "i-99999999999999999"
	a.Instance(instance, "")
	a.Put(mapRoles(t, []entry{{role, "system:node:{{EC2PrivateDNSName}}", []string{group}}}))
	c := awsauth.Caller{Account: draw.Account, Session: instance}
	if is, ok := a.SignIn(signin.Session(role, instance), c); ok {
		t.Errorf("the first attempt gives %q", is)
	}
	is, ok := a.SignIn(signin.Session(role, instance), c)
	if !ok || is.Username != "system:node:" || !slices.Equal(is.Groups, []string{"system:masters"}) {
		t.Errorf("the second attempt gives %q, %v", is, ok)
	}
	of, _ := awsauth.ParseARN(role)
	if !canBe(group, of, "system:masters") {
		t.Errorf("%q is not said to become system:masters", group)
	}
}
