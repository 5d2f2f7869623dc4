package fleet_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The random worlds. Everything here is a model of its own: it shares nothing with what it tests but the facts that go in.

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func fresh() nodes.Knowledge {
	return nodes.Knowledge{At: noon.Add(-time.Minute), Expires: noon.Add(time.Minute)}
}

// machine is a node as it really is, with the role that it really has.
type machine struct {
	name, session string
	kind          string // linux, windows, fargate, hybrid, hyperpod, other
	roles         []string
	onEC2         bool
	ready         bool
}

// accessEntry is an access entry, and what there is to know of its age and its role's.
type accessEntry struct {
	kind      string
	recreated bool // the role was deleted and created again since
	dated     bool // both dates are known
}

// line is one entry of aws-auth.
type line struct {
	role, username string
	groups         []string
}

var wellFormed = []line{
	{username: "system:node:{{EC2PrivateDNSName}}", groups: []string{"system:bootstrappers", "system:nodes"}},
	{username: "system:node:{{EC2PrivateDNSName}}", groups: []string{"system:bootstrappers", "system:nodes", "eks:kube-proxy-windows"}},
	{username: "system:node:{{SessionName}}", groups: []string{"system:bootstrappers", "system:nodes", "system:node-proxier"}},
	{username: "system:node:{{SessionName}}", groups: []string{"system:bootstrappers", "system:nodes"}},
	{username: "ci", groups: []string{"deployers"}},
}

// extraGroups are groups that a node does not need, as templates. EKS renders each of them, or refuses the caller.
var extraGroups = []string{"team", "'x{{EC2PrivateDNSName}}'", "'{{SessionName}}'", "'x{{SessionNameRaw}}'", "'x{{AccessKeyID}}{{AccountID}}'", "'{{EC2PrivateDNSName}}:{{SessionName}}'",
	"'{{Unknown}}'", "'{{EC2PrivateDNS}}'", "'x{{{EC2PrivateDNSName}}}'"}

type world struct {
	mode     nodes.Mode
	machines []machine
	entries  map[string]accessEntry // by the role's name
	old, new []line
	facts    fleet.Facts
}

const account = "111122223333"

func roleARN(name string) string { return "arn:aws:iam::" + account + ":role/" + name }

var roleNames = []string{"blue", "green", "red", "grey", "white"}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

