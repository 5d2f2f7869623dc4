package iam_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// away is how far IAM is away on a working day.
const away = 40 * time.Millisecond

// workday is IAM as it is on a working day: 40 ms away, and no more than 20 calls a second.
var workday = fake.Faults{Latency: latency(away), Rate: 20}

// How many calls an edit costs.
func TestCost(t *testing.T) {
	t.Parallel()
	t.Run("one new role", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "", seed())
			w.faults(workday)
			all(t, principal.Exists, w.lookup(own+"role/ci"))
			w.spent("GetRole", 1)
			all(t, principal.Exists, w.lookup(own+"role/ci"))
			w.spent("", 1)
			if hits := w.metric("aws_auth_guard_iam_cache_hits_total", nil); hits != 1 {
				t.Errorf("%v cache hits, want 1", hits)
			}
		})
	})
	t.Run("500 new roles of 1,500", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			s := seed()
			arns := many(&s, 500, 1500)
			w := memoryWorld(t, "guard", "", s)
			w.faults(workday)
			all(t, principal.Exists, w.lookup(arns...))
			w.spent("ListRoles", 2)
			w.spent("", 2)
			all(t, principal.Exists, w.lookup(arns...))
			w.spent("", 2)
		})
	})
	t.Run("500 new roles, 20 of them misspelt", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			s := seed()
			arns := many(&s, 480, 1500)
			for i := range 20 {
				arns = append(arns, fmt.Sprintf("%srole/bullk-%04d", own, i))
			}
			w := memoryWorld(t, "guard", "iam: {timeouts: {call: 5s, total: 9s}}", s)
			w.faults(workday)
			answers := w.lookup(arns...)
			all(t, principal.Exists, answers[:480])
			all(t, principal.Missing, answers[480:])
			for _, a := range answers[480:] {
				if len(a.Suggestions) == 0 {
					t.Errorf("no suggestion: %+v", a)
				}
			}
			w.spent("ListRoles", 4) // the second look is a list too
		})
	})
	t.Run("500 new roles without lists", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			s := seed()
			arns := many(&s, 500, 500)
			w := memoryWorld(t, "no-lists", "iam: {timeouts: {total: 2s}}", s)
			found := 0
			for _, a := range w.lookup(arns...) {
				switch {
				case a.Existence == principal.Exists:
					found++
				case a.Existence != principal.Unverified || a.Reason != principal.ReasonThrottled && a.Reason != principal.ReasonTimeout:
					t.Fatalf("%+v, want it to exist or not to be asked for", a)
				}
			}
			if calls := w.aws.Count("GetRole"); found < 20 || calls > 45 { // a burst of 20, and 10 a second
				t.Errorf("%d found with %d calls, want 20 at least with 45 at most", found, calls)
			}
		})
	})
	t.Run("50 edits at once that name the same new role", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "", seed())
			w.faults(workday)
			var g sync.WaitGroup
			for range 50 {
				g.Go(func() {
					if got := w.lookup(own + "role/ci")[0]; got.Existence != principal.Exists {
						t.Errorf("%+v, want it to exist", got)
					}
				})
			}
			g.Wait()
			w.spent("", 1)
		})
	})
	t.Run("50 edits at once that name the same misspelt role", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "", seed())
			w.faults(workday)
			var g sync.WaitGroup
			for range 50 {
				g.Go(func() {
					if got := w.lookup(own + "role/deplyoer")[0]; got.Existence != principal.Missing {
						t.Errorf("%+v, want it missing", got)
					}
				})
			}
			g.Wait()
			if calls := w.aws.Count(""); calls > 8 { // two looks, a list and a user; the stragglers may cost as much again
				t.Errorf("%d calls, want 8 at most", calls)
			}
		})
	})
	t.Run("500 roles of an account whose role may not be assumed", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "accounts: [{id: '444455556666', roleARN: 'arn:aws:iam::444455556666:role/closed'}]", seed())
			var arns []string
			for i := range 500 {
				arns = append(arns, fmt.Sprintf("%srole/bulk-%d", other, i))
			}
			for _, a := range w.lookup(arns...) {
				if a.Reason != principal.ReasonForeign {
					t.Fatalf("%+v, want it foreign", a)
				}
			}
			w.spent("", 1)
		})
	})
}

func (w *world) spent(api string, want int) {
	w.t.Helper()
	if got := w.aws.Count(api); got != want {
		w.t.Errorf("%d calls %s, want %d: %v", got, api, want, w.aws.Calls())
	}
}

func all(t *testing.T, want principal.Existence, answers []principal.Principal) {
	t.Helper()
	for i, a := range answers {
		if a.Existence != want {
			t.Fatalf("answer %d: %+v, want existence %d", i, a, want)
		}
	}
}

