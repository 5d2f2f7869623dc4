package aws

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// attempts is how often one question is put before it is given up; the caller's deadline may end it earlier.
const attempts = 3

// Caller is who puts calls to AWS, and how.
type Caller struct {
	Who string // names the identity in messages
	// Turn waits for the caller's turn. After an error the call is not made.
	Turn func(context.Context) error
	// Timeout bounds one attempt, MaxBackoff the wait between two.
	Timeout, MaxBackoff time.Duration
	Breaker             *Breaker
	// Attempted, if not nil, hears of every attempt: what became of it, and when it began.
	Attempted func(err error, began time.Time)
}

// Call puts one question to AWS: at the caller's turn, unless the breaker is open, with a time limit of its own,
// and again after a failure that may pass. Waiting for the turn is no part of a call's time. The error is an Error,
// or what Turn returned.
func Call[T any](ctx context.Context, c Caller, op Operation, do func(context.Context) (T, error)) (T, error) {
	var none T
	var last error
	for attempt := 1; ; attempt++ {
		if c.Breaker.Open() {
			return none, cmp.Or(last, c.Breaker.leftAlone())
		}
		if err := c.Turn(ctx); err != nil {
			return none, cmp.Or(last, err)
		}
		out, err := once(ctx, c, op, do)
		if err == nil {
			return out, nil
		}
		if refused(err) {
			return none, cmp.Or(last, c.Breaker.leftAlone())
		}
		last = err
		if attempt == attempts || !mayPass(err) || !Pause(ctx, backoff(attempt, c.MaxBackoff)) {
			return none, err
		}
	}
}

// once is one attempt.
func once[T any](ctx context.Context, c Caller, op Operation, do func(context.Context) (T, error)) (T, error) {
	var out T
	err := c.Breaker.run(func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		began := time.Now()
		out, err = do(ctx)
		err = Classify(err, c.Who, op)
		if c.Attempted != nil {
			c.Attempted(err, began)
		}
		return err
	})
	return out, err
}

// backoff is how long to wait after so many attempts.
func backoff(attempt int, longest time.Duration) time.Duration {
	delay, err := retry.NewExponentialJitterBackoff(longest).BackoffDelay(attempt-1, nil)
	if err != nil { // no randomness
		return longest
	}
	return min(delay, longest)
}

// Pause waits, unless ctx would end before or during the wait.
func Pause(ctx context.Context, d time.Duration) bool {
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
