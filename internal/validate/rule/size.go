package rule

import corev1 "k8s.io/api/core/v1"

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
