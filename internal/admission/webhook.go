package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The one object that is guarded.
const (
	Namespace = "kube-system"
	Name      = "aws-auth"
	// Path is where the webhook is served; the ValidatingWebhookConfiguration names it.
	Path = "/validate-aws-auth"
)

const (
	// defaultBudget is the time for a verdict where the request names no timeout: the API server's own default.
	defaultBudget = 10 * time.Second
	// answerMargin is left of the API server's timeout for the answer to travel.
	answerMargin = 500 * time.Millisecond
	// writeTimeout is how long an answer may take to be taken.
	writeTimeout = 5 * time.Second
)

// Validator returns the validator in force. It is called for each review, since the policy may be reloaded.
type Validator func() *validate.Validator

// Handler is what reviews are judged with.
type Handler struct {
	Validator Validator
	Log       logr.Logger
	Metrics   *Metrics
	// Excused is called for edits that were allowed although they have errors, but not for dry runs. It may be nil, and
	// must not wait for anything.
	Excused func(Excused)
}

// Excused is an edit with errors that was allowed because its author is exempt or in a break-glass group, or because the
// policy is in audit mode.
type Excused struct {
	Operation admissionv1.Operation
	Username  string
	UID       types.UID // of the object, if it existed
	Why       string    // exempt, break-glass or audit
	Rules     string    // ids, with commas
	// Nodes are the running nodes that can no longer authenticate after the edit, as far as they are known.
	Nodes []string
}

// Webhook answers AdmissionReviews over HTTP.
func Webhook(h *Handler) http.Handler { return newServer(h) }

// server takes each review through the steps that docs/design.md draws: it reads (body.go), decodes (decode.go) and
// judges (judge.go), which validates (internal/validate) and responds (respond.go).
type server struct {
	Handler
	bounds *bounds
}

func newServer(h *Handler) *server { return &server{*h, newBounds()} }

// ServeHTTP sets the one deadline of a review: whatever waits, waits until then at most. The context also ends when the
// client closes its connection, so a review that its API server has given up holds nothing any longer.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), budget(r))
	defer cancel()
	answer, err := s.review(ctx, w, r)
	// A writer without deadlines needs none, and nobody is left to report to where the connection is gone.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	if err != nil {
		refuse(w, err)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// budget is how long a request may take: the API server's timeout is in the request's URL.
func budget(r *http.Request) time.Duration {
	allowed := defaultBudget
	if d, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && d > 0 && d < allowed {
		allowed = d
	}
	return allowed - min(answerMargin, allowed/4)
}

// review takes a request from its body to its answer. What it holds of the bounds it holds until then.
func (s *server) review(ctx context.Context, w http.ResponseWriter, r *http.Request) (answer admissionv1.AdmissionReview, err error) {
	from := listen.Host(r)
	body, release, err := s.read(ctx, w, r, from)
	if err != nil {
		return answer, err
	}
	defer release()
	decoding, release, err := s.bounds.decode(ctx, from, body)
	if err != nil {
		return answer, err
	}
	defer release()
	review, err := s.decode(ctx, from, body.text)
	if err != nil {
		return answer, err
	}
	answer = admissionv1.AdmissionReview{TypeMeta: review.version}
	release, err = s.bounds.hold(sender{from, review.user.Username}, holding{body.share, decoding})
	if err != nil {
		answer.Response = errored(http.StatusServiceUnavailable, err)
		answer.Response.UID = review.uid
		return answer, nil
	}
	defer release()
	answer.Response = s.judge(ctx, from, review)
	return answer, nil
}

// refusal is the reason why a body is not judged.
type refusal struct {
	code int32
	error
	// bare is set where controller-runtime answers in no version of AdmissionReview: it could not decode the body.
	bare bool
	// unread is set for a review whose uid is not known, since it was not read to its end. An API server takes no AdmissionReview
	// without the uid, and would say that instead of the reason.
	unread bool
}

var (
	errBusy     = refusal{code: http.StatusServiceUnavailable, error: errors.New("too many reviews at once: try again"), unread: true}
	errNoReview = refusal{code: http.StatusBadRequest, error: errors.New(
		"no AdmissionReview in JSON: send one of admission.k8s.io/v1 for ConfigMap " + Namespace + "/" + Name)}
	errTooMuch = refusal{code: http.StatusRequestEntityTooLarge, unread: true,
		error: fmt.Errorf("the review is too large: two ConfigMaps take %d bytes at most", maxBody)}
)

// unreadable is the refusal of a body that is not an AdmissionReview.
func unreadable(err error) refusal {
	return refusal{code: http.StatusBadRequest, error: err, bare: true}
}

// reviewVersion is what a review is answered in that does not say its own.
var reviewVersion = metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"}

// refuse answers a request that is not judged.
func refuse(w http.ResponseWriter, err error) {
	why := refusal{code: http.StatusInternalServerError, error: err}
	errors.As(err, &why)
	if why.unread {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(why.code))
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status: metav1.StatusFailure, Code: why.code, Message: why.Error()})
		return
	}
	answer := admissionv1.AdmissionReview{Response: errored(why.code, why.error)}
	if !why.bare {
		answer.TypeMeta = reviewVersion
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// errored is the answer to a request that could not be judged.
func errored(code int32, err error) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{Code: code, Message: err.Error()}}
}
