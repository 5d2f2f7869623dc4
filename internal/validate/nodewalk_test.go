package validate_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// world is what IAM and the fleet say at one moment of a walk, by the name of a role in lower case. It is the port to both.
type world struct {
	roles map[string]principal.Principal
	view  *nodes.View
}

func (w *world) Lookup(_ context.Context, _ principal.Asker, arns []awsauth.ARN) []principal.Principal {
	answers := make([]principal.Principal, len(arns))
	for i, a := range arns {
		switch {
		case a.Kind == awsauth.KindUser:
			answers[i] = principal.Principal{Existence: principal.Exists, ARN: a.String()}
		case a.Kind != awsauth.KindRole:
		case a.Account == "444455556666":
			answers[i] = principal.Principal{Existence: principal.Trusted}
		case a.Account != "111122223333":
			answers[i] = principal.Principal{Existence: principal.Foreign}
		default:
			answers[i] = principal.Principal{Existence: principal.Missing}
			if p, ok := w.roles[strings.ToLower(a.Name)]; ok {
				answers[i] = p
				if p.Existence == principal.Exists {
					answers[i].ARN = strings.ToLower(a.String())
				}
			}
		}
	}
	return answers
}

func (w *world) Self() (principal.Self, bool) {
	return principal.Self{ARN: "arn:aws:iam::111122223333:role/guard", Account: "111122223333", Partition: "aws"}, true
}

func (w *world) View() *nodes.View { return w.view }

// walkTrusts are what may become of a role between two edits. That people may assume it is true whether IAM can say so or not.
var walkTrusts = []struct {
	answer principal.Principal
	people bool
}{
	{trusting(principal.Trust{Instances: true}), false},
	{trusting(principal.Trust{Sessions: true}), false},
	{trusting(principal.Trust{Other: "arn:aws:iam::111122223333:user/mallory"}), true},
	{trusting(principal.Trust{Instances: true, Other: "*"}), true},
	{trusting(principal.Trust{Instances: true, Sessions: true, Other: "444455556666"}), true},
	{principal.Principal{Existence: principal.Exists, Trust: principal.Trust{Known: principal.TrustUnreadable}}, true},
	{principal.Principal{Existence: principal.Unverified, Reason: principal.ReasonTimeout, Detail: "AWS did not answer in time"}, true},
	{principal.Principal{Existence: principal.Missing}, false},
}

// walkEntry is an entry as it is written: the model knows what it means from these fields, and reads no YAML.
type walkEntry struct {
	users    bool // in mapUsers
	arn      string
	username string
	groups   []string
	broken   bool // a line that makes EKS drop all of mapRoles, in its place
	keys     int  // how the keys of the username and the groups are written
}

// Ways to write the keys. The long s folds to an s, so the strict reading takes such a key, and takes it for the last; the lenient
// reading takes none but those in small letters.
const (
	plainKeys    = iota
	capitals     // the strict reading alone has it
	behindPlain  // the strict reading has it, the lenient one something harmless
	beforeLong   // the other way round
	walkKeyForms // how many there are
)

func (e walkEntry) text() string {
	if e.broken {
		return "\t- x\n"
	}
	arn := "rolearn"
	if e.users {
		arn = "userarn"
	}
	lines := []string{arn + ": '" + e.arn + "'"}
	write := func(username, groups, name string, in ...string) {
		lines = append(lines, username+": '"+name+"'", groups+": ['"+strings.Join(in, "', '")+"']")
	}
	switch e.keys {
	case plainKeys:
		write("username", "groups", e.username, e.groups...)
	case capitals:
		write("USERNAME", "GROUPS", e.username, e.groups...)
	case behindPlain:
		write("username", "groups", "harmless", "viewers")
		write("uſername", "groupſ", e.username, e.groups...)
	case beforeLong:
		write("username", "groups", e.username, e.groups...)
		write("uſername", "groupſ", "harmless", "viewers")
	}
	return "- " + strings.Join(lines, "\n  ") + "\n"
}

// nodePower is what a node identity is good for, in the model's own terms.
type nodePower struct{ name, anyName, nodes, boot bool }

// power is what a session of the role can become by the entry: nothing that is written is lost by rendering it.
func (e walkEntry) power() nodePower {
	render := strings.NewReplacer("{{AccountID}}", "111122223333").Replace
	username := render(e.username)
	if strings.Contains(username, "{{EC2PrivateDNSName}}") && !strings.Contains(e.arn, ":role/") {
		return nodePower{} // no instance is a user, so EKS cannot render it
	}
	var p nodePower // no node is called like somebody's access key, or like half a template
	p.anyName = username == bySession || username == byRaw || strings.HasPrefix(username, "system:node:") && !strings.Contains(username, "{{")
	p.name = p.anyName || username == onEC2
	for _, g := range e.groups {
		p.nodes = p.nodes || render(g) == "system:nodes"
		p.boot = p.boot || render(g) == "system:bootstrappers"
	}
	return p
}