// IAM is eventually consistent: what was made a moment ago is found anyway.
func TestEventualConsistency(t *testing.T) {
	t.Parallel()
	t.Run("made just before the edit", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "", seed())
			w.faults(fake.Faults{Consistency: latency(400 * time.Millisecond)})
			w.createRole("fresh")
			all(t, principal.Exists, w.lookup(own+"role/fresh"))
			w.spent("GetRole", 2)
		})
	})
	t.Run("made after the refusal", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "", seed())
			all(t, principal.Missing, w.lookup(own+"role/fresh"))
			w.aws.Forget()
			all(t, principal.Missing, w.lookup(own+"role/fresh"))
			w.spent("", 0) // the requests of one kubectl command share one answer
			w.createRole("fresh")
			time.Sleep(iam.MissingFor) // no condition to poll for: the answer has to be forgotten
			all(t, principal.Exists, w.lookup(own+"role/fresh"))
		})
	})
	t.Run("still unknown at the second look", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "iam: {timeouts: {total: 2s}}", seed())
			w.faults(fake.Faults{Consistency: latency(time.Minute)})
			w.createRole("fresh")
			all(t, principal.Missing, w.lookup(own+"role/fresh"))
		})
	})
}

// While IAM hangs, every answer comes in time, and after the first it comes at once.
func TestHang(t *testing.T) {
	t.Parallel()
	for name, arns := range map[string][]string{
		"a role":          {own + "role/ci"},
		"a user":          {own + "user/people/alice"},
		"another account": {other + "role/auditor"},
		"many roles":      func() []string { s := seed(); return many(&s, 50, 50) }(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				w := memoryWorld(t, "guard", reading+"iam: {timeouts: {call: 300ms, total: 3s}}", seed())
				w.faults(fake.Faults{Answer: fake.Hang})
				for {
					ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
					started := time.Now()
					for _, a := range w.lookupWithin(ctx, arns...) {
						if a.Existence != principal.Unverified || a.Reason != principal.ReasonTimeout {
							t.Errorf("%+v, want a timeout", a)
						}
					}
					took, late := time.Since(started), ctx.Err()
					cancel()
					if late != nil {
						t.Fatalf("answered after %s, too late", took)
					}
					if w.metric("aws_auth_guard_iam_breaker_open", map[string]string{"calls": "names"}) > 0 && took == 0 {
						break // open, and no longer waited for
					}
					if t.Failed() {
						return
					}
				}
				calls := w.aws.Count("")
				w.lookup(arns...)
				w.spent("", calls)
			})
		})
	}
}

// A deadline that is shorter than all of the guard's own limits is kept.
func TestDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := memoryWorld(t, "guard", "", seed())
		w.faults(fake.Faults{Latency: latency(time.Minute)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		answers := w.lookupWithin(ctx, own+"role/ci", own+"user/people/alice")
		if ctx.Err() != nil {
			t.Fatal("answered after the deadline")
		}
		for _, a := range answers {
			if a.Existence != principal.Unverified || a.Reason != principal.ReasonTimeout {
				t.Errorf("%+v, want a timeout", a)
			}
		}
	})
}

// A throttle that passes is waited for.
func TestThrottledOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		w := memoryWorld(t, "guard", "", seed())
		w.faults(fake.Faults{Answer: fake.Throttling})
		go func() {
			for w.aws.Count("GetRole") == 0 {
				time.Sleep(time.Millisecond)
			}
			_ = w.aws.SetFaults(fake.Faults{}) // no faults are sound faults
		}()
		all(t, principal.Exists, w.lookup(own+"role/ci"))
		if w.metric("aws_auth_guard_iam_throttled_total", nil) == 0 {
			t.Error("not counted as throttled")
		}
	})
}

// A request's own deadline is no outage of AWS: what it cuts short is the waiting, not the call, and the next to ask has the answer.
func TestOwnDeadline(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		w := memoryWorld(t, "guard", "iam: {timeouts: {call: 5s, total: 300ms}}", seed())
		w.faults(fake.Faults{Latency: latency(time.Second)})
		for _, name := range []string{"nodes", "ci", "deployer", "Mixed-Case"} {
			got := w.lookup(own + "role/" + name)[0]
			if got.Existence != principal.Unverified || got.Reason != principal.ReasonTimeout || !strings.Contains(got.Detail, "before the time for this request ended") {
				t.Errorf("%+v, want a timeout that is the request's own", got)
			}
		}
		unanswered := func(p principal.Principal) bool { return p.Existence != principal.Exists }
		for end := time.Now().Add(10 * time.Second); slices.ContainsFunc(w.lookup(own+"role/nodes", own+"role/ci", own+"role/deployer", own+"role/Mixed-Case"), unanswered); {
			if time.Now().After(end) {
				t.Fatal("the calls were not let come to their end")
			}
		}
		w.spent("", 4)
		if n := w.metric("aws_auth_guard_iam_breaker_open", nil); n > 0 {
			t.Error("taken for an outage of AWS")
		}
	})
}

