package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Whoever reaches the port can send a body, and says by himself who he is. So there is a bound to all that a body may
// take, and to all bodies together. The figures keep a guard below 256 MiB, the chart's limit, whatever is sent
// (TestStarvation in test/chaos).
const (
	// A body of up to smallBody bytes is read at once: package listen's connections have no more than 8 MiB of
	// them. An aws-auth of 60 entries comes in one.
	smallBody = 32 << 10
	// mostLarge is how many bytes of larger ones are held at once: the largest there is, and some more beside it.
	mostLarge = maxBody + 4<<20
	// A body may take readTimeout to come in, and as much longer as it would take with readRate bytes a second. The API
	// server writes it in one go.
	readTimeout = 2 * time.Second
	readRate    = 8 << 20
	// drainTimeout is for a body that is not looked at.
	drainTimeout = 5 * time.Second
	// writeTimeout is how long an answer may take to be taken.
	writeTimeout = 5 * time.Second
	// A string of JSON takes some 100 bytes when it is decoded, however short it is: a list of a million of them would take
	// many times its body. maxQuotes is how many quotation marks a body may have, two for each string. Those in the text of
	// an aws-auth do not count, they are escaped. perQuote is what one counts for, and mostDecoded how much there is at once.
	maxQuotes   = 1 << 20
	perQuote    = 64
	mostDecoded = maxQuotes * perQuote
	// Controller-runtime takes what is no review for YAML (apimachinery's UniversalDeserializer), which costs 600 bytes a mark,
	// and much more where aliases are followed. So it gets nothing of more than maxComplaint bytes and nothing with an alias.
	maxComplaint   = 8 << 10
	mostComplaints = 8
	// maxUser is how much the name, the groups and the extra fields of a caller may be. They came with one HTTP request whose
	// header has 1 MiB at most, or from an answer to it.
	maxUser = 1 << 20
	// maxLogged is how much of a text from a review the log shows.
	maxLogged = 256
)

// What it costs to judge an object goes by what YAML takes apart: line ends, commas and opening brackets, here called marks.
// One costs up to 600 bytes until the verdict. An entry that matches somebody has an ARN in it and so one mark in ten
// bytes at most: a ConfigMap that is full to the brim has 80,000 at most.
const (
	maxMarks = 96 << 10
	// Reviews of up to smallMarks (an aws-auth of 300 entries, before and after) are judged beside each other and wait for
	// no larger ones. Of the larger ones there is one worst case at a time.
	smallMarks = 4 << 10
	mostSmall  = 4 * smallMarks
	// Dry runs of that size have room of their own: IAM is asked for them last, and what they wait for must not keep edits out.
	mostDryRuns = 2 * smallMarks
	mostLarger  = 2 * maxMarks
	fewestMarks = mostSmall / 64 // whatever it is, there are no more than 64 at once
)

// bounds are shared by all requests.
type bounds struct {
	bodies       *queue // bytes of large bodies
	decoded      *queue // what is decoded of them
	complaints   *queue // bodies that are no reviews
	small, large *queue // marks of what is judged
	dryRuns      *queue // of small dry runs
	held         holdings
}

// holdings are what callers hold of the large bodies and of what is decoded of them until they are answered, which may take as long as IAM
// is asked.
type holdings struct {
	mu sync.Mutex
	of map[sender]holding
}

// sender is a user at an address: whoever reaches the port may give himself any name, but not at the API server's address.
type sender struct{ host, user string }

type holding struct{ body, decoded int64 }

func newBounds() *bounds {
	return &bounds{bodies: newQueue(mostLarge), decoded: newQueue(mostDecoded), complaints: newQueue(mostComplaints), small: newQueue(mostSmall), large: newQueue(mostLarger), dryRuns: newQueue(mostDryRuns),
		held: holdings{of: map[sender]holding{}}}
}

// decode waits until there is room to decode a body. done is called when the request is answered.
func (b *bounds) decode(r *http.Request, body []byte) (took holding, done func(), err error) {
	if b == nil || len(body) <= smallBody {
		return holding{}, func() {}, nil
	}
	quotes := bytes.Count(body, []byte{'"'}) - bytes.Count(body, []byte(`\"`))
	if quotes > maxQuotes {
		return holding{}, nil, errTooMuch
	}
	took = holding{body: r.ContentLength, decoded: int64(len(body) + perQuote*quotes)}
	if took.body < 0 { // as long as the longest, for all that was known
		took.body = maxBody
	}
	release, err := b.decoded.take(r.Context(), listen.Host(r), "", took.decoded)
	if err != nil {
		return holding{}, nil, errBusy
	}
	return took, release, nil
}