// within reports that p gives no more than o.
func (p nodePower) within(o nodePower) bool {
	return (!p.name || o.name) && (!p.anyName || o.anyName) && (!p.nodes || o.nodes) && (!p.boot || o.boot || o.nodes)
}

// walk is aws-auth as a list of entries.
type walk []walkEntry

func (w walk) object() *corev1.ConfigMap {
	data := map[string]string{awsauth.MapRoles: "", awsauth.MapUsers: ""}
	for _, e := range w {
		key := awsauth.MapRoles
		if e.users && !e.broken {
			key = awsauth.MapUsers
		}
		data[key] += e.text()
	}
	maps.DeleteFunc(data, func(_, v string) bool { return v == "" })
	c := &corev1.ConfigMap{Data: data}
	c.Name, c.Namespace = "aws-auth", "kube-system"
	return c
}

// powers are what each principal can become, under the ARN that EKS compares, in either reading: now, and once EKS can read all of it.
// Behind a broken line the other reading of an entry may not be seen: then it does not count, but for what was there at the beginning.
func (w walk) powers(beginning bool) map[string][]nodePower {
	all := map[string][]nodePower{}
	now := w
	if slices.ContainsFunc(w, func(e walkEntry) bool { return e.broken }) {
		now = slices.DeleteFunc(slices.Clone(w), func(e walkEntry) bool { return !e.users || e.broken })
	}
	broken := len(now) < len(w)
	whole := slices.DeleteFunc(slices.Clone(w), func(e walkEntry) bool {
		return e.broken || broken && !beginning && !e.users && e.keys == beforeLong
	})
	for _, entries := range []walk{now, whole} {
		wins := map[string]walkEntry{} // mapRoles stores an entry under its ARN in lower case and mapUsers as it is, and the last one stays
		inRoles := map[string]bool{}   // EKS looks there first
		for _, e := range entries {
			if arn := strings.ToLower(e.arn); !e.users {
				inRoles[arn], wins[arn] = true, e
			} else {
				wins["users "+e.arn] = e
			}
		}
		for _, e := range wins {
			arn := strings.ToLower(e.arn)
			if p := e.power(); p != (nodePower{}) && (!e.users || !inRoles[arn]) {
				all[arn] = append(all[arn], p)
			}
		}
	}
	return all
}

const (
	listedRole = "arn:aws:iam::111122223333:role/listed"
	walkPolicy = "nodes: {roles: ['" + listedRole + "'], onUnknown: warn}\naccounts: [{id: '444455556666', trust: unchecked}]\n"
)

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func walkARN(r *rand.Rand) string {
	name := pick(r, "a", "b", "c", "listed", "AWSReservedSSO_Dev_0123456789abcdef")
	switch r.IntN(12) {
	case 0:
		name = strings.ToUpper(name)
	case 1:
		return "arn:aws:iam::444455556666:role/" + name
	case 2:
		return "arn:aws:iam::777788889999:role/" + name
	case 3:
		return "arn:aws:iam::111122223333:user/" + name
	case 4:
		name = "path/" + name
	case 5:
		return pick(r, "arn:aws:iam::111122223333:root", "arn:aws:sts::111122223333:federated-user/"+name, "arn:aws:sts::111122223333:assumed-role/"+name+"/s")
	}
	return "arn:aws:iam::111122223333:role/" + name
}

func walkUsername(r *rand.Rand) string {
	return pick(r, onEC2, onEC2, bySession, bySession, byRaw, "x", "{{SessionName}}", "system:node:{{AccountID}}", "system:node:ip-10-0-0-1", "system:node:{{AccessKeyID}}",
		"system:node:", "system:{{SessionName}}", "system:no{{SessionName}}", "system:node:{{Se{{SessionName}}ionName}}", "{{SessionName}}system:node:x")
}

func walkGroups(r *rand.Rand) []string {
	var groups []string
	for _, g := range []string{"system:bootstrappers", "system:nodes"} {
		if r.IntN(4) > 0 {
			groups = append(groups, g)
		}
	}
	if r.IntN(4) == 0 {
		groups = append(groups, pick(r, "viewers", "eks:kube-proxy-windows", "system:node-proxier", "system:{{SessionName}}", "{{AccountID}}", "system:nodes{{AccountID}}", "system:nodes"))
	}
	r.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	return groups
}