// A list that takes longer than any request has is given up, and names are asked for one by one.
func TestSlowList(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		s := seed()
		arns := many(&s, 11, 5500)
		w := memoryWorld(t, "guard", "iam: {timeouts: {call: 5s, total: 1200ms}}", s)
		w.faults(fake.Faults{Latency: latency(300 * time.Millisecond)})
		all(t, principal.Unverified, w.lookup(arns...))
		for w.metric("aws_auth_guard_iam_breaker_open", map[string]string{"calls": "lists"}) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		all(t, principal.Exists, w.lookup(arns...))
		if n := w.metric("aws_auth_guard_iam_breaker_open", map[string]string{"calls": "names"}); n > 0 {
			t.Error("slow lists keep names from being asked for")
		}
	})
}

// Where a list is not permitted, that is found out once, and not with every name that is not found. It is asked for again when the time
// is over, when the policy names another role, and when only the credentials were invalid.
func TestUnlisted(t *testing.T) {
	t.Parallel()
	t.Run("own", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			s := seed()
			arns := many(&s, 11, 11)
			w := memoryWorld(t, "no-lists", "", s)
			for n := range 3 {
				all(t, principal.Missing, w.lookup(fmt.Sprintf("%srole/none-%d", own, n), fmt.Sprintf("%suser/none-%d", own, n)))
			}
			all(t, principal.Exists, w.lookup(arns...))
			w.spent("ListRoles", 1)
			w.spent("ListUsers", 1)
			w.directory.ForgetUnlisted()
			all(t, principal.Missing, w.lookup(own+"role/none"))
			w.spent("ListRoles", 2)
		})
	})
	t.Run("another role", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", reading, seed())
			denied := fake.Faults{Answer: fake.AccessDenied, Actions: []string{"ListRoles"}}
			w.faults(denied)
			all(t, principal.Missing, w.lookup(other+"role/auditr"))
			w.faults(fake.Faults{})
			if got := w.lookup(other + "role/auditer")[0]; len(got.Suggestions) > 0 {
				t.Errorf("%+v, want the list not to be asked for", got)
			}
			w.directory.Configure(parsePolicy(t, reading+"  externalID: demo/1@example.com\n"))
			if got := w.lookup(other + "role/auditorr")[0]; !slices.Equal(got.Suggestions, []string{other + "role/auditor"}) {
				t.Errorf("%+v, want the list to be asked for", got)
			}
		})
	})
	t.Run("credentials", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "", seed())
			w.faults(fake.Faults{Answer: fake.ExpiredToken, Actions: []string{"ListRoles"}})
			all(t, principal.Missing, w.lookup(own+"role/deplyoer"))
			w.faults(fake.Faults{})
			if got := w.lookup(own + "role/deplyer")[0]; !slices.Equal(got.Suggestions, []string{own + "role/deployer"}) {
				t.Errorf("%+v, want the list to be asked for", got)
			}
		})
	})
}

// A caller that asks after the policy has named another way to read an account does not wait for an answer to the one before, whatever is asked.
func TestConfigureWhileCallsRun(t *testing.T) {
	t.Parallel()
	s := seed()
	var roles []string
	for n := range 11 {
		roles = append(roles, fmt.Sprintf("%srole/app-%d", other, n))
		s.Roles = append(s.Roles, fake.Role{ARN: roles[n]})
	}
	for name, arns := range map[string][]string{"a role": {other + "role/auditor"}, "a user": {other + "user/bob"}, "a list": roles} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				const patient = "iam: {timeouts: {call: 20s, total: 8s}}"
				w := memoryWorld(t, "guard", reading+patient, s)
				w.faults(fake.Faults{Answer: fake.Hang, Actions: []string{"GetRole", "GetUser", "ListRoles"}})
				ctx, cancel := context.WithCancel(t.Context())
				var before sync.WaitGroup
				before.Go(func() { w.lookupWithin(ctx, arns...) })
				defer before.Wait()
				defer cancel()
				for w.aws.Count("GetRole")+w.aws.Count("GetUser")+w.aws.Count("ListRoles") == 0 {
					time.Sleep(time.Millisecond)
				}
				w.faults(fake.Faults{})
				w.directory.Configure(parsePolicy(t, reading+"  externalID: demo/1@example.com\n"+patient))
				all(t, principal.Exists, w.lookup(arns...))
			})
		})
	}
}