func newWorld(r *rand.Rand) *world {
	w := &world{mode: pick(r, []nodes.Mode{nodes.ConfigMapMode, nodes.BothModes, nodes.BothModes}), entries: map[string]accessEntry{}}
	w.facts = fleet.Facts{Cluster: "demo", Region: "us-west-2", Now: noon, Nodes: map[string]fleet.Node{}, Instances: map[string]fleet.Instance{}, Starting: map[string]fleet.Instance{},
		Profiles: map[string]string{}, Mode: w.mode, NodesKnown: fresh(), AccessKnown: fresh()}
	for _, name := range roleNames {
		path := pick(r, []string{"", "team/", "a/b/"})
		w.facts.Profiles["arn:aws:iam::"+account+":instance-profile/"+name] = "arn:aws:iam::" + account + ":role/" + path + strings.ToUpper(name[:1]) + name[1:]
	}
	if w.mode == nodes.BothModes {
		for range r.IntN(3) {
			name := pick(r, roleNames)
			w.entries[name] = accessEntry{pick(r, []string{"EC2_LINUX", "EC2_WINDOWS", "EC2", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX", "STANDARD", "MARS_LINUX"}), r.IntN(3) == 0, r.IntN(4) != 0}
		}
		w.facts.PrincipalCreated = map[string]time.Time{}
		for _, name := range slices.Sorted(maps.Keys(w.entries)) {
			e := w.entries[name]
			entry := nodes.AccessEntry{ARN: "arn:aws:iam::" + account + ":role/some/path/" + name, Type: e.kind}
			roleAt := noon.Add(-time.Duration(r.IntN(1000)) * time.Hour)
			at := roleAt.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
			if e.recreated {
				at = roleAt.Add(-pick(r, []time.Duration{time.Millisecond, time.Second, 1000 * time.Hour}))
			}
			which := 3
			if !e.dated {
				which = r.IntN(3) // one of the dates is not known, or neither
			}
			if which&1 != 0 {
				entry.Created = at
			}
			if which&2 != 0 {
				w.facts.PrincipalCreated["arn:aws:iam::"+account+":role/"+name] = roleAt
			}
			w.facts.Entries = append(w.facts.Entries, entry)
		}
	}
	var fargate []string
	for range r.IntN(3) {
		fargate = append(fargate, pick(r, roleNames))
		w.facts.FargateRoles = append(w.facts.FargateRoles, roleARN(fargate[len(fargate)-1]))
	}
	for i := range r.IntN(8) {
		w.addMachine(r, i, fargate)
	}
	for range r.IntN(5) {
		w.old = append(w.old, w.anyLine(r))
	}
	w.new = slices.Clone(w.old)
	for range 1 + r.IntN(2) {
		w.change(r)
	}
	keep := line{role: "viewer", username: "viewer", groups: []string{"viewers"}} // so that it is never empty
	w.old, w.new = append(distinct(w.old), keep), append(distinct(w.new), keep)
	for i, l := range w.old { // as some guides have it; only what existed so before may stay so
		if slices.Contains(l.groups, "system:nodes") && r.IntN(4) == 0 {
			w.old[i].groups = l.groups[1:]
			if at := slices.IndexFunc(w.new, func(o line) bool { return reflect.DeepEqual(o, l) }); at >= 0 {
				w.new[at].groups = l.groups[1:]
			}
		}
	}
	return w
}

// distinct drops all but the last entry of a role: two are another rule's business.
func distinct(lines []line) []line {
	var kept []line
	for i, l := range lines {
		if !slices.ContainsFunc(lines[i+1:], func(o line) bool { return strings.EqualFold(o.role, l.role) }) {
			kept = append(kept, l)
		}
	}
	return kept
}

func (w *world) anyLine(r *rand.Rand) line {
	l := pick(r, wellFormed)
	l.role = pick(r, roleNames)
	if r.IntN(4) == 0 {
		l.role = strings.ToUpper(l.role)
	}
	if r.IntN(3) == 0 {
		l.groups = append(slices.Clone(l.groups), pick(r, extraGroups))
	}
	return l
}

func (w *world) change(r *rand.Rand) {
	switch n := len(w.new); {
	case n == 0 || r.IntN(4) == 0:
		w.new = append(w.new, w.anyLine(r))
	case r.IntN(4) == 0: // one more group
		i := r.IntN(n)
		w.new = slices.Clone(w.new)
		w.new[i].groups = append(slices.Clone(w.new[i].groups), pick(r, extraGroups))
	case r.IntN(2) == 0:
		i := r.IntN(n)
		w.new = slices.Delete(slices.Clone(w.new), i, i+1)
	default:
		w.new = slices.Clone(w.new)
		w.new[r.IntN(n)] = w.anyLine(r)
	}
}

func (w *world) addMachine(r *rand.Rand, i int, fargate []string) {
	id := fmt.Sprintf("i-%017x", i+1)
	zone := "aws:///us-west-2a/"
	role := pick(r, roleNames)
	instance := fleet.Instance{Profile: "arn:aws:iam::" + account + ":instance-profile/" + role, Launched: noon.Add(-time.Duration(r.IntN(100)) * time.Hour)}
	if r.IntN(5) != 0 { // some are not tagged
		instance.Cluster, instance.Clusters = "demo", []string{"demo"}
	}
	ready := r.IntN(3) != 0
	switch r.IntN(8) {
	case 0, 1: // EC2
		m := machine{name: fmt.Sprintf("ip-10-0-0-%d.us-west-2.compute.internal", i), session: id, kind: "linux", roles: []string{role}, onEC2: true, ready: ready}
		instance.DNSName = m.name
		if r.IntN(3) == 0 {
			m.name = id
		}
		w.facts.Nodes[m.name] = fleet.Node{Name: m.name, ProviderID: zone + id, Ready: ready}
		w.facts.Instances[id] = instance
		w.machines = append(w.machines, m)
	case 2:
		m := machine{name: fmt.Sprintf("ip-10-0-1-%d.us-west-2.compute.internal", i), session: id, kind: "windows", roles: []string{role}, onEC2: true, ready: ready}
		w.facts.Nodes[m.name] = fleet.Node{Name: m.name, ProviderID: zone + id, Windows: true, Ready: ready}
		instance.Windows, instance.DNSName = true, m.name
		w.facts.Instances[id] = instance
		w.machines = append(w.machines, m)
	case 3:
		if len(fargate) == 0 {
			return
		}
		m := machine{name: fmt.Sprintf("fargate-ip-10-0-2-%d.us-west-2.compute.internal", i), kind: "fargate", roles: fargate, ready: ready}
		m.session = m.name
		w.facts.Nodes[m.name] = fleet.Node{Name: m.name, ProviderID: zone + "1234567890-abcdef/" + m.name, Ready: ready}
		w.machines = append(w.machines, m)
	case 4:
		m := machine{name: fmt.Sprintf("mi-%017x", i+1), kind: "hybrid"}
		m.session = m.name
		w.facts.Nodes[m.name] = fleet.Node{Name: m.name, ProviderID: "eks-hybrid:///us-west-2/demo/" + m.name, Ready: true}
		w.machines = append(w.machines, m)
	case 6:
		m := machine{name: "hyperpod-" + id, session: id, kind: "hyperpod"}
		w.facts.Nodes[m.name] = fleet.Node{Name: m.name, ProviderID: "aws:///usw2-az2/sagemaker/cluster/hyperpod-abcd1234-" + id, Ready: ready}
		w.machines = append(w.machines, m)
	case 7:
		m := machine{name: fmt.Sprintf("other-%d", i), kind: "other"}
		m.session = m.name
		w.facts.Nodes[m.name] = fleet.Node{Name: m.name, ProviderID: pick(r, []string{"kwok://" + m.name, "gce://project/zone/" + m.name, "aws:///us-west-2a/" + m.name, "i-0123456789abcdef0"}), Ready: ready}
		w.machines = append(w.machines, m)
	case 5: // terminated: the Node object will go as well
		name := fmt.Sprintf("ip-10-0-3-%d.us-west-2.compute.internal", i)
		instance.Gone = true
		w.facts.Nodes[name] = fleet.Node{Name: name, ProviderID: zone + id}
		w.facts.Instances[id] = instance
	}
}

// decides asks: does EKS look at the role's access entry, for all that the dates and the nodes that are ready show?
func (w *world) decides(role string) bool {
	e, ok := w.entries[role]
	if !ok || e.dated && e.recreated {
		return false
	}
	for _, m := range w.machines {
		if m.ready && slices.Contains(m.roles, role) && !slices.ContainsFunc(m.roles, func(o string) bool { return o != role }) && !joins(m, e.kind) {
			return false
		}
	}
	return true
}

// joins asks: can this machine be a node by an access entry of that type? EKS does not say which usernames the types for EC2 give.
func joins(m machine, kind string) bool {
	switch kind {
	case "STANDARD":
		return false
	case "EC2_LINUX", "EC2_WINDOWS", "EC2":
		return m.onEC2
	case "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX":
		return "system:node:"+m.session == "system:node:"+m.name
	}
	return true
}

// authenticates asks: could this machine sign in with that role, by these entries?
func (w *world) authenticates(m machine, role string, lines []line) bool {
	if w.decides(role) {
		return false // an access entry decides, and aws-auth neither helps nor hurts
	}
	for _, l := range lines {
		if !strings.EqualFold(roleARN(l.role), roleARN(role)) {
			continue
		}
		asks := func(s string) bool { return strings.Contains(s, "{{EC2PrivateDNSName}}") }
		if slices.ContainsFunc(l.groups, asks) && !m.onEC2 {
			return false // one group that cannot be rendered is enough
		}
		name := strings.NewReplacer("{{SessionName}}", m.session, "{{SessionNameRaw}}", m.session).Replace(l.username)
		if strings.Contains(name, "{{EC2PrivateDNSName}}") {
			if !m.onEC2 {
				return false
			}
			dns := m.name
			if m.name == m.session {
				dns = "ip-10-9-9-9.us-west-2.compute.internal"
			}
			name = strings.ReplaceAll(name, "{{EC2PrivateDNSName}}", dns)
		}
		wanted := map[string][]string{"windows": {"eks:kube-proxy-windows"}, "fargate": {"system:node-proxier"}}[m.kind]
		for _, g := range append([]string{"system:nodes"}, wanted...) {
			if !slices.Contains(l.groups, g) {
				return false
			}
		}
		return name == "system:node:"+m.name
	}
	return false
}

// lost are the machines that could authenticate before the edit and cannot after it.
func (w *world) lost() (lost, perhaps []string) {
	for _, m := range w.machines {
		if m.kind == "hyperpod" {
			continue // aws-auth is nothing to it
		}
		if m.kind == "hybrid" || m.kind == "other" { // nobody knows its role: any that allows it may be it
			could, went, can := false, false, m.kind == "other" // which may not authenticate by IAM at all
			for _, role := range roleNames {
				if slices.ContainsFunc(w.machines, func(o machine) bool { return slices.Contains(o.roles, role) }) {
					continue // a role of nodes in AWS
				}
				before, after := w.authenticates(m, role, w.old), w.authenticates(m, role, w.new)
				could, went, can = could || before, went || before && !after, can || after
			}
			for role, e := range w.entries {
				can = can || e.kind == "HYBRID_LINUX" && w.decides(role)
			}
			switch {
			case went && !can:
				lost = append(lost, m.name)
			case went:
				perhaps = append(perhaps, m.name)
			}
			continue
		}
		for _, role := range m.roles {
			if w.authenticates(m, role, w.old) && !w.authenticates(m, role, w.new) {
				lost = append(lost, m.name)
			}
		}
	}
	slices.Sort(lost)
	return slices.Compact(lost), perhaps
}

// useless are the machines whose role has an entry that lets none of the machines with that role in, and that is new: the
// edit does what nobody can have meant.
func (w *world) useless() []string {
	var names []string
	for _, role := range roleNames {
		if w.decides(role) {
			continue
		}
		has := func(lines []line) bool {
			return slices.ContainsFunc(lines, func(l line) bool { return strings.EqualFold(l.role, role) })
		}
		var out []string
		served, before := false, false
		for _, m := range w.machines {
			if !slices.Contains(m.roles, role) {
				continue
			}
			if w.authenticates(m, role, w.new) {
				served = true
			} else {
				out = append(out, m.name)
			}
			before = before || has(w.old) && !w.authenticates(m, role, w.old)
		}
		if has(w.new) && !served && !before {
			names = append(names, out...)
		}
	}
	return names
}

func configMap(lines []line) *corev1.ConfigMap {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "- rolearn: %s\n  username: %q\n  groups: [%s]\n", roleARN(l.role), l.username, strings.Join(l.groups, ", "))
	}
	return &corev1.ConfigMap{Data: map[string]string{"mapRoles": b.String()}}
}

type port struct{ view *nodes.View }

func (p port) View() *nodes.View { return p.view }

// judge has an edit judged; without a view, by a guard that does not look at nodes.
func judge(t testing.TB, view *nodes.View, old, updated []line) validate.Report {
	t.Helper()
	var ports validate.Ports
	if view != nil {
		ports.Fleet = port{view}
	}
	v, err := validate.New(policy.Default(), validate.WithPorts(ports), validate.WithClock(func() time.Time { return noon }))
	if err != nil {
		t.Fatal(err)
	}
	return v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: configMap(old), New: configMap(updated)})
}