func walkNew(r *rand.Rand) walkEntry {
	e := walkEntry{users: r.IntN(8) == 0, arn: walkARN(r), username: walkUsername(r), groups: walkGroups(r)}
	if r.IntN(3) == 0 { // somebody's ordinary entry
		e.username, e.groups = pick(r, "x", "y"), []string{"viewers"}
	}
	if r.IntN(8) == 0 {
		e.keys = r.IntN(walkKeyForms)
	}
	return e
}

// step makes one edit, of one to three entries.
func (w walk) step(r *rand.Rand) walk {
	w = slices.Clone(w)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(w))
		switch e := w[i]; r.IntN(9) {
		case 0, 1:
			w = slices.Insert(w, i+1, walkNew(r))
		case 2:
			if i > 0 { // the cluster's own nodes stay
				w = slices.Delete(w, i, i+1)
			}
		case 3:
			e.arn = walkARN(r)
			e.broken = false
			w = append(w, e) // the same rights for somebody else
		case 4:
			if i > 0 {
				w[i].arn = walkARN(r)
			}
		case 5:
			if i > 0 {
				w[i].username = walkUsername(r)
			}
		case 6:
			if i > 0 {
				w[i].groups = walkGroups(r)
			}
		case 7:
			if i > 0 {
				w[i].users, w[i].keys = r.IntN(4) == 0, r.IntN(walkKeyForms)
			}
		case 8:
			if i > 0 {
				e.username, e.groups, e.users, e.broken = walkUsername(r), walkGroups(r), r.IntN(4) == 0, false
				w = append(w, e) // twice, and with other rights
			}
		}
	}
	return w
}

// change is what happens to IAM and the fleet between two edits.
func (w *world) change(r *rand.Rand, people map[string]bool) {
	for _, name := range []string{"a", "b", "c", "awsreservedsso_dev_0123456789abcdef"} {
		if r.IntN(3) == 0 || w.roles[name].Existence == principal.NotAsked {
			t := pick(r, walkTrusts...)
			w.roles[name], people[name] = t.answer, t.people
		}
	}
	w.view = nil
	if r.IntN(3) == 0 {
		return
	}
	w.view = view()
	for _, name := range []string{"a", "b"} {
		switch r.IntN(6) {
		case 0: // somebody who may start and tag an instance with the role can do that
			with(name, pick(r, startingSet, byIDJoining))(w.view)
		case 1: // an access entry is created by somebody who may do as much without aws-auth
			if !people[name] {
				accessEntry(name, pick(r, "EC2_LINUX", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX", "STANDARD"))(w.view)
			}
		}
	}
	if r.IntN(6) == 0 {
		pick(r, firstSync, staleNodes, accessUnknown, noAccessYet)(w.view)
	}
}

var byIDJoining = nodes.Set{Kind: nodes.EC2, ByInstanceID: true, Names: []string{"i-3"}, Joining: 1}

// No sequence of edits that are allowed makes nodes of those who were none: of a role that people may assume, of a user, or of
// another account's role.
func TestWalksToNodeIdentity(t *testing.T) {
	walks := 1500
	if testing.Short() {
		walks = 100
	}
	allowed, grew, denied := 0, 0, 0
	for seed := range walks {
		r := rand.New(rand.NewPCG(uint64(seed), 408))
		w := &world{roles: map[string]principal.Principal{"nodes": trusting(principal.Trust{Instances: true}), "listed": trusting(principal.Trust{Other: "*"})}}
		people := map[string]bool{}
		v := validator(t, walkPolicy, validate.WithPorts(validate.Ports{Principals: w, Fleet: w}))
		is := walk{{arn: roleKey("nodes"), username: onEC2, groups: []string{"system:bootstrappers", "system:nodes"}}}
		if r.IntN(2) == 0 { // something is there already, whatever it is
			is = append(is, walkNew(r), walkNew(r))
			if r.IntN(3) == 0 {
				is = append(is, walkEntry{broken: true})
			}
		}
		beginning := map[string][]nodePower{}
		if slices.ContainsFunc(is, func(e walkEntry) bool { return e.broken }) {
			beginning = is.powers(true)
		}
		var history []string
		for range 10 {
			w.change(r, people)
			next := is.step(r)
			rep := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: is.object(), New: next.object(),
				User: authenticationv1.UserInfo{Username: "mallory"}})
			if !rep.Allowed {
				denied++
				continue
			}
			allowed++
			had := is.powers(false)
			for arn, powers := range next.powers(false) {
				for _, p := range powers {
					if slices.ContainsFunc(slices.Concat(had[arn], beginning[arn]), p.within) {
						continue
					}
					grew++
					if who := whoseNode(arn, people); who != "" {
						t.Fatalf("seed %d: %s, %s, becomes a node: %+v\nbefore:\n%v\nafter:\n%v\nIAM: %+v\nnodes: %+v\nfound: %s\n%s", seed, arn, who, p,
							is.object().Data, next.object().Data, w.roles, w.view, findingsOf(rep), strings.Join(history, "\n"))
					}
				}
			}
			history = append(history, fmt.Sprintf("%v", next.object().Data))
			is = next
		}
	}
	if grew < walks/20 || allowed < walks || denied < walks {
		t.Errorf("%d edits allowed, %d denied, %d new nodes among them: the walks lead nowhere", allowed, denied, grew)
	}
	t.Logf("%d edits allowed, %d denied, %d new nodes among them", allowed, denied, grew)
}

