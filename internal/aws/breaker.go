package aws

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Breaker keeps calls from what does not answer. A nil *Breaker lets all calls pass.
type Breaker struct {
	breaker *gobreaker.CircuitBreaker[struct{}]
	counts  func(error) bool
	// last is the failure for which it opened.
	last atomic.Pointer[Error]
}

// BreakerSettings say when a Breaker opens.
type BreakerSettings struct {
	TripAfter uint32           // so many failures in a row
	OpenFor   time.Duration    // how long no call is made, until one tries again
	Counts    func(error) bool // which failures count: Outage or Unanswered
	// Changed, if not nil, is called when calls stop being made, and when they are made as ever again. why is the
	// last failure.
	Changed func(open bool, why *Error)
}

// NewBreaker makes a Breaker that is closed.
func NewBreaker(s BreakerSettings) *Breaker {
	b := &Breaker{counts: s.Counts}
	b.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      s.OpenFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= s.TripAfter },
		IsSuccessful: func(err error) bool { return !s.Counts(err) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			opened := from == gobreaker.StateClosed && to == gobreaker.StateOpen
			if s.Changed != nil && (opened || to == gobreaker.StateClosed) {
				s.Changed(opened, b.Last())
			}
		},
	})
	return b
}

// LeftAlone is the answer while a breaker is open: the failure for which it opened, and no call was made.
type LeftAlone struct{ Last *Error }

func (l LeftAlone) Error() string { return l.Last.Error() }

// Unwrap makes it an Error.
func (l LeftAlone) Unwrap() error { return l.Last }

// Open reports that no calls are made.
func (b *Breaker) Open() bool { return b != nil && b.breaker.State() == gobreaker.StateOpen }

// Last is the last failure that counted.
func (b *Breaker) Last() *Error {
	if e := b.last.Load(); e != nil {
		return e
	}
	return Errorf(Unreachable, "AWS did not answer")
}

// run makes one call, unless the breaker is open.
func (b *Breaker) run(call func() error) error {
	if b == nil {
		return call()
	}
	_, err := b.breaker.Execute(func() (struct{}, error) {
		err := call()
		if b.counts(err) {
			b.last.Store(AsError(err))
		}
		return struct{}{}, err
	})
	return err
}

// Fail counts a failure of what comes before a call, such as to get credentials for it.
func (b *Breaker) Fail(err error) error {
	_ = b.run(func() error { return err }) // it is open already: nothing to count
	return err
}

func (b *Breaker) leftAlone() error { return LeftAlone{b.Last()} }

// refused reports that a breaker was open for a call.
func refused(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}
