package rule

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxDataSize is how many bytes of values the API server accepts in a ConfigMap. It uses the limit for Secrets
// (k8s.io/kubernetes pkg/apis/core/validation, ValidateConfigMap).
const MaxDataSize = corev1.MaxSecretSize

// DataSize is how many bytes count against MaxDataSize: the values of data and binaryData, not the keys.
func DataSize(cm *corev1.ConfigMap) int {
	size := 0
	for _, value := range cm.Data {
		size += len(value)
	}
	for _, value := range cm.BinaryData {
		size += len(value)
	}
	return size
}

// Owner is by what the garbage collector knows an owner (k8s.io/kubernetes pkg/controller/garbagecollector, isDangling). With
// the same uid and another name, an object that is there is taken for one that is not. The fields controller and
// blockOwnerDeletion make no difference to the owned.
type Owner [4]string

// OwnerOf is the owner that a reference names.
func OwnerOf(o metav1.OwnerReference) Owner {
	return Owner{o.APIVersion, o.Kind, o.Name, string(o.UID)}
}