// hold lets one user have half of the room for large bodies at most, or one body, so that others' always find some. done is called
// when the request is answered.
func (b *bounds) hold(r *http.Request, user string, more holding) (done func(), err error) {
	if b == nil || more == (holding{}) {
		return func() {}, nil
	}
	h, who := &b.held, sender{listen.Host(r), user}
	h.mu.Lock()
	defer h.mu.Unlock()
	has, some := h.of[who]
	sum := holding{has.body + more.body, has.decoded + more.decoded}
	if some && (sum.body > mostLarge/2 || sum.decoded > mostDecoded/2) {
		return nil, errBusy
	}
	h.of[who] = sum
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		has := h.of[who]
		if has = (holding{has.body - more.body, has.decoded - more.decoded}); has == (holding{}) {
			delete(h.of, who)
			return
		}
		h.of[who] = has
	}, nil
}

// complaint reports that it costs little to find out what is wrong with a body that is no review.
func complaint(body []byte) bool {
	return len(body) <= maxComplaint && bytes.IndexByte(body, '*') < 0
}

// complain waits until there is room for one more that is no review. done is called when it is answered.
func (b *bounds) complain(r *http.Request) (done func(), err error) {
	if b == nil {
		return func() {}, nil
	}
	return b.complaints.take(r.Context(), listen.Host(r), "", 1)
}

// judge waits until there is room to judge an edit. done is called when there is a verdict.
func (b *bounds) judge(ctx context.Context, from string, edit validate.Request) (done func(), err error) {
	if b == nil {
		return func() {}, nil
	}
	share := int64(marks(edit.Old) + marks(edit.New))
	line := b.large
	if share <= smallMarks {
		line, share = b.small, max(share, fewestMarks)
		if edit.DryRun {
			line = b.dryRuns
		}
	}
	release, err := line.take(ctx, from, edit.User.Username, share)
	if err != nil {
		return nil, errBusy
	}
	answered := listen.Answering(ctx)
	return func() { answered(); release() }, nil
}

// marks is what YAML takes an object apart by.
func marks(cm *corev1.ConfigMap) (n int) {
	if cm == nil {
		return 0
	}
	for _, value := range cm.Data {
		n += 1 + strings.Count(value, "\n") + strings.Count(value, ",") + strings.Count(value, "[") + strings.Count(value, "{")
	}
	return n
}

// userSize is how much a review says of the caller.
func userSize(u authenticationv1.UserInfo) int {
	size := len(u.Username) + len(u.UID)
	for _, g := range u.Groups {
		size += len(g)
	}
	for key, values := range u.Extra {
		size += len(key)
		for _, v := range values {
			size += len(v)
		}
	}
	return size
}

// reading keeps what bodies take before they are judged within bounds.
type reading struct {
	next   http.Handler
	bounds *bounds
}

func (b reading) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), budget(r))
	defer cancel()
	r = r.WithContext(ctx)
	// The server takes the deadline back before the connection's next request. A writer that has none needs none.
	within := func(d time.Duration) { _ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)) }
	if r.ContentLength > maxBody {
		within(drainTimeout)
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 2*maxBody)) // or the client would see a broken connection, and no answer
		refuse(w, http.StatusRequestEntityTooLarge, errTooMuch)
		return
	}
	size := r.ContentLength
	if size < 0 { // it may be small all the same
		within(readTimeout)
		var head bytes.Buffer
		n, err := head.ReadFrom(io.LimitReader(r.Body, smallBody+1))
		if size = maxBody; err == nil && n <= smallBody {
			size = n
			r.ContentLength = n
		}
		r.Body = io.NopCloser(io.MultiReader(&head, r.Body))
	}
	if size > smallBody {
		release, err := b.bounds.bodies.take(ctx, listen.Host(r), "", size)
		if err != nil {
			refuse(w, http.StatusServiceUnavailable, errBusy)
			return
		}
		defer release()
	}
	within(readTimeout + time.Duration(size)*time.Second/readRate)
	b.next.ServeHTTP(w, r)
}

// answerBy gives the client some time to take the answer.
func answerBy(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer that has none needs none
}

var (
	errBusy     = errors.New("too many reviews at once: try again")
	errNoReview = errors.New("no AdmissionReview in JSON: send one of admission.k8s.io/v1 for ConfigMap " + Namespace + "/" + Name)
	errTooMuch  = fmt.Errorf("the review is too large: two ConfigMaps take %d bytes at most", maxBody)
)

// refuse answers a body that was not read.
func refuse(w http.ResponseWriter, code int32, why error) {
	answerBy(w)
	answer := admission.Errored(code, why)
	_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Response: &answer.AdmissionResponse}) // fails only where the connection is gone
}
