package eks_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
	"github.com/aws-auth-guard/aws-auth-guard/test/signin/draw"
)

const (
	nodeRole = "arn:aws:iam::" + draw.Account + ":role/workers"
	nodeName = "ip-10-0-0-1.us-west-2.compute.internal"
)

// principals are those of the world, by the ARN that EKS compares with.
var principals = []string{
	nodeRole,
	"arn:aws:iam::" + draw.Account + ":role/dev", "arn:aws:iam::" + draw.Account + ":role/Dev.Ops", "arn:aws:iam::" + draw.Account + ":role/ci",
	"arn:aws:iam::444455556666:role/ci", "arn:aws:iam::" + draw.Account + ":user/alice", "arn:aws:iam::" + draw.Account + ":user/Bob",
	"arn:aws:iam::" + draw.Account + ":root", "arn:aws:sts::" + draw.Account + ":federated-user/carol",
}

// world is what there is beside aws-auth.
type world struct {
	*eks.EKS
	dice
	mode    eks.Mode
	byARN   bool
	entries []fake.AccessEntry
	view    *nodes.View
	judge   *validate.Validator
	counts  *counts
	// named are more principals to sign in.
	named []eks.Principal
}

type counts struct{ edits, allowed, denied, signIns, claims, retried int }

// View is what the guard knows of the fleet.
func (w *world) View() *nodes.View { return w.view }

// approvals are what the policy allows, so that some edits that give system:masters are allowed.
const approvals = `apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
privileged:
  approvals:
  - arn: arn:aws:iam::111122223333:role/ci
    groups: [system:masters]
    reason: in the test
`