// ofNodes are the findings about nodes that the edit brought.
func ofNodes(r validate.Report) (denied bool, cut []string, warned bool) {
	for _, f := range r.Findings {
		if f.Preexisting || f.Rule != "AA502" && f.Rule != "AA503" && f.Rule != "AA505" {
			continue
		}
		if f.Severity == validate.Error {
			denied = true
			for _, s := range f.Nodes {
				cut = append(cut, s.Names...)
			}
		} else {
			warned = true
		}
	}
	slices.Sort(cut)
	return denied, slices.Compact(cut), warned
}

// worlds is how many there are.
func worlds() int {
	if testing.Short() {
		return 400 // the race detector needs no more
	}
	return 4_000
}

func describe(t *testing.T, w *world, r validate.Report) {
	t.Helper()
	t.Logf("mode %s, access entries %v, Fargate roles %v", w.mode, w.entries, w.facts.FargateRoles)
	for _, m := range w.machines {
		t.Logf("machine %+v", m)
	}
	t.Logf("old:\n%s\nnew:\n%s", configMap(w.old).Data["mapRoles"], configMap(w.new).Data["mapRoles"])
	for _, f := range r.Findings {
		t.Logf("%s %s", f.Severity, f.Sentence())
	}
}

// TestWorlds holds the verdict against brute force: an edit is refused if, and only if, it costs a machine its way in (or
// maps a role in a way that is of no use to any machine with it), and all of those machines are named.
func TestWorlds(t *testing.T) {
	t.Parallel()
	refused, let := 0, 0
	for seed := range uint64(worlds()) {
		w := newWorld(rand.New(rand.NewPCG(seed, 6)))
		report := judge(t, w.facts.View(), w.old, w.new)
		denied, cut, warned := ofNodes(report)
		lost, perhaps := w.lost()
		want := append(slices.Clone(lost), w.useless()...)
		slices.Sort(want)
		want = slices.Compact(want)
		switch {
		case denied != (len(want) > 0) || !slices.Equal(cut, want):
			t.Errorf("world %d: refused %v for %q, want it refused for %q", seed, denied, cut, want)
		case !slices.Equal(report.Lost, slices.DeleteFunc(slices.Clone(lost), func(name string) bool { return strings.HasPrefix(name, "mi-") })):
			t.Errorf("world %d: the report says that %q are lost, want %q but for hybrid nodes", seed, report.Lost, lost)
		case len(perhaps) > 0 && !denied && !warned:
			t.Errorf("world %d: not a word about %q", seed, perhaps)
		}
		if t.Failed() {
			describe(t, w, report)
			return
		}
		if denied {
			refused++
		} else {
			let++
		}
	}
	t.Logf("%d edits denied, %d allowed", refused, let)
	if min(refused, let) < worlds()/20 {
		t.Errorf("%d of %d refused: the worlds test nothing", refused, worlds())
	}
}

