package rule

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Owner is by what the garbage collector knows an owner (k8s.io/kubernetes pkg/controller/garbagecollector, isDangling). With
// the same uid and another name, an object that is there is taken for one that is not. The fields controller and
// blockOwnerDeletion make no difference to the owned.
type Owner [4]string

// OwnerOf is the owner that a reference names.
func OwnerOf(o metav1.OwnerReference) Owner {
	return Owner{o.APIVersion, o.Kind, o.Name, string(o.UID)}
}
