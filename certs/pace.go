package certs

import (
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
)

const (
	// firstPause and longestPause bound the time between two writes of one object. The longest is as long as anything may
	// stay unnoticed anyway, so that a tool that undoes a write every few minutes is answered at once.
	firstPause   = 200 * time.Millisecond
	longestPause = lookEvery
	// quiet is how long after the last write the next is the first again.
	quiet = 2 * longestPause
	// contested is how many writes without a quiet time between them show that somebody else keeps writing.
	contested = 4
	// young is for how long nobody replaces what can be used.
	young = time.Minute
)

// pace keeps the writes of an object apart, each time by twice as long, with jitter: replicas that start together must not
// go on together.
type pace struct {
	steady  clock.PassiveClock
	limiter workqueue.TypedRateLimiter[string]

	mu            sync.Mutex
	written, next map[string]time.Time
}

func newPace(steady clock.PassiveClock) *pace {
	return &pace{steady: steady, limiter: workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstPause, longestPause),
		written: map[string]time.Time{}, next: map[string]time.Time{}}
}

// left is how long to wait before the next write of an object.
func (p *pace) left(object string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next[object].Sub(p.steady.Now())
}

// wrote counts a write that was tried, and says whether somebody else keeps writing.
func (p *pace) wrote(object string) (repeated bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.steady.Now()
	if now.Sub(p.written[object]) > quiet {
		p.limiter.Forget(object)
	}
	p.written[object], p.next[object] = now, now.Add(wait.Jitter(p.limiter.When(object), 0.25))
	return p.limiter.NumRequeues(object) >= contested
}

// contested is what wrote said last.
func (p *pace) contested(object string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limiter.NumRequeues(object) >= contested && p.steady.Since(p.written[object]) <= quiet
}

// lastWrite says who wrote an object last, and when, by the API server's clock. With a field it is who owns that, unless
// nobody does.
func lastWrite(o metav1.Object, field string) (manager string, at time.Time) {
	find := func(all bool) {
		for _, m := range o.GetManagedFields() {
			owns := all || m.FieldsV1 != nil && strings.Contains(m.FieldsV1.GetRawString(), field)
			if owns && m.Time != nil && !m.Time.Time.Before(at) {
				manager, at = m.Manager, m.Time.Time
			}
		}
	}
	if find(false); at.IsZero() {
		find(true)
	}
	return manager, at
}
