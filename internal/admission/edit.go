package admission

import (
	"cmp"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// edit is what a review asks for. guarded is false for reviews that concern other objects.
func (r *review) edit() (edit validate.Request, guarded bool, err error) {
	edit = validate.Request{Operation: validate.Operation(r.operation), User: r.user, DryRun: r.dryRun}
	if r.operation == "" && r.old == (configMap{}) && r.new == (configMap{}) {
		return edit, false, fmt.Errorf("not an AdmissionReview with a request: "+
			"send one of admission.k8s.io/v1 for ConfigMap %s/%s", Namespace, Name)
	}
	if !r.mayBeGuarded() {
		return edit, false, nil
	}
	if size := userSize(r.user); size > maxUser {
		return edit, true, fmt.Errorf("userInfo is %w: %d bytes, %d at most", errTooLarge, size, maxUser)
	}
	if r.new.err != nil {
		return edit, false, fmt.Errorf("object: %w", r.new.err)
	}
	if r.old.err != nil {
		return edit, false, fmt.Errorf("oldObject: %w", r.old.err)
	}
	edit.Old, edit.New = r.old.object, r.new.object
	if guarded, err := r.names(); !guarded || err != nil {
		return edit, guarded, err
	}
	switch r.operation {
	case admissionv1.Create, admissionv1.Update:
		if edit.New == nil {
			return edit, true, fmt.Errorf("%s without an object", r.operation)
		}
		if r.operation == admissionv1.Create {
			edit.Old = nil
		} else if edit.Old == nil {
			return edit, true, fmt.Errorf("%s without an oldObject", r.operation)
		}
	case admissionv1.Delete:
		edit.New = nil
	default:
		return edit, false, nil
	}
	return edit, true, nil
}

// mayBeGuarded is false if a review is about another object, or a part of one, by what it says beside its objects.
func (r *review) mayBeGuarded() bool {
	resource := r.resource.Resource == "" || r.resource.Resource == "configmaps" && r.resource.Group == ""
	namespace, name := r.namespace == "" || r.namespace == Namespace, r.name == "" || r.name == Name
	return resource && r.subResource == "" && namespace && name
}

// names reports whether a review that may be about aws-auth is. A deletecollection comes without a name, a CREATE by
// generateName as well: then the objects have the name.
func (r *review) names() (guarded bool, err error) {
	name, namespace := r.name, r.namespace
	if named := cmp.Or(r.old.object, r.new.object); named != nil {
		name, namespace = cmp.Or(named.Name, name), cmp.Or(named.Namespace, namespace)
	}
	if name == Name && (namespace == Namespace || namespace == "") {
		return true, nil
	}
	if r.name != Name {
		return false, nil
	}
	// The API server never sends two names. A request with two is an error, so that nobody can bypass the guard with it.
	return true, fmt.Errorf("the request is for %q, its object is %q: want one and the same",
		Name, clip(namespace+"/"+name, maxLogged))
}

// errTooLarge keeps from the rules what no aws-auth can be.
var errTooLarge = validate.ErrTooLarge
