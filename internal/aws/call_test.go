package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var getRole = Operation{API: "iam:GetRole", On: "role ci"}

func failed(r Reason) error { return Errorf(r, "in a test") }

// caller is somebody whose turn has always come.
func caller() Caller {
	return Caller{Who: "the guard", Timeout: 2 * time.Second, MaxBackoff: 500 * time.Millisecond, Turn: func(context.Context) error { return nil }}
}

// What may pass within a moment is asked for again, within the time that there is, and nothing else is.
func TestAttempts(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []error // of the attempts; the last one again and again
		within  time.Duration
		turns   int // how many turns there are; 0: as many as wanted
		want    Reason
		made    int
	}{
		"an answer":               {answers: []error{nil}, made: 1},
		"at the second try":       {answers: []error{failed(Throttled), nil}, made: 2},
		"at the third try":        {answers: []error{failed(Unreachable), failed(Timeout), nil}, made: 3},
		"not at the third":        {answers: []error{failed(Unreachable)}, want: Unreachable, made: 3},
		"the reason of the last":  {answers: []error{failed(Unreachable), failed(Throttled), failed(Timeout)}, want: Timeout, made: 3},
		"missing":                 {answers: []error{failed(Missing)}, want: Missing, made: 1},
		"denied":                  {answers: []error{failed(Denied)}, want: Denied, made: 1},
		"malformed":               {answers: []error{failed(Malformed)}, want: Malformed, made: 1},
		"foreign":                 {answers: []error{failed(Foreign)}, want: Foreign, made: 1},
		"no time for another":     {answers: []error{failed(Throttled)}, within: time.Nanosecond, want: Throttled, made: 1},
		"no turn":                 {answers: []error{nil}, turns: -1, want: Foreign, made: 0},
		"no turn for another try": {answers: []error{failed(Throttled)}, turns: 1, want: Throttled, made: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.within)
					defer cancel()
				}
				c, turns, made := caller(), 0, 0
				c.Turn = func(context.Context) error {
					if turns++; tt.turns != 0 && turns > tt.turns {
						return failed(Foreign)
					}
					return nil
				}
				var heard []Reason
				c.Attempted = func(err error, _ time.Time) { heard = append(heard, ReasonOf(err)) }
				got, err := Call(ctx, c, getRole, func(context.Context) (string, error) {
					made++
					return "answer", tt.answers[min(made, len(tt.answers))-1]
				})
				if ReasonOf(err) != tt.want || (got == "answer") != (err == nil) || made != tt.made {
					t.Errorf("%q, %v after %d attempts, want %q after %d", got, err, made, tt.want, tt.made)
				}
				if len(heard) != made || made > 0 && heard[made-1] != tt.want {
					t.Errorf("heard of %v", heard)
				}
			})
		})
	}
}

// An attempt has its own time limit, whatever the caller has; waiting for the turn is no part of it.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := caller()
		c.Turn = func(context.Context) error { time.Sleep(time.Minute); return nil }
		began := time.Now()
		_, err := Call(t.Context(), c, getRole, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		if err == nil || err.Error() != "timed out: AWS did not answer iam:GetRole in time" {
			t.Errorf("%v, want a timeout", err)
		}
		shortest := attempts * (time.Minute + c.Timeout)
		if took := time.Since(began); took < shortest || took > shortest+(attempts-1)*c.MaxBackoff {
			t.Errorf("took %v, want %v and the waits between the attempts", took, shortest)
		}
	})
}

// What does not answer is left alone, and tried again after a while by one call.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const open = 15 * time.Second
		var changes []string
		c := caller()
		c.Breaker = NewBreaker(BreakerSettings{TripAfter: 2, OpenFor: open, Counts: Outage,
			Changed: func(open bool, why *Error) { changes = append(changes, fmt.Sprint(open, " ", why.Reason)) }})
		made := 0
		ask := func(answer error) error {
			_, err := Call(t.Context(), c, getRole, func(context.Context) (int, error) { made++; return 0, answer })
			return err
		}
		alone := func(err error) bool { return errors.As(err, &LeftAlone{}) }
		for range 5 { // an answer, though not the one that was wanted
			if err := ask(failed(Denied)); ReasonOf(err) != Denied || c.Breaker.Open() {
				t.Fatalf("%v, open %v", err, c.Breaker.Open())
			}
		}
		made = 0
		if err := ask(failed(Unreachable)); ReasonOf(err) != Unreachable || alone(err) || made != 2 {
			t.Errorf("%v after %d attempts, want the last failure after the two that open it", err, made)
		}
		if err := ask(nil); ReasonOf(err) != Unreachable || !alone(err) || made != 2 || !c.Breaker.Open() {
			t.Errorf("%v after %d attempts, want it left alone", err, made)
		}
		time.Sleep(open + time.Millisecond)
		if err := ask(failed(Malformed)); ReasonOf(err) != Malformed || made != 3 {
			t.Errorf("%v after %d attempts, want one that tries", err, made)
		}
		if err := ask(nil); ReasonOf(err) != Malformed || !alone(err) || made != 3 {
			t.Errorf("%v after %d attempts, want it left alone", err, made)
		}
		time.Sleep(open + time.Millisecond)
		if err := ask(nil); err != nil || c.Breaker.Open() {
			t.Errorf("%v, want an answer", err)
		}
		if want := []string{"true unreachable", "false malformed"}; !slices.Equal(changes, want) {
			t.Errorf("changes %q, want %q", changes, want)
		}
		if err := c.Breaker.Fail(failed(Timeout)); ReasonOf(err) != Timeout || c.Breaker.Open() {
			t.Errorf("%v: the first failure opens it", err)
		}
		if _ = c.Breaker.Fail(failed(Timeout)); !c.Breaker.Open() {
			t.Error("what fails before a call does not count")
		}
	})
}

