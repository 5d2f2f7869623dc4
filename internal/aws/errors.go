package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Reason says why a call found nothing out. Only Missing is knowledge: AWS's own word that there is no such thing.
type Reason string

const (
	Missing     Reason = "missing"
	Denied      Reason = "denied"      // the caller lacks a permission, or AWS does not accept its credentials
	Throttled   Reason = "throttled"   // AWS said slow down, or the caller kept to its own pace
	Timeout     Reason = "timed out"   // the time was over
	Unreachable Reason = "unreachable" // no connection, DNS, TLS, 5xx, or no credentials
	Malformed   Reason = "malformed"   // an answer that cannot be used: not AWS's, too large, or about something else
	Foreign     Reason = "foreign"     // another account's or partition's, which the caller has no way to ask
)

// Error is a call that found nothing out.
type Error struct {
	Reason Reason
	Detail string // one line for the operator
	// Permission says that it was a permission that the caller lacks; Credentials that AWS does not accept those of
	// the caller.
	Permission, Credentials bool
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

// Errorf is an Error for a reason.
func Errorf(reason Reason, format string, a ...any) *Error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, a...)}
}

// AsError is err as an Error. What is none was never sent.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(Unreachable, "%s", cause(err))
}

// ReasonOf is why a call found nothing out; "" if it did.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	return AsError(err).Reason
}

// Unanswered reports the failures in which AWS said nothing at all.
func Unanswered(err error) bool {
	r := ReasonOf(err)
	return r == Unreachable || r == Timeout
}

// Outage reports the failures that are no answer of AWS: another call would most likely fare alike.
func Outage(err error) bool { return Unanswered(err) || ReasonOf(err) == Malformed }

// mayPass reports the failures that may pass within a moment.
func mayPass(err error) bool { return Unanswered(err) || ReasonOf(err) == Throttled }

// Operation is what is asked, for messages.
type Operation struct {
	API string // as IAM policies spell it: iam:GetRole
	On  string // what it asks about
}

// refusedCredentials are the codes of AWS that speak of who calls, not of what is called (IAM API reference, "Common
// Error Types").
var refusedCredentials = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "IncompleteSignature": true, "InvalidAccessKeyId": true,
	"InvalidClientTokenId": true, "InvalidIdentityToken": true, "InvalidToken": true, "MissingAuthenticationToken": true,
	"NotAuthorized": true, "OptInRequired": true, "RequestExpired": true, "SignatureDoesNotMatch": true,
	"UnrecognizedClientException": true,
}

var throttle = retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}

// Classify says what an error of the SDK means. who makes the call.
func Classify(err error, who string, op Operation) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	status := 0
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	var answer smithy.APIError
	var send *smithyhttp.RequestSendError
	var garbled *smithy.DeserializationError
	var large tooLarge
	var cut *net.OpError
	switch api := op.API; {
	case errors.As(err, &large):
		return Errorf(Malformed, "the answer to %s %s", api, large)
	case status == http.StatusNotFound && saysMissing(err):
		return Errorf(Missing, "%s: no such entity", api)
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(Timeout, "AWS did not answer %s in time", api)
	case errors.As(err, &send):
		return Errorf(Unreachable, "no connection for %s: %s", api, cause(err))
	case status == http.StatusTooManyRequests:
		return Errorf(Throttled, "AWS answered %s with HTTP 429", api)
	case errors.As(err, &answer) && throttle.IsErrorThrottle(err).Bool():
		return Errorf(Throttled, "AWS answered %s with %s", api, answer.ErrorCode())
	case status >= 500:
		return Errorf(Unreachable, "AWS answered %s with HTTP %d", api, status)
	case errors.As(err, &answer) && answer.ErrorCode() != "UnknownError":
		return refusal(answer.ErrorCode(), who, op)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Errorf(Denied, "HTTP %d to %s, and not in AWS's words: does %s lack the permission, or does a proxy refuse?",
			status, api, who)
	case errors.As(err, &garbled) && errors.As(err, &cut):
		return Errorf(Unreachable, "the connection was cut off in the answer to %s: %s", api, cause(err))
	case errors.As(err, &answer) || errors.As(err, &garbled) || response != nil:
		return Errorf(Malformed, "the answer to %s (HTTP %d) is not AWS's: is there a proxy or a sign-in page in between?",
			api, status)
	default:
		return Errorf(Unreachable, "%s could not be sent: %s", api, cause(err))
	}
}

// saysMissing reports that IAM or EKS says that there is no such thing.
func saysMissing(err error) bool {
	var noSuchEntity *iamtypes.NoSuchEntityException
	var notFound *ekstypes.ResourceNotFoundException
	return errors.As(err, &noSuchEntity) || errors.As(err, &notFound)
}

// refusal is an answer with which AWS denies a call.
func refusal(code, who string, op Operation) error {
	switch {
	case strings.HasPrefix(code, "AccessDenied") || code == "UnauthorizedOperation":
		e := Errorf(Denied, "%s lacks %s on %s", who, op.API, op.On)
		e.Permission = true
		return e
	case refusedCredentials[code]:
		e := Errorf(Denied, "AWS does not accept the credentials of %s (%s)", who, OneLine(code))
		e.Credentials = true
		return e
	}
	return Errorf(Malformed, "AWS answered %s with %s", op.API, OneLine(code))
}

// NoCredentials says why the guard has no identity: STS or the Pod Identity agent denies it, or nothing provides one.
func NoCredentials(err error) error {
	const remedy = "give the guard's service account a role, by IRSA or EKS Pod Identity"
	var answer smithy.APIError
	var large tooLarge
	switch {
	case errors.As(err, &large):
		return Errorf(Malformed, "the answer with the guard's AWS credentials %s", large)
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(Timeout, "no AWS credentials in time: %s", remedy)
	case errors.As(err, &answer) && !throttle.IsErrorThrottle(err).Bool():
		return Errorf(Denied, "AWS gives the guard no credentials (%s): may its service account assume its role?",
			OneLine(answer.ErrorCode()))
	}
	return Errorf(Unreachable, "no AWS credentials: %s", remedy)
}

// cause is the innermost error in one line: what is around it names the SDK's inner workings.
func cause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return OneLine(err.Error())
		}
		err = next
	}
}

// maxDetail bounds what a message repeats of an error that is not ours, in characters.
const maxDetail = 160

// OneLine is foreign text as a message may repeat it: without control characters, and short.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxDetail {
		return string(r[:maxDetail]) + "..."
	}
	return s
}
