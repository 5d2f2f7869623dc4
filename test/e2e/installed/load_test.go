//go:build e2e

package installed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

const (
	// perSecond admissions are asked for while something happens to the guard, at most atATime at a time.
	perSecond = 60
	atATime   = 8
	// enough admissions to notice that one in a thousand is lost.
	enough = 1000
)

// admission is one edit of the load and what became of it.
type admission struct {
	begun, ended time.Time
	// failure says why it was not judged as it should be.
	failure error
}

// load is a stream of edits, good and bad in turn, all of which have to be judged right.
type load struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu   sync.Mutex
	made []admission
}

func startLoad(t *testing.T) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	t.Cleanup(func() { stop(); l.done.Wait() })
	limiter := rate.NewLimiter(perSecond, 1)
	for worker := range atATime {
		l.done.Go(func() {
			for n := worker; limiter.Wait(ctx) == nil; n++ {
				judge := admits
				if n%2 == 1 {
					judge = refuses
				}
				begun := time.Now()
				err := judge() // goes on when the load is stopped
				l.mu.Lock()
				l.made = append(l.made, admission{begun, time.Now(), err})
				l.mu.Unlock()
			}
		})
	}
	l.await(t, perSecond) // the connections are there, and something is on its way at any time
	return l
}

func (l *load) soFar() []admission {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.made)
}

// await waits until n more admissions were made.
func (l *load) await(t *testing.T, n int) {
	t.Helper()
	n += len(l.soFar())
	eventually(t, "the load", func() error {
		if made := len(l.soFar()); made < n {
			return fmt.Errorf("%d of %d admissions", made, n)
		}
		return nil
	})
}

// end ends the load when enough admissions were made, prints what became of them, and gives back those that failed.
func (l *load) end(t *testing.T, name string) (failed []admission) {
	t.Helper()
	l.await(t, max(0, enough-len(l.soFar())))
	l.stop()
	l.done.Wait()
	made := l.soFar()
	var longest time.Duration
	for _, a := range made {
		longest = max(longest, a.ended.Sub(a.begun))
		if a.failure != nil {
			failed = append(failed, a)
		}
	}
	measured(name+"-admissions", len(made))
	measured(name+"-failed", len(failed))
	measured(name+"-longest", longest)
	return failed
}

// wantNoneLost ends the load, of which nothing may have failed.
func (l *load) wantNoneLost(t *testing.T, name string) {
	t.Helper()
	var errs []error
	for _, a := range l.end(t, name) {
		errs = append(errs, a.failure)
	}
	if err := errors.Join(errs...); err != nil {
		t.Errorf("%d admissions failed:\n%v", len(errs), err)
	}
}