// One place says what an error of the SDK means.
func TestClassify(t *testing.T) {
	answered := func(status int, err error) error {
		return &smithy.OperationError{ServiceID: "IAM", OperationName: "GetRole", Err: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err}}
	}
	code := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "a message of AWS"} }
	for name, tt := range map[string]struct {
		err  error
		want Error
	}{
		"no such role":             {answered(404, &iamtypes.NoSuchEntityException{}), Error{Reason: Missing, Detail: "iam:GetRole: no such entity"}},
		"no such cluster":          {answered(404, &ekstypes.ResourceNotFoundException{}), Error{Reason: Missing, Detail: "iam:GetRole: no such entity"}},
		"a proxy's 404":            {answered(404, code("UnknownError")), Error{Reason: Malformed, Detail: "the answer to iam:GetRole (HTTP 404) is not AWS's: is there a proxy or a sign-in page in between?"}},
		"NoSuchEntity with a 200":  {answered(200, &iamtypes.NoSuchEntityException{}), Error{Reason: Malformed, Detail: "AWS answered iam:GetRole with NoSuchEntity"}},
		"no permission":            {answered(403, code("AccessDenied")), Error{Reason: Denied, Detail: "the guard lacks iam:GetRole on role ci", Permission: true}},
		"no permission, EKS":       {answered(403, code("AccessDeniedException")), Error{Reason: Denied, Detail: "the guard lacks iam:GetRole on role ci", Permission: true}},
		"no permission, EC2":       {answered(403, code("UnauthorizedOperation")), Error{Reason: Denied, Detail: "the guard lacks iam:GetRole on role ci", Permission: true}},
		"expired credentials":      {answered(403, code("ExpiredToken")), Error{Reason: Denied, Detail: "AWS does not accept the credentials of the guard (ExpiredToken)", Credentials: true}},
		"a proxy's 403":            {answered(403, code("UnknownError")), Error{Reason: Denied, Detail: "HTTP 403 to iam:GetRole, and not in AWS's words: does the guard lack the permission, or does a proxy refuse?"}},
		"throttled":                {answered(400, code("Throttling")), Error{Reason: Throttled, Detail: "AWS answered iam:GetRole with Throttling"}},
		"throttled, EC2":           {answered(503, code("RequestLimitExceeded")), Error{Reason: Throttled, Detail: "AWS answered iam:GetRole with RequestLimitExceeded"}},
		"HTTP 429":                 {answered(429, code("UnknownError")), Error{Reason: Throttled, Detail: "AWS answered iam:GetRole with HTTP 429"}},
		"HTTP 503":                 {answered(503, code("ServiceFailure")), Error{Reason: Unreachable, Detail: "AWS answered iam:GetRole with HTTP 503"}},
		"another code":             {answered(400, code("Strange\nCode")), Error{Reason: Malformed, Detail: "AWS answered iam:GetRole with Strange Code"}},
		"too late":                 {fmt.Errorf("wrapped: %w", context.DeadlineExceeded), Error{Reason: Timeout, Detail: "AWS did not answer iam:GetRole in time"}},
		"no connection":            {&smithyhttp.RequestSendError{Err: errors.New("refused")}, Error{Reason: Unreachable, Detail: "no connection for iam:GetRole: refused"}},
		"a page of a portal":       {answered(200, &smithy.DeserializationError{Err: errors.New("no XML")}), Error{Reason: Malformed, Detail: "the answer to iam:GetRole (HTTP 200) is not AWS's: is there a proxy or a sign-in page in between?"}},
		"cut off":                  {answered(200, &smithy.DeserializationError{Err: &net.OpError{Op: "read", Err: errors.New("reset")}}), Error{Reason: Unreachable, Detail: "the connection was cut off in the answer to iam:GetRole: reset"}},
		"too large":                {answered(200, &smithy.DeserializationError{Err: tooLarge{1 << 20}}), Error{Reason: Malformed, Detail: "the answer to iam:GetRole is larger than 1 MiB, more than AWS ever sends: is there a proxy in between?"}},
		"never sent":               {errors.New("no region"), Error{Reason: Unreachable, Detail: "iam:GetRole could not be sent: no region"}},
		"known already, and below": {fmt.Errorf("the SDK: %w", Errorf(Foreign, "another account")), Error{Reason: Foreign, Detail: "another account"}},
	} {
		if got := *AsError(Classify(tt.err, "the guard", getRole)); got != tt.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, tt.want)
		}
	}
	if err := Classify(nil, "the guard", getRole); err != nil || ReasonOf(err) != "" {
		t.Errorf("%v for no error", err)
	}
}
