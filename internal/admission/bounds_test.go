package admission

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// readFunc is a body.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// wasRead is how the answer to a body that is no review begins.
const wasRead = "400 "

// Large bodies wait for each other, and not for ever; small ones wait for nobody.
func TestLargeBodiesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		held := 0
		webhook := Webhook(&Handler{})
		post := func(from string, length int64, body io.Reader) string {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path+"?timeout=2s", body)
			r.Header.Set("Content-Type", "application/json")
			r.ContentLength, r.RemoteAddr = length, from+":1"
			w := httptest.NewRecorder()
			webhook.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				var status metav1.Status
				if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil || status.Kind != "Status" || status.Status != metav1.StatusFailure ||
					int(status.Code) != w.Code || w.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%v: HTTP status %d: %s", err, w.Code, w.Body)
				}
				return fmt.Sprint(w.Code, " ", status.Message)
			}
			var answer admissionv1.AdmissionReview
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Response == nil || answer.Response.Allowed {
				t.Errorf("%v: %s", err, w.Body)
				return ""
			}
			return fmt.Sprint(answer.Response.Result.Code, " ", answer.Response.Result.Message)
		}
		slowly := readFunc(func([]byte) (int, error) { held++; <-leave; held--; return 0, io.EOF })
		go post("10.0.0.1", maxBody, slowly)
		synctest.Wait()
		if held != 1 {
			t.Fatalf("%d are read, want the first", held)
		}
		for name, got := range map[string]string{
			"one more":                  post("10.0.0.1", maxBody, strings.NewReader("x")),
			"large, length not said":    post("10.0.0.1", -1, strings.NewReader(strings.Repeat("x", smallBody+1))),
			"from elsewhere, as large":  post("10.0.0.2", maxBody, strings.NewReader("x")),
			"more than there can be":    post("10.0.0.3", maxBody+1, strings.NewReader("x")),
			"small, length not said":    post("10.0.0.1", -1, strings.NewReader(strings.Repeat("x", smallBody))),
			"small":                     post("10.0.0.1", 1, strings.NewReader("x")),
			"as there is room for some": post("10.0.0.1", smallBody, strings.NewReader("x")),
		} {
			want := map[string]string{"one more": "503 too many", "large, length not said": "503 too many", "from elsewhere, as large": "503 too many",
				"more than there can be": "413 the review is too large"}[name]
			if want = cmp.Or(want, wasRead); !strings.HasPrefix(got, want) {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		close(leave)
		synctest.Wait()
		if got := post("10.0.0.1", maxBody, strings.NewReader("x")); !strings.HasPrefix(got, wasRead) {
			t.Errorf("when there is room again: %s", got)
		}
	})
}

// A user who asks for more than their share waits for their own requests.
func TestQueueTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(10)
		ctx, cancel := context.WithCancel(t.Context())
		release, err := q.take(ctx, "a", "", 99) // counts as all
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		say := func(who string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, who)
		}
		said := func() string { // since it was asked last
			mu.Lock()
			defer mu.Unlock()
			all := strings.Join(order, " ")
			order = nil
			return all
		}
		wait := func(from string, share int64) {
			go func() {
				release, err := q.take(ctx, from, "", share)
				if err != nil {
					say(from + " gone")
					return
				}
				say(from)
				time.Sleep(time.Second)
				release()
			}()
			synctest.Wait()
		}
		for range 3 {
			wait("a", 6)
		}
		wait("b", 6)
		release()
		time.Sleep(5 * time.Second)
		if got := said(); got != "a b a a" {
			t.Errorf("order %s", got)
		}

		// Those who leave are in nobody's way, and take nothing with them.
		release, err = q.take(t.Context(), "a", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		wait("a", 10)
		wait("b", 1)
		cancel()
		synctest.Wait()
		release()
		synctest.Wait()
		if order := said(); len(q.waiting) != 0 || len(q.turns) != 0 || q.free != q.most || strings.Count(order, "gone") != 2 {
			t.Errorf("after all have left: %+v, %s", q, order)
		}
	})
}