// whoseNode says who else than nodes has a principal, or "". An ARN that EKS compares with nobody's is nobody.
func whoseNode(arn string, people map[string]bool) string {
	name, ok := strings.CutPrefix(arn, "arn:aws:iam::111122223333:role/")
	switch {
	case arn == listedRole, strings.Contains(name, "/"):
	case ok && strings.HasPrefix(name, "awsreservedsso_"):
		return "which people assume"
	case ok && people[name]:
		return "which people may assume"
	case strings.HasPrefix(arn, "arn:aws:iam::444455556666:role/"):
		return "which another account gives away"
	case ok, strings.HasPrefix(arn, "arn:aws:sts::111122223333:assumed-role/"):
	default:
		return "which is no role of the account"
	}
	return ""
}

// named is an entry for another role than x.
func named(name, entry string) string { return strings.ReplaceAll(entry, "role/x", "role/"+name) }

// What clusters go through in their lives, with what IAM and the fleet know at each step: nothing of it is denied, nor warned about.
func TestLegitimateNodeSequences(t *testing.T) {
	ec2, sessions := trusting(principal.Trust{Instances: true}), trusting(principal.Trust{Sessions: true})
	unreadable := principal.Principal{Existence: principal.Exists, Trust: principal.Trust{Known: principal.TrustUnreadable}}
	type seen = map[string]principal.Principal
	steps := func(texts ...string) []string { return texts }
	for name, test := range map[string]struct {
		roles seen
		view  *nodes.View
		texts []string
	}{
		"a managed node group, before its first node": {
			roles: seen{"x": ec2},
			texts: steps(nodeRole, nodeRole+asEC2),
		},
		"Karpenter": {
			roles: seen{"x": ec2},
			view:  view(),
			texts: steps(nodeRole, nodeRole+asEC2, asEC2+nodeRole),
		},
		"Fargate": {
			roles: seen{"x": sessions},
			view:  view(),
			texts: steps(nodeRole, nodeRole+asFargate),
		},
		"hybrid nodes by SSM": {
			roles: seen{"x": sessions},
			view:  view(hybridNode),
			texts: steps(nodeRole, nodeRole+asSession),
		},
		"Windows": {
			roles: seen{"windows": ec2},
			view:  view(),
			texts: steps(nodeRole, nodeRole+windowsNodes),
		},
		"the first nodes while IAM is out": {
			roles: seen{"x": unreadable},
			view:  view(with("x", someNodes)),
			texts: steps(nodeRole, nodeRole+asEC2),
		},
		"a rotation in two edits": {
			roles: seen{"x": ec2, "y": ec2},
			view:  view(with("nodes"), with("x", someNodes)),
			texts: steps(nodeRole, nodeRole+asEC2, asEC2, asEC2+named("y", asEC2)),
		},
		"restored after an outage": {
			roles: seen{"nodes": ec2, "x": ec2},
			view:  view(with("nodes", lostSet)),
			texts: steps(item(), nodeRole+item(), nodeRole+asEC2+item()),
		},
		"the whole map again, in another form": {
			roles: seen{"x": ec2},
			view:  view(),
			texts: steps(
				nodeRole+asEC2+item(),
				item()+asEC2+nodeRole,
				strings.ReplaceAll(item()+asEC2+nodeRole, "system:nodes", `"system:nodes"`),
				"- {rolearn: "+roleKey("x")+", username: 'system:node:{{EC2PrivateDNSName}}', "+
					"groups: [system:nodes, system:bootstrappers]}\n"+item()+nodeRole,
			),
		},
		"a role that the policy lists": {
			roles: seen{"listed": trusting(principal.Trust{Other: "*"})},
			texts: steps(nodeRole, nodeRole+named("listed", asSession)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.roles["ci"] = trusting(principal.Trust{Other: "*"})
			w := &world{roles: test.roles, view: test.view}
			ports := validate.Ports{Principals: w}
			if test.view != nil {
				ports.Fleet = w
			}
			for i := range test.texts[1:] {
				update(test.texts[i], test.texts[i+1], clean, "", "").with(walkPolicy).by(authenticationv1.UserInfo{Username: "terraform"}).check(t, validate.WithPorts(ports))
			}
		})
	}
}

