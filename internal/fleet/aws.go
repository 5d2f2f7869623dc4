package fleet

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
)

const (
	// callTimeout bounds one call with all its attempts, attemptTimeout each of them: a page of 1,000 instances
	// takes EC2 some seconds.
	callTimeout, attemptTimeout = 20 * time.Second, 10 * time.Second
	// maxBackoff bounds the wait between two attempts. Nobody waits for the answer, so it is longer than for an
	// admission.
	maxBackoff = 2 * time.Second
	// callRate and callBurst are what each service is asked at most, in calls a second: half of the rate at which EC2
	// refills its bucket for DescribeInstances (Amazon EC2 API reference, "Request throttling").
	callRate, callBurst = 10, 10
	// tripAfter is how many attempts in a row AWS must leave without an answer before an operation is not asked for
	// any more, until openFor is over: not in the same round, so that one that hangs for each of 40 instance
	// profiles does not take a quarter of an hour, and soon enough for the rounds at the start, which are a second
	// apart.
	tripAfter, openFor = 2, firstTry
	// maxPages bounds a list: a service that says "and so on" for ever must not be listened to for ever.
	maxPages = 200
)

// why is what went wrong, in one line for the operator. Of several failures it is the first.
func why(err error) string {
	for {
		several, ok := err.(interface{ Unwrap() []error })
		if !ok {
			break
		}
		err = several.Unwrap()[0]
	}
	var e *aws.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}

// asker puts questions to AWS: to each service at its own pace, and to none that hangs again and again.
type asker struct {
	who     func() string
	metrics *Metrics

	iam aws.IAM
	ec2 aws.EC2
	eks aws.EKS

	mu       sync.Mutex
	limiters map[string]*aws.Limiter // by service
	breakers map[string]*aws.Breaker // by operation: what one of them does not answer says nothing of the others
}

func newAsker(who func() string, metrics *Metrics) *asker {
	return &asker{who: who, metrics: metrics, limiters: map[string]*aws.Limiter{}, breakers: map[string]*aws.Breaker{}}
}

// connect makes the clients, all for the same region.
func (a *asker) connect(cfg sdk.Config) {
	a.iam, a.ec2, a.eks = aws.NewIAM(cfg), aws.NewEC2(cfg), aws.NewEKS(cfg)
}

// guards are the limiter and the breaker of an operation.
func (a *asker) guards(service, api string) (*aws.Limiter, *aws.Breaker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limiters[service] == nil {
		a.limiters[service] = aws.NewLimiter(callRate, callBurst)
	}
	if a.breakers[api] == nil {
		settings := aws.BreakerSettings{TripAfter: tripAfter, OpenFor: openFor, Counts: aws.Unanswered}
		a.breakers[api] = aws.NewBreaker(settings)
	}
	return a.limiters[service], a.breakers[api]
}

// ask makes one call. The error is an aws.Error.
func ask[T any](ctx context.Context, a *asker, op aws.Operation, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	service, api, _ := strings.Cut(op.API, ":")
	limiter, breaker := a.guards(service, api)
	made := false
	out, err := aws.Call(ctx, aws.Caller{
		Who: a.who(), Timeout: attemptTimeout, MaxBackoff: maxBackoff, Breaker: breaker,
		Turn: func(ctx context.Context) error {
			if err := limiter.Wait(ctx); err != nil {
				return aws.Errorf(aws.Timeout, "%s was given up: %v", op.API, err)
			}
			return nil
		},
		Attempted: func(error, time.Time) { made = true },
	}, op, do)
	if made {
		a.metrics.call(api, err)
	}
	return out, err
}

// allPages reads a list to its end.
func allPages[T any](
	ctx context.Context, a *asker, op aws.Operation, more func() bool, next func(context.Context) ([]T, error),
) ([]T, error) {
	var all []T
	for n := 0; more(); n++ {
		if n == maxPages {
			return nil, aws.Errorf(aws.Malformed, "%s does not come to an end", op.API)
		}
		page, err := ask(ctx, a, op, next)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}