// However much is judged at once, an edit of usual size has its turn, and no more is judged than fits into memory.
func TestJudgedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBounds()
		object := func(marks int) *corev1.ConfigMap {
			return &corev1.ConfigMap{Data: map[string]string{"mapRoles": strings.Repeat("\n", marks)}}
		}
		var mu sync.Mutex
		at := map[string]int{}
		add := func(lane string, marks int) {
			mu.Lock()
			defer mu.Unlock()
			at[lane] += marks
			if at["large"] > mostLarger || at["small"] > mostSmall {
				t.Errorf("at once: %v marks", at)
			}
		}
		for _, size := range []int{5, smallMarks / 2, smallMarks, validate.MaxMarks / 2, validate.MaxMarks} {
			for i := range 40 {
				go func() {
					done, err := b.judge(t.Context(), fmt.Sprint("10.0.0.", i%2), validate.Request{Old: object(size - 1), New: object(size - 1)})
					if err != nil {
						t.Error(err)
						return
					}
					lane := "large"
					if 2*size <= smallMarks {
						lane = "small"
					}
					add(lane, 2*size)
					time.Sleep(time.Second)
					add(lane, -2*size)
					done()
				}()
			}
		}
		synctest.Wait()
		started := time.Now()
		done, err := b.judge(t.Context(), "10.0.0.9", validate.Request{New: object(100)})
		if err != nil {
			t.Fatal(err)
		}
		done()
		if waited := time.Since(started); waited > time.Second {
			t.Errorf("an edit of usual size waited %v", waited)
		}
		time.Sleep(time.Hour)
	})
}

// However many dry runs of however many users wait for IAM, an edit has its turn at once.
func TestDryRunsKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBounds()
		object := &corev1.ConfigMap{Data: map[string]string{"mapRoles": strings.Repeat("\n", 500)}} // an aws-auth of 60 entries
		at, most := 0, 0
		var mu sync.Mutex
		for range 200 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				done, err := b.judge(ctx, "10.0.0.1", validate.Request{Old: object, New: object, DryRun: true})
				if err != nil {
					return
				}
				mu.Lock()
				at++
				most = max(most, at)
				mu.Unlock()
				time.Sleep(5 * time.Second)
				mu.Lock()
				at--
				mu.Unlock()
				done()
			}()
		}
		synctest.Wait()
		started := time.Now()
		done, err := b.judge(t.Context(), "10.0.0.1", validate.Request{Old: object, New: object})
		if err != nil {
			t.Fatal(err)
		}
		done()
		if waited := time.Since(started); waited > 0 {
			t.Errorf("an edit waited %v for dry runs", waited)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if room := mostDryRuns / (2 * 501); most != room {
			t.Errorf("%d dry runs at once, want %d", most, room)
		}
	})
}

// reviewOf is a review of an edit of aws-auth, whose parts anybody can choose.
func reviewOf(operation admissionv1.Operation, user authenticationv1.UserInfo, old, updated *corev1.ConfigMap) admission.Request {
	r := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{UID: "1", Operation: operation, Name: Name, Namespace: Namespace, UserInfo: user}}
	if old != nil {
		r.OldObject.Object = old
	}
	if updated != nil {
		r.Object.Object = updated
	}
	return r
}

func awsAuth(mapRoles string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: Name, Namespace: Namespace}, Data: map[string]string{"mapRoles": mapRoles}}
}

const nodeRole = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"