// A node role that is renamed by deleting it first has no nodes that an edit could cut off; while it exists, it may have.
func TestRenamedNodeRole(t *testing.T) {
	ec2 := trusting(principal.Trust{Instances: true})
	unsure := principal.Principal{Existence: principal.Unverified, Reason: principal.ReasonTimeout, Detail: "AWS did not answer in time"}
	for name, test := range map[string]struct {
		was  principal.Principal
		view *nodes.View
		new  string
		want string
	}{
		"deleted":                            {principal.Principal{Existence: principal.Missing}, nil, asEC2, warn},
		"deleted, and the nodes not known":   {principal.Principal{Existence: principal.Missing}, view(with("nodes"), staleNodes), asEC2, warn},
		"deleted, but no other is mapped":    {principal.Principal{Existence: principal.Missing}, nil, item(), deny},
		"still there":                        {ec2, nil, asEC2, deny},
		"IAM does not answer":                {unsure, nil, asEC2, deny},
		"its nodes run, and are known":       {principal.Principal{Existence: principal.Missing}, view(), asEC2, deny},
		"a guard that has just been started": {principal.Principal{Existence: principal.Missing}, view(firstSync), asEC2, deny},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{roles: map[string]principal.Principal{"nodes": test.was, "x": ec2, "ci": trusting(principal.Trust{Other: "*"})}, view: test.view}
			ports := validate.Ports{Principals: w}
			if test.view != nil {
				ports.Fleet = w
			}
			update(nodeRole, test.new, test.want, "AA503", "").check(t, validate.WithPorts(ports))
		})
	}
}

// An entry of mapUsers that one of mapRoles wins against has effect while EKS cannot read mapRoles.
func TestNodeIdentityBehindBrokenRoles(t *testing.T) {
	inUsers := func(entry string) string { return strings.ReplaceAll(entry, "rolearn", "userarn") }
	broken := nodeRole + asPerson + "\t- y\n"
	object := func(roles, users string) map[string]string {
		return map[string]string{awsauth.MapRoles: roles, awsauth.MapUsers: inUsers(users)}
	}
	for name, test := range map[string]struct {
		old, new map[string]string
		want     string
	}{
		"it becomes a node's":            {object(broken, asPerson), object(broken, asSession), deny},
		"it is one already":              {object(broken, asSession), object(broken, asSession+inUsers(named("y", asPerson))), warn},
		"mapRoles is repaired meanwhile": {object(broken, asSession), object(nodeRole+asPerson, asSession), warn},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{roles: map[string]principal.Principal{"x": trusting(principal.Trust{Other: "*"}), "y": trusting(principal.Trust{Other: "*"})}, view: view(with("nodes", lostSet))}
			transition{old: test.old, new: test.new, want: test.want, user: authenticationv1.UserInfo{Username: "mallory"}}.check(t, validate.WithPorts(validate.Ports{Principals: w, Fleet: w}))
		})
	}
}

// Whose account is taken on trust decides who may assume its roles, and no node of the cluster has one of these.
func TestNodeRoleOfAnotherAccount(t *testing.T) {
	theirs := strings.ReplaceAll(asSession, "111122223333", "444455556666")
	const trusted = "accounts: [{id: '444455556666', trust: unchecked}]\n"
	ports := validate.WithPorts(validate.Ports{Principals: &world{}})
	mallory := authenticationv1.UserInfo{Username: "mallory"}
	update(nodeRole, nodeRole+theirs, deny, "AA408", "the administrators of its account").with(trusted).by(mallory).check(t, ports)
	update(nodeRole+theirs, nodeRole+theirs+"# again\n", clean, "", "").with(trusted).by(mallory).check(t, ports)
	update(nodeRole, nodeRole+theirs, clean, "", "").with(trusted+"nodes: {roles: ['arn:aws:iam::444455556666:role/x']}").by(mallory).check(t, ports)
}
