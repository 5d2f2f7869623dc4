package validate_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// TestFloorSpeaksLikeTheGuard makes the edit of every case before the floor that the chart installs, on a real API server. What the
// guard denies too, the floor denies by a rule of the guard's errors, and with the same first words.
func TestFloorSpeaksLikeTheGuard(t *testing.T) {
	cluster := guarded.StartFor(t)
	p := policy.Default()
	p.BreakGlass.Groups = []string{"break-glass"}
	if err := cluster.InstallFloor(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	as := func(name string, groups ...string) client.Client {
		config := rest.CopyConfig(cluster.Config)
		config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:masters")}
		config.QPS, config.Burst = -1, 0
		config.WarningHandler = rest.NoWarnings{}
		c, err := client.New(config, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	f := floorTrial{somebody: as("somebody"), rescuer: as("on-call", "break-glass")}
	unheard := f.rules(t)
	for _, c := range slices.Concat(goldenCases(t), typos(t)) {
		rep := c.run(t)
		if rep.Allowed {
			continue // the floor knows nothing of policy and nodes, and may deny more
		}
		denial := f.try(t, c)
		if denial == "" {
			continue
		}
		rule, ok := agrees(denial, rep)
		delete(unheard, rule)
		if !ok || strings.HasPrefix(c.name, "key ") && rule != "AA103" {
			t.Errorf("%s:\n  floor: %s%s", c.name, denial, errorsOf(rep))
		}
	}
	if len(unheard) > 0 {
		t.Errorf("no case is denied by the floor's %v and by the guard", slices.Sorted(maps.Keys(unheard)))
	}
}

// typos are edits that misspell the data key mapRoles, and the group system:nodes, by one letter or by two neighbours that are swapped.
func typos(t *testing.T) (cases []goldenCase) {
	t.Helper()
	const entry = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n    - system:bootstrappers\n    - "
	read := func(name, text string) {
		c, err := parseCase(name, txtar.Parse([]byte(text+"-- want --\n")))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cases = append(cases, c)
	}
	for _, key := range misspelt("mapRoles") {
		read("key "+key, "-- new without mapRoles --\n-- new "+key+" --\n"+entry+"system:nodes\n")
	}
	for _, group := range misspelt("system:nodes") {
		read("group "+group, "-- new mapRoles --\n"+entry+group+"\n")
	}
	return cases
}

// misspelt are words with one letter fewer, another one or one more, or with two neighbours swapped.
func misspelt(word string) []string {
	all := map[string]bool{strings.ToLower(word): true, strings.ToUpper(word): true, word + "x": true}
	for i := range word {
		before, after := word[:i], word[i+1:]
		all[before+after], all[before+"x"+after], all[before+"x"+word[i:]] = true, true, true
		if after != "" {
			all[before+after[:1]+word[i:i+1]+after[1:]] = true
		}
	}
	delete(all, word)
	return slices.Sorted(maps.Keys(all))
}

// floorTrial are two callers, one of whom the floor denies nothing.
type floorTrial struct{ somebody, rescuer client.Client }

// rules are the ids that the floor's messages may name.
func (f floorTrial) rules(t *testing.T) map[string]bool {
	t.Helper()
	floor := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	if err := f.rescuer.Get(t.Context(), client.ObjectKey{Name: guarded.FloorName}, floor); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, v := range floor.Spec.Validations {
		for _, id := range regexp.MustCompile(`\bAA\d{3}\b`).FindAllString(v.Message+v.MessageExpression, -1) {
			ids[id] = true
		}
	}
	if len(ids) == 0 {
		t.Fatal("the floor's messages name no rules")
	}
	return ids
}

// try makes the edit of a case as a dry run, and is what the floor says of it; "" if it says nothing.
func (f floorTrial) try(t *testing.T, c goldenCase) string {
	t.Helper()
	f.clear(t)
	if c.old != nil {
		f.store(t, c)
	}
	var err error
	switch o := stripped(c.judged().ConfigMap); c.head.Operation {
	case validate.Create:
		err = f.somebody.Create(t.Context(), o, client.DryRunAll)
	case validate.Update:
		err = f.somebody.Update(t.Context(), o, client.DryRunAll)
	case validate.Delete:
		err = f.somebody.Delete(t.Context(), o, client.DryRunAll)
	}
	if err == nil {
		return ""
	}
	_, said, ok := strings.Cut(err.Error(), "denied request: ")
	if !ok {
		t.Logf("%s: the API server itself: %v", c.name, err)
	}
	return said
}

// store makes the old object of a case the one of the cluster, and begins to delete it if it is being deleted there.
func (f floorTrial) store(t *testing.T, c goldenCase) {
	t.Helper()
	o := stripped(c.old.ConfigMap)
	if err := f.rescuer.Create(t.Context(), o); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	if c.old.DeletionTimestamp != nil {
		if err := f.rescuer.Delete(t.Context(), o, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
}

// clear removes aws-auth, whatever holds it.
func (f floorTrial) clear(t *testing.T) {
	t.Helper()
	o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "aws-auth"}}
	for _, err := range []error{
		f.rescuer.Patch(t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))),
		f.rescuer.Delete(context.WithoutCancel(t.Context()), o, client.PropagationPolicy(metav1.DeletePropagationBackground)),
	} {
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
}

// stripped is an object as a client sends it.
func stripped(cm *corev1.ConfigMap) *corev1.ConfigMap {
	o := cm.DeepCopy()
	o.Namespace, o.Name, o.ResourceVersion, o.UID = metav1.NamespaceSystem, "aws-auth", "", ""
	o.CreationTimestamp, o.DeletionTimestamp, o.ManagedFields = metav1.Time{}, nil, nil
	return o
}

// agrees reports whether the guard has an error by the rule that the floor names, whose message begins with all that the floor says before
// its fix.
func agrees(denial string, rep validate.Report) (rule string, ok bool) {
	parts := floorSentence.FindStringSubmatch(denial)
	if parts == nil {
		return "", false
	}
	return parts[1], slices.ContainsFunc(rep.Findings, func(f validate.Finding) bool {
		rest, begins := strings.CutPrefix(f.Message, parts[3])
		return f.Severity == validate.Error && f.Rule == parts[1] && f.Name == parts[2] && begins && (rest == "" || strings.ContainsAny(rest[:1], " ,;:"))
	})
}

// floorSentence is field, rule, name, message and fix.
var floorSentence = regexp.MustCompile(`^[A-Za-z._-]+: (AA\d{3}) ([a-z0-9-]+): (.+?); fix: \S`)

func errorsOf(rep validate.Report) string {
	var b strings.Builder
	for _, f := range rep.Findings {
		if f.Severity == validate.Error {
			b.WriteString("\n  guard: " + f.Field + ": " + f.Rule + " " + f.Name + ": " + f.Message)
		}
	}
	return b.String()
}
