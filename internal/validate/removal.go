package validate

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var removalFamily = family{
	edit: checkRemoval,
	rules: []Rule{
		{ID: "AA501", Name: "deletes-aws-auth", Severity: Error,
			What: "deleting aws-auth, by itself, with all ConfigMaps of kube-system, or by removing the last finalizer while it is being deleted; another edit of the mappings while it is being deleted is a warning",
			Why:  "EKS forgets every mapping at once: all nodes and everybody but the cluster's creator are locked out",
			Good: goodNodes},
	},
}

// ends reports the update that deletes: once an object is being deleted, the API server removes it with its last finalizer, as
// part of an UPDATE (k8s.io/apiserver pkg/registry/generic/registry, ShouldDeleteDuringUpdate). What else is in such an update
// never comes into force.
func ends(req Request) bool {
	return req.Operation == Update && req.Old != nil && req.New != nil && req.New.DeletionTimestamp != nil && len(req.New.Finalizers) == 0 &&
		len(req.Old.Finalizers) > 0
}

// finalizes reports the one among those that nobody has allowed. The finalizers that the garbage collector itself adds and
// removes belong to a deletion that was allowed: it must be able to end it, whatever is wrong with the object.
func finalizes(req Request) bool {
	return ends(req) && slices.ContainsFunc(req.Old.Finalizers, func(f string) bool {
		return f != metav1.FinalizerDeleteDependents && f != metav1.FinalizerOrphanDependents
	})
}

func checkRemoval(p *pass) {
	if p.fleet.ignored() {
		return // AA508 says that there was nothing to lose
	}
	if p.op != Delete {
		p.checkDeletionPending()
		return
	}
	f := Finding{Field: "metadata.name", Value: "aws-auth", subject: "delete", Message: "aws-auth is being deleted",
		Why: "and EKS forgets every mapping at once: all nodes and everybody but the cluster's creator are locked out",
		Fix: "edit it instead (`kubectl edit configmap aws-auth -n kube-system`); to replace it, use `kubectl replace` without --force"}
	if cut := p.lostSets(); len(cut) > 0 {
		f.Why = "and EKS forgets every mapping at once: everybody but the cluster's creator is locked out" + agree(cut, ", and so is ", ", and so are ") + count(cut) + ": " + which(cut)
		f.Nodes = cut
	}
	if p.finalized {
		f.Field, f.Value = "metadata.finalizers", strings.Join(p.old.object.Finalizers, " ")
		f.Message = "the last finalizer of an aws-auth that is being deleted is removed, which deletes it"
		f.Fix = "keep the finalizer; " + writeAnew
	}
	p.report("AA501", f)
}

// writeAnew is the only way out, since nothing takes a deletion back.
const writeAnew = "save a copy, then have a member of a break-glass group remove the finalizer and create aws-auth from it at once"

// checkDeletionPending speaks of an aws-auth that is being deleted and that a finalizer keeps: it works, until that is removed.
func (p *pass) checkDeletionPending() {
	if p.op != Update || p.new.object.DeletionTimestamp == nil || len(p.new.object.Finalizers) == 0 {
		return
	}
	kept := p.new.object.Finalizers
	p.report("AA501", Finding{Severity: Warning, Field: "metadata.deletionTimestamp", Value: p.new.object.DeletionTimestamp.UTC().Format(time.RFC3339), subject: "pending",
		Message: "aws-auth is being deleted and waits only for its finalizers: " + bare(strings.Join(kept, ", ")), Why: "and EKS forgets every mapping at once when the last one is removed",
		Fix: writeAnew})
}