// What no aws-auth can be is denied unread; a fix is allowed, and so are callers that are never denied.
func TestTooLargeToJudge(t *testing.T) {
	p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\nbreakGlass: {groups: [break-glass]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := validate.New(p)
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard()}
	huge := awsAuth(nodeRole + strings.Repeat("- {}\n", validate.MaxMarks/2))
	labelled := huge.DeepCopy()
	labelled.Labels = map[string]string{"a": "b"}
	full := awsAuth(nodeRole)
	for i := 0; len(full.Data["mapRoles"]) < 960_000; i += 1000 {
		var more strings.Builder
		for j := range 1000 {
			fmt.Fprintf(&more, "- {rolearn: 'arn:aws:iam::111122223333:role/r%d', username: u%[1]d, groups: [a]}\n", i+j)
		}
		full.Data["mapRoles"] += more.String()
	}
	anybody := authenticationv1.UserInfo{Username: "anybody"}
	for name, tt := range map[string]struct {
		request admission.Request
		allowed bool
		code    int32
		says    string
	}{
		"too much":                {reviewOf(admissionv1.Update, anybody, awsAuth(nodeRole), huge), false, 413, "line ends, commas and opening brackets"},
		"a label on it":           {reviewOf(admissionv1.Update, anybody, huge, labelled), true, 200, ""},
		"its repair":              {reviewOf(admissionv1.Update, anybody, huge, awsAuth(nodeRole)), true, 200, ""},
		"its end":                 {reviewOf(admissionv1.Delete, anybody, huge, nil), false, 422, "AA501"},
		"a break-glass group":     {reviewOf(admissionv1.Update, authenticationv1.UserInfo{Username: "a", Groups: []string{"break-glass"}}, awsAuth(nodeRole), huge), true, 200, ""},
		"a ConfigMap of entries":  {reviewOf(admissionv1.Create, anybody, nil, full), true, 200, ""},
		"a caller of a megabyte":  {reviewOf(admissionv1.Create, authenticationv1.UserInfo{Groups: []string{strings.Repeat("g", maxUser+1)}}, nil, awsAuth(nodeRole)), false, 413, "userInfo is too large"},
		"a caller in many groups": {reviewOf(admissionv1.Create, authenticationv1.UserInfo{Groups: strings.Split(strings.Repeat("group-of-mine ", 2000), " ")}, nil, awsAuth(nodeRole)), true, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.Handle(t.Context(), tt.request)
			if r.Allowed != tt.allowed || r.Result == nil && tt.code != 200 || r.Result != nil && (r.Result.Code != tt.code || !strings.Contains(r.Result.Message, tt.says)) {
				t.Errorf("allowed %v, %.300v; want %v, %d, %q", r.Allowed, r.Result, tt.allowed, tt.code, tt.says)
			}
		})
	}
}

// Whatever a review says, the guard keeps and logs no more of it than it would of an honest one.
func TestNothingIsKept(t *testing.T) {
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	longest := 0
	sink := recorder{func(length int) { longest = max(longest, length) }}
	h := &Handler{Validator: func() *validate.Validator { return v }, Log: logr.New(sink), Metrics: NewMetrics(registry)}
	count := func() (series int) {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			series += len(f.Metric)
			for _, m := range f.Metric {
				for _, l := range m.Label {
					if len(l.GetValue()) > 32 {
						t.Errorf("%s has a label of %d bytes", f.GetName(), len(l.GetValue()))
					}
				}
			}
		}
		return series
	}
	long := func(i int) string { return fmt.Sprint(i) + strings.Repeat("x", 50_000) }
	send := func(i int) {
		for _, change := range []func(*admission.Request){
			func(r *admission.Request) { r.Operation = admissionv1.Operation(long(i)) },
			func(r *admission.Request) { r.UserInfo.Username = long(i) },
			func(r *admission.Request) { r.UID = types.UID(long(i)) },
			func(r *admission.Request) { r.Name = long(i) },
			func(r *admission.Request) { r.Object.Object.(*corev1.ConfigMap).Name = long(i) },
			func(r *admission.Request) { r.Object.Object = nil; r.Object.Raw = []byte(`{"kind":"` + long(i) + `"}`) },
			func(r *admission.Request) { r.Operation = admissionv1.Operation(long(i)); r.Namespace = "other" },
			func(r *admission.Request) { r.Object.Object.(*corev1.ConfigMap).Data[long(i)] = "x" },
		} {
			r := reviewOf(admissionv1.Create, authenticationv1.UserInfo{Username: "u"}, nil, awsAuth(nodeRole))
			change(&r)
			if answer := h.Handle(t.Context(), r); answer.Result != nil && len(answer.Result.Message) > 10_000 {
				t.Errorf("an answer of %d bytes", len(answer.Result.Message))
			}
		}
	}
	send(0)
	before := count()
	for i := range 20 {
		send(i + 1)
	}
	if after := count(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	if longest > 4*maxLogged {
		t.Errorf("a log line has a value of %d bytes", longest)
	}
}

// recorder records how long the values in log lines are.
type recorder struct{ saw func(length int) }

func (recorder) Init(logr.RuntimeInfo)            {}
func (recorder) Enabled(int) bool                 { return true }
func (r recorder) WithValues(...any) logr.LogSink { return r }
func (r recorder) WithName(string) logr.LogSink   { return r }
func (r recorder) Info(_ int, message string, values ...any) {
	for _, v := range append(values, message) {
		r.saw(len(fmt.Sprint(v)))
	}
}
func (r recorder) Error(err error, message string, values ...any) {
	r.Info(0, message, append(values, errors.Unwrap(err))...)
}
