package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Handle judges a request that controller-runtime has decoded, so that its webhook can be compared with ours.
func (h *Handler) Handle(ctx context.Context, req admission.Request) admission.Response {
	object := func(o runtime.RawExtension) configMap {
		if cm, ok := o.Object.(*corev1.ConfigMap); ok {
			return configMap{object: cm}
		}
		return decodeObject(o.Raw)
	}
	r := &req.AdmissionRequest
	response := newServer(h).judge(ctx, "", newReview(reviewVersion, r, r.UserInfo, object(r.OldObject), object(r.Object)))
	return admission.Response{AdmissionResponse: *response}
}

// The texts of one finding, for their tests.
var (
	Cause   = cause
	Warning = warning
)
