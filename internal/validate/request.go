package validate

import (
	"maps"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// Operation is what is done to the object.
type Operation = rule.Operation

// The operations, as admission spells them.
const (
	Create = rule.Create
	Update = rule.Update
	Delete = rule.Delete
)

// Request is one edit. Old is nil on CREATE, New is nil on DELETE.
type Request struct {
	Operation Operation
	Old, New  *corev1.ConfigMap
	User      authenticationv1.UserInfo
	// DryRun says that the edit will not be stored. The verdict is the same; what has to be asked may have to wait longer.
	DryRun bool
	// Unedited asks what is wrong with an update that changes nothing, too. No finding denies it: it is stored already.
	Unedited bool
}

// unchanged reports an update that leaves alone all that EKS reads and all that we judge: a label, a re-apply, EKS's
// storage migrator.
func unchanged(req Request) bool {
	if req.Operation != Update || req.Old == nil || req.New == nil {
		return false
	}
	hidden := func(key string) bool { return awsauth.MayHideBytes(req.New.Data[key]) }
	sameOwner := func(a, b metav1.OwnerReference) bool { return rule.OwnerOf(a) == rule.OwnerOf(b) }
	frozen := func(c *corev1.ConfigMap) bool { return c.Immutable != nil && *c.Immutable }
	return !slices.ContainsFunc(awsauth.Keys, hidden) && maps.Equal(req.Old.Data, req.New.Data) && frozen(req.Old) == frozen(req.New) &&
		maps.EqualFunc(req.Old.BinaryData, req.New.BinaryData, slices.Equal) &&
		slices.EqualFunc(req.Old.OwnerReferences, req.New.OwnerReferences, sameOwner)
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
