package admission

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	// usualBody is how much of a body controller-runtime reads (pkg/webhook/admission, maxRequestSize).
	usualBody = 7 << 20
	// maxBody is the most that a review of two ConfigMaps can be: each holds 1 MiB and its metadata, and the API server
	// writes a <, a > and control characters as six bytes each.
	maxBody = 16 << 20
)

// largeReviews answers the reviews that are larger than what controller-runtime reads. Without it, an aws-auth full of
// such characters, once it is in, could not be edited any more, not even by a label.
type largeReviews struct{ *admission.Webhook }

func (l largeReviews) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.ContentLength >= 0 && r.ContentLength < usualBody {
		l.Webhook.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var review admissionv1.AdmissionReview
	if err != nil || len(body) < usualBody || json.Unmarshal(body, &review) != nil || review.Request == nil {
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body)) // it says what is wrong
		l.Webhook.ServeHTTP(w, r)
		return
	}
	answer := l.Handle(l.WithContextFunc(r.Context(), r), admission.Request{AdmissionRequest: *review.Request})
	review.Request, review.Response = nil, &answer.AdmissionResponse
	_ = json.NewEncoder(w).Encode(review) // fails only where the connection is gone
}
