package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// slowFor answers one user only after all the time that there is for IAM, and everybody else at once.
type slowFor struct{ user string }

const iamTime = 5 * time.Second

func (s slowFor) Lookup(_ context.Context, asker principal.Asker, arns []awsauth.ARN) []principal.Principal {
	if asker.Username == s.user {
		time.Sleep(iamTime)
	}
	answers := make([]principal.Principal, len(arns))
	for i, a := range arns {
		answers[i] = principal.Principal{Existence: principal.Exists, ARN: a.String()}
	}
	return answers
}

func (slowFor) Self() (principal.Self, bool) { return principal.Self{}, false }

// TestNeighbours: one user's edits for which IAM is slow, of any shape and as many as the connections allow, leave another user's edit room.
// All of them come from one API server.
func TestNeighbours(t *testing.T) {
	entries := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "- rolearn: arn:aws:iam::111122223333:role/r%d\n  username: u%[1]d\n  groups: [viewers]\n", i)
		}
		return b.String()
	}
	for name, flood := range map[string]struct {
		padding string
		at      int // how many at the same time
	}{
		"small":            {"", 300},
		"many lines":       {strings.Repeat("#\n", 40_000), 30},
		"large":            {"# " + strings.Repeat("x", 900_000) + "\n", 24},
		"large in JSON":    {"# " + strings.Repeat("<", 900_000) + "\n", 12},
		"as alice's large": {entries(200), 200},
	} {
		for kind, dryRun := range map[string]bool{"edits": false, "dry runs": true} {
			for victim, old := range map[string]string{"small": nodes, "of 200 entries": nodes + entries(200), "of 700 entries": nodes + entries(700)} {
				t.Run(name+"/"+kind+"/"+victim, func(t *testing.T) {
					body := func(user string, dryRun bool, old string) string {
						r := request(admissionv1.Update, awsAuth(old), awsAuth(old+noGroups))
						r.UserInfo.Username, r.DryRun = user, &dryRun
						return marshalled(t, r)
					}
					mallorys, alices := body("mallory", dryRun, nodes+flood.padding), body("alice", false, old)
					synctest.Test(t, func(t *testing.T) {
						webhook := admission.Webhook(handler(t, "", validate.WithPorts(validate.Ports{Principals: slowFor{"mallory"}})))
						post := func(body string) (allowed bool, says string) {
							ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
							defer cancel()
							r := httptest.NewRequestWithContext(ctx, http.MethodPost, admission.Path+"?timeout=10s", strings.NewReader(body))
							r.Header.Set("Content-Type", "application/json")
							r.RemoteAddr = "10.0.0.1:443"
							w := httptest.NewRecorder()
							webhook.ServeHTTP(w, r)
							if w.Code != http.StatusOK {
								return false, w.Body.String()
							}
							var answer admissionv1.AdmissionReview
							if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Response == nil {
								t.Errorf("%v: %.300s", err, w.Body)
								return false, ""
							}
							return answer.Response.Allowed, fmt.Sprintf("%.300v", answer.Response.Result)
						}
						var over atomic.Bool
						var flooding sync.WaitGroup
						for range flood.at {
							flooding.Go(func() {
								for !over.Load() {
									post(mallorys)
									time.Sleep(time.Second)
								}
							})
						}
						time.Sleep(iamTime / 2)
						started := time.Now()
						if allowed, says := post(alices); !allowed {
							t.Errorf("denied after %s: %s", time.Since(started), says)
						}
						if took := time.Since(started); took > iamTime {
							t.Errorf("took %s, want one of the other's turns at most", took)
						} else {
							t.Logf("took %s", took)
						}
						over.Store(true)
						flooding.Wait()
					})
				})
			}
		}
	}
}
