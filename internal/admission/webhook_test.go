package admission

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// slowIAM answers a user as late as the user's entry says, or when nobody waits any longer.
type slowIAM struct {
	takes map[string]time.Duration

	mu sync.Mutex
	// left is how much time each user's review had when IAM was asked.
	left map[string]time.Duration
}

func (s *slowIAM) Lookup(ctx context.Context, asker principal.Asker, arns []awsauth.ARN) []principal.Principal {
	deadline, _ := ctx.Deadline()
	s.mu.Lock()
	s.left[asker.Username] = time.Until(deadline)
	s.mu.Unlock()
	select {
	case <-time.After(s.takes[asker.Username]):
	case <-ctx.Done():
	}
	return make([]principal.Principal, len(arns))
}

func (*slowIAM) Self() (principal.Self, bool) { return principal.Self{}, false }

// pipes is a listener of connections inside this process, whose deadlines go by the test's clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial() net.Conn {
	here, there := net.Pipe()
	p <- there
	return here
}

// serve runs the webhook behind the server that it has in a cluster, for as long as the test runs.
func serve(t *testing.T, iam *slowIAM) pipes {
	t.Helper()
	iam.left = map[string]time.Duration{}
	v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Principals: iam}))
	if err != nil {
		t.Fatal(err)
	}
	server := listen.Server(t.Context(), Webhook(&Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard()}))
	l := make(pipes)
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		close(l)
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second) // net/http waits for a moment before it closes a connection that has more to read
	})
	return l
}

// large is a review that is no small one.
func large(username string) string {
	review := admissionv1.AdmissionReview{TypeMeta: reviewVersion, Request: &admissionv1.AdmissionRequest{UID: "1", Operation: admissionv1.Create, Name: Name, Namespace: Namespace,
		UserInfo: authenticationv1.UserInfo{Username: username}, Object: runtime.RawExtension{Object: awsAuth("# " + strings.Repeat("x", smallBody) + "\n" + nodeRole)}}}
	text, err := json.Marshal(review)
	if err != nil {
		panic(err)
	}
	return strings.Replace(string(text), `"metadata"`, `"apiVersion":"v1","kind":"ConfigMap","metadata"`, 1)
}

