package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// readTimeout is how long a body may take to come in. No API server waits half as long for the whole answer.
const readTimeout = 20 * time.Second

// A body of at least largeBody bytes, or of unknown length, is read and judged only largeAtOnce at a time: it takes many times
// its size in memory, and edits of that size are rare. Small ones never wait.
const (
	largeBody   = 512 << 10
	largeAtOnce = 1
)

// bounded keeps the time and the memory that anybody's body may take within bounds. Whoever reaches the port can send one.
type bounded struct {
	next http.Handler
	// slots holds one value for each large body that is being answered.
	slots chan struct{}
	// patience is how long one waits for a slot; the API server has given up by then.
	patience time.Duration
}

func bound(next http.Handler) bounded {
	return bounded{next: next, slots: make(chan struct{}, largeAtOnce), patience: defaultBudget}
}

func (b bounded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The server takes the deadline back before the connection's next request. A writer that has none needs none.
	deadline := func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout)) }
	if r.ContentLength > maxBody {
		deadline()
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 2*maxBody)) // or the client would see a broken connection, and no answer
		refuse(w, http.StatusRequestEntityTooLarge, errTooMuch)
		return
	}
	if r.ContentLength < 0 || r.ContentLength >= largeBody {
		wait := time.NewTimer(b.patience)
		defer wait.Stop()
		select {
		case b.slots <- struct{}{}:
			defer func() { <-b.slots }()
		case <-wait.C:
			refuse(w, http.StatusServiceUnavailable, errBusy)
			return
		}
	}
	deadline()
	b.next.ServeHTTP(w, r)
}

var (
	errBusy    = errors.New("too many large reviews at once: try again")
	errTooMuch = fmt.Errorf("the review is too large: two ConfigMaps take %d bytes at most", maxBody)
)

// refuse answers a body that was not read.
func refuse(w http.ResponseWriter, code int32, why error) {
	answer := admission.Errored(code, why)
	_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Response: &answer.AdmissionResponse}) // fails only where the connection is gone
}
