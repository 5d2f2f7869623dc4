package iam_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const (
	// floodTries is how many edits TestFlood makes beside each flood. TestIAMFlood in test/chaos makes more, through an API server.
	floodTries = 6
	// floodWithin is how long an edit may take beside a flood.
	floodWithin = 3 * time.Second
)

// A user who floods the guard with new names, in whichever way, does not keep another user's edit from its answer, and the guard's own
// pace is not taken for an outage of AWS.
func TestFlood(t *testing.T) {
	t.Parallel()
	type flood struct {
		edits int // at the same time
		names int // in each
		asker func(edit int) principal.Asker
	}
	one := func(dryRun bool) func(int) principal.Asker {
		return func(int) principal.Asker { return principal.Asker{Username: "mallory", DryRun: dryRun} }
	}
	each := func(dryRun bool) func(int) principal.Asker {
		return func(n int) principal.Asker {
			return principal.Asker{Username: fmt.Sprintf("system:serviceaccount:default:mallory-%d", n), DryRun: dryRun}
		}
	}
	for as, latencyOf := range map[string]time.Duration{"no-lists": 300 * time.Millisecond, "guard": 100 * time.Millisecond} {
		for name, flood := range map[string]flood{
			"dry runs":                   {8, 10, one(true)},
			"edits":                      {8, 10, one(false)},
			"dry runs of 20 users":       {20, 10, each(true)},
			"small dry runs of 40 users": {40, 1, each(true)},
			"small edits":                {40, 1, one(false)},
			"edits of 20 users":          {20, 10, each(false)},
		} {
			t.Run(as+"/"+name, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					s := seed()
					for n := range floodTries {
						s.Roles = append(s.Roles, fake.Role{ARN: fmt.Sprintf("%srole/new-%d", own, n)})
					}
					w := memoryWorld(t, as, "", s)
					w.faults(fake.Faults{Latency: latency(latencyOf)})
					ctx, cancel := context.WithCancel(t.Context())
					var flooding sync.WaitGroup
					for edit := range flood.edits {
						flooding.Go(func() {
							for n := 0; ctx.Err() == nil; n++ {
								arns := make([]string, flood.names)
								for i := range arns {
									arns[i] = fmt.Sprintf("%srole/flood-%d-%d-%d", own, edit, n, i)
								}
								within, done := context.WithTimeout(ctx, 9500*time.Millisecond)
								w.lookupFor(within, flood.asker(edit), arns...)
								done()
								time.Sleep(20 * time.Millisecond) // a caller without a turn tries again, after a moment
							}
						})
					}
					defer flooding.Wait()
					defer cancel()
					for w.aws.Count("") < 25 { // the burst is used up
						time.Sleep(10 * time.Millisecond)
					}
					var took []time.Duration
					for n := range floodTries {
						name, want := fmt.Sprintf("%srole/new-%d", own, n), principal.Exists
						if n%2 == 1 { // one that is not there costs the most calls
							name, want = fmt.Sprintf("%srole/none-%d", own, n), principal.Missing
						}
						within, done := context.WithTimeout(t.Context(), 9500*time.Millisecond)
						started := time.Now()
						got := w.lookupFor(within, principal.Asker{Username: "alice"}, name)[0]
						done()
						took = append(took, time.Since(started))
						if got.Existence != want || took[n] > floodWithin {
							t.Errorf("try %d: %+v after %s, want existence %d within %s", n, got, took[n], want, floodWithin)
						}
						if w.metric("aws_auth_guard_iam_breaker_open", map[string]string{"calls": "names"}) > 0 {
							t.Fatalf("try %d: the breaker is open, and AWS answers everything", n)
						}
					}
					slices.Sort(took)
					t.Logf("%d edits: median %s, slowest %s", len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
					if n := w.metric("aws_auth_guard_iam_calls_total", map[string]string{"outcome": "timed_out"}); n > 0 {
						t.Errorf("%v calls cut off, and AWS answered all of them in time", n)
					}
				})
			})
		}
	}
}
