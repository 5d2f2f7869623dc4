package iam

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/sony/gobreaker/v2"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// attempts is how often one question is put before it is given up; the caller's deadline may end it earlier.
	attempts = 3
	// maxBackoff bounds the wait between two attempts: an answer after a longer one would come too late for an admission.
	maxBackoff = 500 * time.Millisecond
	// tripAfter is how many calls in a row must fail before an account is left alone: two, so that a single new name,
	// asked for twice, is enough. A list that fails is left alone at once: the names can still be asked for one by one.
	tripAfter, tripListsAfter = 2, 1
	// openFor is how long an account is left alone before one call tries again.
	openFor = 15 * time.Second
	// slowerPages is how much longer than other calls a page of a list may take.
	slowerPages = 2
)

// call puts one question to AWS: at the guard's own pace, unless the breaker is open, with a time limit of its own, and
// again after a failure that may pass. do returns errors as classify makes them. Waiting for the pace is no part of a call's time,
// and no deadline of those who wait for the answer ends a call: what does not answer within its time limit is AWS.
func call[T any](ctx context.Context, a *account, b *breaker, api string, do func(context.Context) (T, error)) (T, error) {
	var none T
	var last error
	f := flightFrom(ctx)
	for attempt := 1; ; attempt++ {
		out, err := try(ctx, a, b, api, do)
		switch {
		case err == nil:
			f.came(nil)
			return out, nil
		case errors.Is(err, errOwnPace), errors.Is(err, errNoTime): // not made
			return none, cmp.Or(last, err)
		case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
			if last == nil {
				last = b.leftAlone()
			}
			f.came(last)
			return none, last
		}
		last = err
		f.came(last)
		if attempt == attempts || !retryable(err) {
			return none, last
		}
		delay, backoffErr := a.backoff.BackoffDelay(attempt-1, err)
		if backoffErr != nil || !pause(ctx, min(delay, maxBackoff)) {
			return none, last
		}
	}
}

// try is one attempt.
func try[T any](ctx context.Context, a *account, b *breaker, api string, do func(context.Context) (T, error)) (T, error) {
	var none T
	if b.State() == gobreaker.StateOpen {
		return none, gobreaker.ErrOpenState
	}
	if err := flightFrom(ctx).wait(a.pace, a.metrics); err != nil {
		return none, err
	}
	timeout := a.callTimeout()
	if b == a.lists {
		timeout *= slowerPages
	}
	out, err := b.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		started := time.Now()
		out, err := do(ctx)
		a.metrics.call(api, err, started)
		return out, b.remember(err)
	})
	if err != nil {
		return none, err
	}
	return out.(T), nil
}

// Both say that it was the guard that did not ask.
var (
	errOwnPace error = failed(validate.ReasonThrottled, "the guard makes no more than %d calls a second; with iam:ListRoles and iam:ListUsers it needs fewer", callRate)
	errNoTime  error = failed(validate.ReasonTimeout, "no time was left to ask AWS")
)

// inTime is how many names can be asked for one by one before ctx ends.
func (a *account) inTime(ctx context.Context) int {
	end, ok := ctx.Deadline()
	if !ok {
		return callBurst
	}
	return a.pace.until(end)
}

// pause waits, unless ctx would end before or during the wait.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// breaker keeps calls from a service that does not answer.
type breaker struct {
	*gobreaker.CircuitBreaker[any]
	// last is the outage for which it opened.
	last atomic.Pointer[failure]
}

func newBreaker(account, calls string, tripAfter uint32, log logr.Logger, m *Metrics) *breaker {
	b := &breaker{}
	b.CircuitBreaker = gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Timeout:      openFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
		IsSuccessful: func(err error) bool { return !outage(err) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			m.breaker(account, calls, to != gobreaker.StateClosed)
			if to == gobreaker.StateOpen && from == gobreaker.StateClosed {
				log.Info("AWS does not answer and is left alone for a while", "account", account, "calls", calls, "reason", b.leftAlone().Error())
			}
			if to == gobreaker.StateClosed {
				log.Info("AWS answers again", "account", account, "calls", calls)
			}
		},
	})
	m.breaker(account, calls, false)
	return b
}

// leftAlone is the answer while the breaker is open.
func (b *breaker) leftAlone() error {
	f := b.last.Load()
	if f == nil {
		f = failed(validate.ReasonUnreachable, "AWS did not answer")
	}
	return failed(f.reason, "%s (asked again within %s)", f.detail, openFor)
}

// remember keeps the reason of an outage, for those who come while the breaker is open.
func (b *breaker) remember(err error) error {
	if outage(err) {
		b.last.Store(asFailure(err))
	}
	return err
}