// TestOracle draws worlds and edits. What the guard allows is in force afterwards exactly as the guard believes: every principal
// signs in as awsauth.Access and the access entries say, and a running node that could sign in still can. What it denies because
// EKS would drop it is written all the same, and locks out whom the guard names. AWS_AUTH_GUARD_EDITS is how many edits are drawn
// (200), AWS_AUTH_GUARD_SEED the first seed.
func TestOracle(t *testing.T) {
	edits, seed := number("AWS_AUTH_GUARD_EDITS", 200), uint64(number("AWS_AUTH_GUARD_SEED", 1))
	e := start(t, eks.Options{})
	n := &counts{}
	for ; n.edits < edits && !t.Failed(); seed++ {
		newWorld(t, e, seed, n).play(t, seed, min(20, edits-n.edits))
	}
	t.Logf("%d edits: %d allowed, %d denied and written all the same; %d sign-ins compared, %d repeated; %d claims that EKS drops an entry confirmed",
		n.edits, n.allowed, n.denied, n.signIns, n.retried, n.claims)
	if n.allowed == 0 || n.denied == 0 || n.claims == 0 {
		t.Error("want edits of both kinds, and claims: otherwise this tests nothing")
	}
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func newWorld(t *testing.T, e *eks.EKS, seed uint64, n *counts) *world {
	t.Helper()
	w := &world{EKS: e, dice: dice{rand.New(rand.NewPCG(seed, 0))}, counts: n}
	w.mode = pick(w.dice, []eks.Mode{eks.ConfigMap, eks.APIAndConfigMap, eks.APIAndConfigMap, eks.APIAndConfigMap, eks.API})
	w.byARN = false
	w.view = &nodes.View{Mode: nodes.Mode(w.mode), NodesKnown: known(), AccessKnown: known(), Entries: map[string]nodes.AccessEntry{},
		Nodes: map[string][]nodes.Set{awsauth.Subject(nodeRole): {{Kind: nodes.EC2, Names: []string{nodeName}}}}, RoleARNs: map[string]string{}}
	if w.mode != eks.ConfigMap {
		w.drawEntries()
	}
	if err := e.SetMode(t.Context(), w.mode, w.byARN); err != nil {
		t.Fatal(err)
	}
	if err := e.SetAccessEntries(t.Context(), w.entries...); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse([]byte(approvals))
	if err != nil {
		t.Fatal(err)
	}
	if w.judge, err = validate.New(p, validate.WithPorts(validate.Ports{Fleet: w})); err != nil {
		t.Fatal(err)
	}
	return w
}

func known() nodes.Knowledge {
	return nodes.Knowledge{At: time.Now(), Expires: time.Now().Add(24 * time.Hour)}
}

// drawEntries draws access entries, some of which are older than their role.
func (w *world) drawEntries() {
	for _, arn := range principals {
		role := strings.Contains(arn, ":role/")
		if !role && !strings.Contains(arn, ":user/") || !w.oneIn(4) && !(w.mode == eks.API && arn == nodeRole) {
			continue // EKS takes no access entry for a root user or a federated user
		}
		entry := fake.AccessEntry{Principal: arn, Type: "STANDARD", Groups: []string{pick(w.dice, []string{"viewers", "ops", "entry-{{SessionName}}"})}}
		if arn == nodeRole && !w.oneIn(4) {
			entry.Type, entry.Groups = "EC2_LINUX", nil
		}
		created := time.Now()
		seen := nodes.AccessEntry{ARN: arn, Type: entry.Type, Groups: entry.Groups, Created: created, PrincipalCreated: created.Add(-time.Hour)}
		if w.oneIn(3) && w.mode != eks.API {
			entry.UniqueID, seen.PrincipalCreated = "AROAOFANOTHERROLE", created.Add(time.Hour)
		}
		if arn == nodeRole && entry.Type == "STANDARD" && entry.UniqueID == "" { // no node can be ready by such an entry
			w.view.Nodes[awsauth.Subject(arn)][0].NotReady = 1
		}
		w.entries = append(w.entries, entry)
		w.view.Entries[awsauth.Subject(arn)] = seen
	}
}

// play judges and writes a row of edits of one document.
func (w *world) play(t *testing.T, seed uint64, edits int) {
	t.Helper()
	doc := w.start()
	old := w.text(doc, false)
	if err := w.Put(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	for i := range edits {
		next := w.edit(doc)
		mangled := w.oneIn(4)
		updated := w.text(next, mangled)
		couldSignIn := w.nodeSignsIn(t)
		report := w.judge.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: object(old), New: object(updated)})
		w.counts.edits++
		if err := w.Put(t.Context(), updated); err != nil {
			t.Logf("seed %d, edit %d: the API server refuses it: %v", seed, i, err) // too large, or no UTF-8
			continue
		}
		w.compare(t, updated)
		if report.Allowed {
			w.counts.allowed++
			if couldSignIn && !w.nodeSignsIn(t) {
				t.Errorf("an allowed edit locks the running node out")
			}
		} else {
			w.counts.denied++
			w.confirm(t, updated, report)
		}
		if t.Failed() {
			t.Fatalf("seed %d, edit %d in mode %s with %+v:\nold %q\nnew %q\n%s", seed, i, w.mode, w.entries, old, updated, findings(report))
		}
		if report.Allowed {
			doc, old = next, updated
			if mangled { // what was mangled is not in the document
				doc = w.start()
				old = w.text(doc, false)
			}
		}
		if !report.Allowed || mangled {
			if err := w.Put(t.Context(), old); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func object(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"}, Data: data}
}

func findings(r validate.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintln(&b, f.Severity, f.Field, f.Rule, f.Message)
	}
	return b.String()
}

func (w *world) nodeSignsIn(t *testing.T) bool {
	t.Helper()
	is, err := w.SignIn(t.Context(), node)
	return err == nil && is.Username == "system:node:"+nodeName && slices.Contains(is.Groups, "system:nodes")
}

// compare signs everybody in, and holds it to what the guard believes of the text.
func (w *world) compare(t *testing.T, data map[string]string) {
	t.Helper()
	doc, _ := awsauth.Parse(data)
	access := doc.Access()
	for _, p := range append(w.who(), w.named...) {
		p.AccessKeyID = fake.AccessKeyID()
		believed, refused := w.believed(access, p)
		is, err := w.SignIn(t.Context(), p)
		if !agrees(believed, refused, is, err) {
			// The authenticator's cache of EC2 names and its watch are faster than this, but on a busy machine not always.
			w.counts.retried++
			time.Sleep(300 * time.Millisecond)
			is, err = w.SignIn(t.Context(), p)
		}
		w.counts.signIns++
		if !agrees(believed, refused, is, err) {
			t.Errorf("%s, session %q: is %+v, %v; the guard believes %+v, refused: %v", p.ARN, p.Session, is, err, believed, refused)
		}
	}
}

// agrees reports that what happened is among what is believed. mayBeRefused: that is believed, too.
func agrees(believed []eks.Identity, mayBeRefused bool, is eks.Identity, err error) bool {
	var refused *eks.RefusedError
	if errors.As(err, &refused) {
		return mayBeRefused
	}
	return err == nil && slices.ContainsFunc(believed, func(b eks.Identity) bool {
		return b.Username == is.Username && slices.Equal(set(b.Groups), set(is.Groups))
	})
}

func set(groups []string) []string { return slices.Compact(slices.Sorted(slices.Values(groups))) }

// believed is what a principal may become: by its access entry if that decides, and otherwise by aws-auth. Of several entries
// for one principal, EKS takes any: mapUsers is looked through in no order. refused says that it may be refused.
func (w *world) believed(access *awsauth.Access, p eks.Principal) (may []eks.Identity, refused bool) {
	arn, err := awsauth.ParseARN(p.ARN)
	if err != nil {
		return nil, true
	}
	c := awsauth.Caller{Account: arn.Account, Session: p.Session, AccessKeyID: p.AccessKeyID}
	if p.Session == instance {
		c.PrivateDNSName = nodeName
	}
	if _, decides := w.view.Shadow(awsauth.Subject(p.ARN), time.Now()); decides {
		i := slices.IndexFunc(w.entries, func(e fake.AccessEntry) bool { return e.Principal == p.ARN })
		username, groups := eks.Mapped(w.entries[i])
		return one(rendered(c, username, groups))
	}
	if w.mode == eks.API {
		return nil, true
	}
	found := access.Lookup(p.ARN)
	if _, whole := access.Accounts[arn.Account]; whole && len(found) == 0 {
		return one(rendered(awsauth.Caller{}, p.ARN, nil))
	}
	refused = len(found) == 0
	for _, id := range found {
		is, ok := rendered(c, id.Username, id.Groups)
		if ok {
			may = append(may, is)
		}
		refused = refused || !ok
	}
	return may, refused
}

// one is what a principal may become that has one identity, or is refused.
func one(id eks.Identity, ok bool) (may []eks.Identity, refused bool) {
	if !ok {
		return nil, true
	}
	return []eks.Identity{id}, false
}

// rendered is an identity, ok unless EKS cannot render it. The API server adds system:authenticated unless it is there, or
// system:unauthenticated is.
func rendered(c awsauth.Caller, username string, groups []string) (is eks.Identity, ok bool) {
	if is.Username, ok = c.Render(username); !ok {
		return is, false
	}
	for _, g := range groups {
		name, ok := c.Render(g)
		if !ok {
			return is, false
		}
		is.Groups = append(is.Groups, name)
	}
	if is.Username != "system:anonymous" && !slices.Contains(is.Groups, "system:authenticated") && !slices.Contains(is.Groups, "system:unauthenticated") {
		is.Groups = append(is.Groups, "system:authenticated")
	}
	return is, true
}

// dropping are the rules whose errors say that EKS drops a value or an entry.
var dropping = []string{"AA101", "AA102", "AA201", "AA202", "AA203", "AA204"}

// confirm holds a denial that says that EKS drops something to what happens: nobody becomes what the entry says, unless another
// entry says the same.
func (w *world) confirm(t *testing.T, data map[string]string, report validate.Report) {
	t.Helper()
	if w.mode == eks.API {
		return
	}
	doc, _ := awsauth.Parse(data)
	access := doc.Access()
	for _, f := range report.Findings {
		if f.Severity != validate.Error || f.Preexisting || !slices.Contains(dropping, f.Rule) {
			continue
		}
		for _, e := range doc.Entries() {
			if f.Entry != "" && e.Path("") != f.Entry || f.Entry == "" && !doc.Unread[e.DataKey] || f.Rule == "AA102" && !e.Recovered {
				continue
			}
			arn, err := awsauth.ParseARN(e.ARN.Value)
			if err != nil || arn.Kind != awsauth.KindRole && arn.Kind != awsauth.KindUser || !principal.IsName(arn.Name) || !principal.IsAccountID(arn.Account) {
				continue // no such principal can exist
			}
			meant := eks.Principal{ARN: "arn:aws:iam::" + arn.Account + ":" + arn.Kind.String() + "/" + arn.Name}
			if arn.Kind == awsauth.KindRole {
				meant.Session = instance
			}
			if _, decides := w.view.Shadow(awsauth.Subject(meant.ARN), time.Now()); decides || len(access.Lookup(meant.ARN)) > 0 || access.Accounts[arn.Account].Value != "" {
				continue // it has another way in
			}
			is, err := w.SignIn(t.Context(), meant)
			var refused *eks.RefusedError
			if errors.As(err, &refused) {
				w.counts.claims++
				continue
			}
			if err == nil {
				t.Errorf("%s says that EKS drops the entry of %s, which signs in as %+v", f.Rule, meant.ARN, is)
			}
		}
	}
}