// post sends a review and returns its answer. A body whose length is not said counts as the largest there is.
func post(c net.Conn, length int64, body io.Reader) (string, error) {
	r, err := http.NewRequest(http.MethodPost, "http://guard"+Path+"?timeout=10s", body)
	if err != nil {
		return "", err
	}
	r.ContentLength = length
	r.Header.Set("Content-Type", "application/json")
	if err := r.Write(c); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// TestOneDeadline: the time that a review waits for the room that its body needs is not there for IAM any more.
func TestOneDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const held = 3 * time.Second
		iam := &slowIAM{takes: map[string]time.Duration{"first": held}}
		l := serve(t, iam)
		var all sync.WaitGroup
		for _, user := range []string{"first", "second"} {
			all.Go(func() {
				answer, err := post(l.dial(), -1, strings.NewReader(large(user)))
				if err != nil || !strings.Contains(answer, `"allowed":true`) {
					t.Errorf("%s: %v %s", user, err, answer)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		budget := defaultBudget - answerMargin
		if first, second := iam.left["first"], iam.left["second"]; first != budget || second != budget-held {
			t.Errorf("IAM has %v and then %v, want %v and then %v", first, second, budget, budget-held)
		}
	})
}

// TestAbandonedReviews: large reviews that their clients have given up, or will never send whole, delay a live one by no more than
// one of them may take to come in.
func TestAbandonedReviews(t *testing.T) {
	const slowest = readTimeout + maxBody/readRate*time.Second
	for name, tt := range map[string]struct {
		body   func() io.Reader
		closed bool
		waits  time.Duration // of the live one
	}{
		"given up": {func() io.Reader { return strings.NewReader(large("gone")) }, true, 0},
		"half sent": {func() io.Reader {
			return io.MultiReader(strings.NewReader(large("gone")[:smallBody+1]), readFunc(func([]byte) (int, error) { time.Sleep(time.Hour); return 0, io.EOF }))
		}, false, slowest},
		"half sent and given up": {func() io.Reader {
			return io.MultiReader(strings.NewReader(large("gone")[:smallBody+1]), readFunc(func([]byte) (int, error) { time.Sleep(time.Hour); return 0, io.EOF }))
		}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				iam := &slowIAM{takes: map[string]time.Duration{"gone": time.Hour}}
				l := serve(t, iam)
				var gone []net.Conn
				for range 20 {
					c := l.dial()
					gone = append(gone, c)
					go post(c, -1, tt.body()) //nolint:errcheck // nobody waits for its answer
					synctest.Wait()
				}
				if tt.closed {
					time.Sleep(time.Second)
					for _, c := range gone {
						if err := c.Close(); err != nil {
							t.Error(err)
						}
					}
				}
				started := time.Now()
				live := large("live")
				answer, err := post(l.dial(), int64(len(live)), strings.NewReader(live))
				if err != nil || !strings.Contains(answer, `"allowed":true`) {
					t.Errorf("%v %s", err, answer)
				}
				if took := time.Since(started); took > tt.waits {
					t.Errorf("took %v, want %v at most", took, tt.waits)
				}
				if left, want := iam.left["live"], defaultBudget-answerMargin-time.Since(started); left != want {
					t.Errorf("IAM has %v, want %v", left, want)
				}
				for _, c := range gone {
					_ = c.Close()
				}
				time.Sleep(2 * time.Hour) // those that send end
			})
		})
	}
}

// TestSlowSenders: a body has a time in which it must come in, and never longer than its review has.
func TestSlowSenders(t *testing.T) {
	for name, tt := range map[string]struct {
		timeout string
		length  int64
		want    time.Duration
	}{
		"small":               {"10s", 100, readTimeout + 100*time.Second/readRate},
		"of 8 MiB":            {"10s", 8 << 20, readTimeout + time.Second},
		"length not said":     {"10s", -1, readTimeout},
		"its review has less": {"1s", 8 << 20, 750 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serve(t, &slowIAM{}).dial()
				defer c.Close() //nolint:errcheck // a pipe
				length := fmt.Sprintf("Content-Length: %d", tt.length)
				if tt.length < 0 {
					length = "Transfer-Encoding: chunked"
				}
				started := time.Now()
				if _, err := fmt.Fprintf(c, "POST %s?timeout=%s HTTP/1.1\r\nHost: guard\r\nContent-Type: application/json\r\n%s\r\n\r\n", Path, tt.timeout, length); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close() //nolint:errcheck // read only
				text, err := io.ReadAll(resp.Body)
				if took := time.Since(started); err != nil || took != tt.want || !strings.Contains(string(text), "timeout") {
					t.Errorf("answered after %v: %v %s, want %v and that it is a timeout", took, err, text, tt.want)
				}
			})
		})
	}
}

// TestPanic: a panic is an answer to its review, which is denied, and the next one is judged.
func TestPanic(t *testing.T) {
	panics := func() (n float64) {
		families, err := ctrlmetrics.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "controller_runtime_webhook_panics_total" {
				n = f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		return n
	}
	webhook := Webhook(&Handler{Validator: func() *validate.Validator { panic("boom") }, Log: logr.Discard()})
	before := panics()
	for range 2 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, strings.NewReader(large("anybody")))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		webhook.ServeHTTP(w, r)
		const want = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"1","allowed":false,"status":{"metadata":{},"message":"panic: boom [recovered]","code":500}}}` + "\n"
		if got := w.Body.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if n := panics() - before; n != 2 {
		t.Errorf("%v panics are counted, want 2", n)
	}
}