// TestWorldsHalfKnown takes knowledge away: a verdict may then be milder than with it, but never milder than that of a
// guard which knows nothing of nodes where the last node mapping goes.
func TestWorldsHalfKnown(t *testing.T) {
	t.Parallel()
	none := func(*fleet.Facts) {}
	takeAway := map[string]func(*fleet.Facts){
		"nothing yet":          func(f *fleet.Facts) { *f = fleet.Facts{} },
		"stale nodes":          func(f *fleet.Facts) { f.NodesKnown.Expires = noon.Add(-time.Second); f.Entries = nil },
		"first sync half done": func(f *fleet.Facts) { f.NodesKnown = nodes.Knowledge{}; f.Instances, f.Entries = nil, nil },
		"no AWS access": func(f *fleet.Facts) {
			*f = fleet.Facts{Nodes: f.Nodes, NodesKnown: nodes.Knowledge{Problem: "denied"}}
		},
		"no access entries": func(f *fleet.Facts) {
			f.AccessKnown = nodes.Knowledge{Problem: "denied"}
			f.Entries = nil
			f.Mode = ""
		},
		"stale access entries":  func(f *fleet.Facts) { f.AccessKnown.Expires = noon.Add(-time.Second) },
		"stale, both":           func(f *fleet.Facts) { f.NodesKnown.Expires, f.AccessKnown.Expires = noon, noon },
		"all known, to compare": none,
	}
	for name, take := range takeAway {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(worlds() / 10) {
				w := newWorld(rand.New(rand.NewPCG(seed, 7)))
				blind := judge(t, nil, w.old, w.new)
				take(&w.facts)
				view := w.facts.View()
				report := judge(t, view, w.old, w.new)
				denied, _, _ := ofNodes(report)
				blindly, _, warned := ofNodes(blind)
				starting := name == "nothing yet" || name == "first sync half done"
				switch {
				case starting && (blindly || warned) && !denied && slices.ContainsFunc(blind.Findings, func(f validate.Finding) bool { return f.Rule == "AA503" && !f.Preexisting }):
					t.Errorf("world %d: a guard that has just started lets a node role go", seed)
				case name == "all known, to compare":
				case strings.Contains(name, "access entries"):
					lost, _ := w.lost()
					if !denied && slices.ContainsFunc(lost, func(name string) bool { return !strings.HasPrefix(name, "mi-") }) {
						t.Errorf("world %d: allowed, though it cuts off %q", seed, lost)
					}
				case blindly && !denied:
					t.Errorf("world %d: milder than without a fleet", seed)
				}
				if t.Failed() {
					describe(t, w, report)
					return
				}
			}
		})
	}
}

// TestWorldsIgnored puts worlds into mode API: whatever is done to aws-auth cuts nobody off, and every edit gets AA508.
func TestWorldsIgnored(t *testing.T) {
	for seed := range uint64(worlds() / 10) {
		w := newWorld(rand.New(rand.NewPCG(seed, 8)))
		w.facts.Mode = nodes.APIMode
		w.new = append(w.new, line{role: "another", username: "another", groups: []string{"others"}})
		report := judge(t, w.facts.View(), w.old, w.new)
		denied, _, _ := ofNodes(report)
		warned := slices.ContainsFunc(report.Findings, func(f validate.Finding) bool { return f.Rule == "AA508" })
		if denied || !warned {
			t.Errorf("world %d: denied %v, warned %v", seed, denied, warned)
			describe(t, w, report)
			return
		}
	}
}
