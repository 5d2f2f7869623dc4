package iam

import (
	"context"
	"errors"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
)

const (
	// callRate and callBurst keep the guard from using up an account's share of IAM, which AWS publishes no figure
	// for and which other tools need too.
	callRate, callBurst = 10, 20
	// maxBackoff bounds the wait between two attempts: an answer after a longer one would come too late for an
	// admission.
	maxBackoff = 500 * time.Millisecond
	// tripAfter is how many calls in a row must fail before an account is left alone: two, so that a single new name,
	// asked for twice, is enough. A list that fails is left alone at once: the names can still be asked for one by one.
	tripAfter, tripListsAfter = 2, 1
	// openFor is how long an account is left alone before one call tries again.
	openFor = 15 * time.Second
	// slowerPages is how much longer than other calls a page of a list may take.
	slowerPages = 2
)

// call puts one question to AWS for the flight that ctx is of, if any. No deadline of those who wait for the answer
// ends a call: what does not answer within its time limit is AWS.
func call[T any](ctx context.Context, a *account, b *aws.Breaker, op aws.Operation, do func(context.Context) (T, error)) (T, error) {
	f := flightFrom(ctx)
	timeout := a.callTimeout()
	if b == a.lists {
		timeout *= slowerPages
	}
	out, err := aws.Call(ctx, aws.Caller{
		Who: a.who(), Timeout: timeout, MaxBackoff: maxBackoff, Breaker: b,
		Turn: func(context.Context) error { return f.wait(a.limiter, a.metrics) },
		Attempted: func(err error, began time.Time) {
			a.metrics.call(op, err, began)
			f.came(err)
		},
	}, op, do)
	var alone aws.LeftAlone
	if errors.As(err, &alone) {
		err = leftAlone(alone.Last)
		f.came(err)
	}
	return out, err
}

// Both say that it was the guard that did not ask.
var (
	errOwnPace error = aws.Errorf(aws.Throttled, "the guard makes no more than %d calls a second; with iam:ListRoles and iam:ListUsers it needs fewer", callRate)
	errNoTime  error = aws.Errorf(aws.Timeout, "no time was left to ask AWS")
)

// newBreaker is one for calls of an account that are names or lists.
func (d *Directory) newBreaker(account, calls string, tripAfter uint32) *aws.Breaker {
	d.metrics.breaker(account, calls, false)
	return aws.NewBreaker(aws.BreakerSettings{TripAfter: tripAfter, OpenFor: openFor, Counts: aws.Outage,
		Changed: func(open bool, why *aws.Error) {
			d.metrics.breaker(account, calls, open)
			if open {
				d.log.Info("AWS does not answer: no calls for a while",
					"account", account, "calls", calls, "reason", leftAlone(why).Error())
			} else {
				d.log.Info("AWS answers again", "account", account, "calls", calls)
			}
		}})
}

// leftAlone is the answer while the breaker is open.
func leftAlone(last *aws.Error) error {
	return aws.Errorf(last.Reason, "%s (asked again within %s)", last.Detail, openFor)
}
