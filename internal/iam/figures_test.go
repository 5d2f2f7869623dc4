package iam_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// figure is how long a decision waits for an IAM that is 40 ms away and takes 20 calls a second, and how many calls it costs. How long
// it takes with what the guard does itself, BenchmarkDecision says.
type figure struct {
	name  string
	waits time.Duration
	// prepare makes a fresh world and returns what is measured, and how many calls it costs.
	prepare func(t testing.TB) (measured func(), w *world, calls int)
}

var figures = []figure{
	{"one new role", away, func(t testing.TB) (func(), *world, int) {
		w := memoryWorld(t, "guard", "", seed())
		w.faults(workday)
		return func() { w.judge("", nil, ciEntry) }, w, 1
	}},
	{"one new role again", 0, func(t testing.TB) (func(), *world, int) {
		w := memoryWorld(t, "guard", "", seed())
		w.faults(workday)
		w.judge("", nil, ciEntry)
		w.aws.Forget()
		return func() { w.judge("", nil, ciEntry) }, w, 0
	}},
	{"500 new roles of 1,500", 2 * away, func(t testing.TB) (func(), *world, int) {
		w, entries := bulk(t)
		return func() { w.judge("", nil, entries) }, w, 2
	}},
	{"500 new roles again", 0, func(t testing.TB) (func(), *world, int) {
		w, entries := bulk(t)
		w.judge("", nil, entries)
		w.aws.Forget()
		return func() { w.judge("", nil, entries) }, w, 0
	}},
	{"a new role while IAM hangs, after the breaker opened", 0, func(t testing.TB) (func(), *world, int) {
		w := memoryWorld(t, "guard", "iam: {timeouts: {call: 100ms}}", seed())
		w.faults(fake.Faults{Answer: fake.Hang})
		for w.metric("aws_auth_guard_iam_breaker_open", map[string]string{"calls": "names"}) == 0 {
			w.judge("", nil, ciEntry)
		}
		w.aws.Forget()
		return func() { w.judge("", nil, ciEntry) }, w, 0
	}},
}

var ciEntry = map[string]string{"mapRoles": "- rolearn: " + own + "role/ci\n  username: ci\n  groups: [deployers]\n"}

func bulk(t testing.TB) (*world, map[string]string) {
	s := seed()
	text := ""
	for i, arn := range many(&s, 500, 1500) {
		text += fmt.Sprintf("- rolearn: %s\n  username: bulk-%d\n  groups: [deployers]\n", arn, i)
	}
	w := memoryWorld(t, "guard", "", s)
	w.faults(workday)
	return w, map[string]string{"mapRoles": text}
}

// TestFigures measures each figure once, alone, and prints it.
func TestFigures(t *testing.T) {
	for _, f := range figures {
		t.Run(f.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				measured, w, wantCalls := f.prepare(t)
				started := time.Now()
				measured()
				took, calls := time.Since(started), w.aws.Count("")
				t.Logf("%s: %s, %d calls", f.name, took, calls)
				if took != f.waits || calls != wantCalls {
					t.Errorf("%s and %d calls, want %s and %d calls", took, calls, f.waits, wantCalls)
				}
			})
		})
	}
	t.Run("50 edits at once", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := memoryWorld(t, "guard", "", seed())
			w.faults(workday)
			answers := make(chan validate.Report)
			started := time.Now()
			for range 50 {
				go func() { answers <- w.judge("", nil, ciEntry) }()
			}
			for range 50 {
				if r := <-answers; !r.Allowed {
					t.Errorf("refused: %+v", r.Findings)
				}
			}
			if took := time.Since(started); took != away {
				t.Errorf("took %s, want %s", took, away)
			}
			w.spent("", 1)
		})
	})
}

// BenchmarkDecision measures the same figures again and again, each time in a world that has seen nothing.
func BenchmarkDecision(b *testing.B) {
	for _, f := range figures {
		b.Run(f.name, func(b *testing.B) {
			calls := 0
			for range b.N {
				b.StopTimer()
				measured, w, _ := f.prepare(b)
				b.StartTimer()
				measured()
				calls += w.aws.Count("")
			}
			b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
		})
	}
}
