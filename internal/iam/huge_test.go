package iam_test

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// distance is how long answers take at least, as over a network. Where one is there at once, the SDK closes the request's body while Go's
// transport is still looking whether there is more of it, and the transport takes that for an error and cuts the connection.
const distance = 20 * time.Millisecond

// maxHeap is what huge answers may cost: ten names at once, or a page of a list with what the SDK makes of it.
const maxHeap = 120 << 20

// peakHeap is the most that the heap has held while do ran, above what it held before.
func peakHeap(do func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // garbage is not what is measured
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done, measured := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(measured)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	}()
	do()
	close(done)
	<-measured
	return peak - before
}

// However much somebody answers, plain or compressed: little of it is read, and the finding says so.
func TestHugeAnswers(t *testing.T) {
	list := make([]string, 12)
	for i := range list {
		list[i] = own + "role/" + strings.Repeat("x", i+1)
	}
	for name, tt := range map[string]struct {
		action string
		arns   []string
		says   string
	}{
		"names":            {"GetRole", list[:10], "the answer to iam:GetRole is larger than 1 MiB, more than AWS ever sends"},
		"users":            {"GetUser", []string{own + "user/people/alice"}, "the answer to iam:GetUser is larger than 1 MiB"},
		"a list":           {"ListRoles", list, ""}, // the names are asked for one by one
		"a role to assume": {"AssumeRole", []string{other + "role/auditor"}, "the answer to sts:AssumeRole is larger than 1 MiB"},
		"who it is":        {"GetCallerIdentity", []string{own + "role/nope"}, "the answer to sts:GetCallerIdentity is larger than 1 MiB"},
	} {
		for _, answer := range []fake.Answer{fake.Huge, fake.HugeGzip, fake.ManyElements} {
			t.Run(name+"/"+string(answer), func(t *testing.T) {
				f, url := serve(t, seed())
				bareEnvironment(t, url)
				t.Setenv("AWS_ACCESS_KEY_ID", "guard")
				t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
				if err := f.SetFaults(fake.Faults{Answer: answer, Actions: []string{tt.action}, Latency: latency(distance)}); err != nil {
					t.Fatal(err)
				}
				d := fromEnvironment(t, parsePolicy(t, reading+"iam: {timeouts: {call: 20s, total: 30s}}"))
				w := &world{t: t, aws: f, directory: d}
				var got []principal.Principal
				if peak := peakHeap(func() { got = w.lookupWithin(t.Context(), tt.arns...) }); peak > maxHeap {
					t.Errorf("%d MiB of heap, want %d at most", peak>>20, maxHeap>>20)
				} else {
					t.Logf("%d MiB", peak>>20)
				}
				if f.Count(tt.action) == 0 {
					t.Errorf("no call %s: %v", tt.action, f.Calls())
				}
				for _, p := range got {
					if tt.says == "" {
						if p.Existence != principal.Missing {
							t.Errorf("%+v, want it missing", p)
						}
					} else if p.Existence != principal.Unverified || !strings.Contains(p.Detail, tt.says) {
						t.Errorf("%+v, want it unverified: %s", p, tt.says)
					}
				}
			})
		}
	}
}

// The same for what answers with the guard's own credentials.
func TestHugeCredentials(t *testing.T) {
	filler := bytes.Repeat([]byte("A"), 1<<20)
	huge := func(zip bool, begin string) http.HandlerFunc {
		start, rest := []byte(begin), filler
		if zip {
			start, rest = fake.Gzip(start), fake.Gzip(rest)
		}
		return func(w http.ResponseWriter, _ *http.Request) {
			if zip {
				w.Header().Set("Content-Encoding", "gzip")
			}
			time.Sleep(distance)
			_, err := w.Write(start)
			for i := 0; err == nil && i < 256; i++ {
				_, err = w.Write(rest)
			}
		}
	}
	for name, set := range map[string]func(t *testing.T, zip bool){
		"container": func(t *testing.T, zip bool) {
			url := fake.Serve(t, huge(zip, `{"AccessKeyId":"`))
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url+"/v1/credentials")
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a token")
		},
		"instance": func(t *testing.T, zip bool) {
			h := huge(zip, "{\"Code\":\"Success\",\"AccessKeyId\":\"")
			url := fake.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/latest/api/token":
					w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
					_, _ = w.Write([]byte("token"))
				case "/latest/meta-data/iam/security-credentials/":
					_, _ = w.Write([]byte("role"))
				default:
					h(w, r)
				}
			}))
			t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
		},
		"web identity": func(t *testing.T, zip bool) {
			url := fake.Serve(t, huge(zip, "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>"))
			token := filepath.Join(t.TempDir(), "token")
			write(t, token, "a web identity token")
			t.Setenv("AWS_ROLE_ARN", own+"role/irsa")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
			t.Setenv("AWS_ENDPOINT_URL_STS", url)
		},
	} {
		for _, zip := range []bool{false, true} {
			kind := map[bool]string{false: "plain", true: "gzip"}[zip]
			t.Run(name+"/"+kind, func(t *testing.T) {
				_, url := serve(t, seed())
				bareEnvironment(t, url)
				set(t, zip)
				d := fromEnvironment(t, parsePolicy(t, "iam: {timeouts: {call: 20s, total: 30s}}"))
				w := &world{t: t, directory: d}
				var got principal.Principal
				ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
				defer cancel()
				if peak := peakHeap(func() { got = w.lookupWithin(ctx, own+"role/nodes")[0] }); peak > maxHeap {
					t.Errorf("%d MiB of heap, want %d at most", peak>>20, maxHeap>>20)
				} else {
					t.Logf("%d MiB", peak>>20)
				}
				if got.Existence != principal.Unverified || !strings.Contains(got.Detail, "credentials is larger than 1 MiB, more than AWS ever sends") {
					t.Errorf("%+v, want it unverified", got)
				}
			})
		}
	}
}
