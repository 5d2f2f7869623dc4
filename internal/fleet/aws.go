package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/time/rate"

	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
)

const (
	// callTimeout bounds one call with the SDK's own retries.
	callTimeout = 20 * time.Second
	// callRate and callBurst are what each service is asked at most, in calls a second: half of the rate at which EC2
	// refills its bucket for DescribeInstances (Amazon EC2 API reference, "Request throttling").
	callRate, callBurst = 10, 10
	// maxPages bounds a list: a service that says "and so on" for ever must not be listened to for ever.
	maxPages = 200
)

// problem is a question to AWS without an answer, in one line for the operator. absent: the answer is that there is no such thing.
type problem struct {
	text   string
	absent bool
}

func (p problem) Error() string { return p.text }

func problemf(format string, a ...any) error { return problem{text: fmt.Sprintf(format, a...)} }

// why is the line of an error that ask returned.
func why(err error) string {
	var p problem
	if errors.As(err, &p) {
		return p.text
	}
	return err.Error()
}

// asker puts questions to AWS, to each service at its own pace.
type asker struct {
	who     func() string
	metrics *Metrics

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
	iam      *awsiam.Client
	ec2, eks *service
}

// connect makes the clients, all for the same region.
func (a *asker) connect(cfg aws.Config) (err error) {
	a.limiters = map[string]*rate.Limiter{}
	a.iam = iam.Client(cfg)
	if a.ec2, err = newService(cfg, "ec2", ec2Code); err != nil {
		return err
	}
	a.eks, err = newService(cfg, "eks", eksCode)
	return err
}

func (a *asker) limiter(service string) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limiters[service] == nil {
		a.limiters[service] = rate.NewLimiter(callRate, callBurst)
	}
	return a.limiters[service]
}

// ask makes one call: service and api as IAM policies spell them, on what it asks about. The error is a problem.
func ask[T any](ctx context.Context, a *asker, service, api, on string, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := a.limiter(service).Wait(ctx); err != nil {
		return none, problemf("%s:%s was given up: %v", service, api, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := do(ctx)
	a.metrics.call(api, err)
	if err != nil {
		var p problem
		if errors.As(err, &p) {
			return none, err
		}
		return none, problem{text: iam.Explain(err, a.who(), service+":"+api, on)}
	}
	return out, nil
}
