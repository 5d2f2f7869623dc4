package validate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// someOwners draws owners out of few values for each field, so that two lists share some.
func someOwners(dice *rand.Rand) []metav1.OwnerReference {
	refs := make([]metav1.OwnerReference, dice.IntN(4))
	for i := range refs {
		refs[i] = metav1.OwnerReference{APIVersion: []string{"v1", "apps/v1"}[dice.IntN(2)], Kind: []string{"A", "B"}[dice.IntN(2)],
			Name: []string{"a", "b"}[dice.IntN(2)], UID: types.UID([]string{"1", "2"}[dice.IntN(2)])}
		if dice.IntN(2) == 0 {
			refs[i].Controller, refs[i].BlockOwnerDeletion = new(true), new(dice.IntN(2) == 0)
		}
	}
	return refs
}

// TestOwners: an edit is denied exactly if it brings an owner that was not there, whatever else it does, and one that only
// removes owners has none of them held against it.
func TestOwners(t *testing.T) {
	v := validator(t, "")
	dice := rand.New(rand.NewPCG(3, 4))
	for range 3_000 {
		old, updated := aconfigmap(map[string]string{"mapRoles": nodeRole}), aconfigmap(map[string]string{"mapRoles": nodeRole})
		old.OwnerReferences, updated.OwnerReferences = someOwners(dice), someOwners(dice)
		if dice.IntN(2) == 0 {
			updated.Data["mapRoles"] += item()
		}
		// Without the fields that make no difference.
		had := map[metav1.OwnerReference]bool{}
		for _, o := range old.OwnerReferences {
			o.Controller, o.BlockOwnerDeletion = nil, nil
			had[o] = true
		}
		allowed := true
		for _, o := range updated.OwnerReferences {
			o.Controller, o.BlockOwnerDeletion = nil, nil
			allowed = allowed && had[o]
		}
		rep := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: old, New: updated})
		if rep.Allowed != allowed || !allowed && !hasRule(rep, "AA111") {
			t.Fatalf("allowed is %v: %v\nbecomes %v\n%v", rep.Allowed, old.OwnerReferences, updated.OwnerReferences, findingsOf(rep))
		}
		rep = v.Validate(context.Background(), validate.Request{Operation: validate.Create, New: updated})
		if rep.Allowed != (len(updated.OwnerReferences) == 0) {
			t.Fatalf("created with %v, allowed is %v: %v", updated.OwnerReferences, rep.Allowed, findingsOf(rep))
		}
	}
}

// TestFinalizers goes through what finalizers there are before an update and after it, and compares with what the API
// server does: an object that is being deleted goes when it has none left.
func TestFinalizers(t *testing.T) {
	v := validator(t, "")
	names := []string{"example.com/a", "example.com/b", "foregroundDeletion", "orphan"}
	subset := func(bits int) (s []string) {
		for i, n := range names {
			if bits>>i&1 == 1 {
				s = append(s, n)
			}
		}
		return s
	}
	for before := range 1 << len(names) {
		for after := range 1 << len(names) {
			for _, deleted := range []bool{false, true} {
				if deleted && (before == 0 || after&^before != 0) {
					continue // there is no such object, and no such edit
				}
				for _, edited := range []bool{false, true} {
					old, updated := aconfigmap(map[string]string{"mapRoles": nodeRole}), aconfigmap(map[string]string{"mapRoles": nodeRole})
					old.Finalizers, updated.Finalizers = subset(before), subset(after)
					if deleted {
						old.DeletionTimestamp, updated.DeletionTimestamp = &metav1.Time{Time: clock}, &metav1.Time{Time: clock}
					}
					if edited {
						updated.Data["mapRoles"] += item()
					}
					rep := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: old, New: updated})
					goes := deleted && after == 0
					// What only the garbage collector's finalizers kept was deleted by somebody who may.
					denied := goes && before&3 != 0
					warned := deleted && edited && after != 0
					what := fmt.Sprintf("%v become %v, being deleted %v, edited %v", old.Finalizers, updated.Finalizers, deleted, edited)
					if rep.Allowed == denied || hasRule(rep, "AA501") != (denied || warned) {
						t.Errorf("%s: allowed is %v: %v", what, rep.Allowed, findingsOf(rep))
					}
				}
			}
		}
	}
}

// TestCollectorEndsADeletion: whatever is wrong with an aws-auth that is being deleted, and however strict the policy is about what
// was there before, the garbage collector removes its finalizer. Otherwise the object stays, and no valid one can replace it.
func TestCollectorEndsADeletion(t *testing.T) {
	odd := map[string]func(*corev1.ConfigMap){
		"U+FFFD":  func(cm *corev1.ConfigMap) { cm.Data["mapUsers"] = "[] # \ufffd\n" },
		"no YAML": func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = "- {" },
		"a bad entry": func(cm *corev1.ConfigMap) {
			cm.Data["mapRoles"] += item("- rolearn: arn:aws:iam::111122223333:role/team/ci")
		},
		"immutable": func(cm *corev1.ConfigMap) { cm.Immutable = new(true) },
		"owners": func(cm *corev1.ConfigMap) {
			cm.OwnerReferences = []metav1.OwnerReference{{Kind: "ConfigMap", Name: "a", UID: "u"}}
		},
	}
	for name, change := range odd {
		for _, finalizer := range []string{metav1.FinalizerDeleteDependents, metav1.FinalizerOrphanDependents} {
			old := aconfigmap(map[string]string{"mapRoles": nodeRole})
			old.Finalizers, old.DeletionTimestamp = []string{finalizer}, &metav1.Time{Time: clock}
			change(old)
			updated := old.DeepCopy()
			updated.Finalizers = nil
			if rep := validator(t, "preexisting: deny").Validate(context.Background(), validate.Request{Operation: validate.Update, Old: old, New: updated}); !rep.Allowed {
				t.Errorf("%s, %s: denied: %v", name, finalizer, findingsOf(rep))
			}
		}
	}
}

// TestDeletedByUpdate: what goes with the last finalizer is counted like what goes with a delete.
func TestDeletedByUpdate(t *testing.T) {
	old := aconfigmap(map[string]string{"mapRoles": nodeRole})
	old.Finalizers, old.DeletionTimestamp = []string{"example.com/a"}, &metav1.Time{Time: clock}
	updated := old.DeepCopy()
	updated.Finalizers = nil
	v := validator(t, "", validate.WithPorts(validate.Ports{Fleet: fleetPort{view()}}))
	byUpdate := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: old, New: updated})
	byDelete := v.Validate(context.Background(), validate.Request{Operation: validate.Delete, Old: old})
	if len(byDelete.Lost) == 0 || !slices.Equal(byUpdate.Lost, byDelete.Lost) || byUpdate.Allowed || byDelete.Allowed {
		t.Errorf("lost %v by an update and %v by a delete; allowed %v and %v", byUpdate.Lost, byDelete.Lost, byUpdate.Allowed, byDelete.Allowed)
	}
	// A file that is compared with the live object does not say that it is being deleted.
	updated.DeletionTimestamp = nil
	var none *corev1.ConfigMap
	for _, req := range []validate.Request{{Operation: validate.Update, Old: old, New: updated}, {Operation: validate.Create, Old: none, New: updated}} {
		if rep := v.Validate(context.Background(), req); hasRule(rep, "AA501") {
			t.Errorf("%s: %v", req.Operation, findingsOf(rep))
		}
	}
}
