package iam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// errMissing is IAM's own word that there is no such principal.
var errMissing = errors.New("no such entity")

func isMissing(err error) bool { return errors.Is(err, errMissing) }

// failure is a question without an answer.
type failure struct {
	reason validate.Reason
	detail string // one line for the operator
	// permission says that it was a permission that the caller lacks, not its credentials.
	permission bool
}

func (f *failure) Error() string { return string(f.reason) + ": " + f.detail }

func failed(reason validate.Reason, format string, a ...any) *failure {
	return &failure{reason: reason, detail: fmt.Sprintf(format, a...)}
}

// asFailure is err as a failure: every error that leaves an account is one, or errMissing.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return failed(validate.ReasonUnreachable, "%s", cause(err))
}

func reasonOf(err error) validate.Reason {
	if err == nil || isMissing(err) {
		return ""
	}
	return asFailure(err).reason
}

// outage reports the failures that are no answer of AWS at all: another call would most likely fare alike.
func outage(err error) bool {
	switch reasonOf(err) {
	case validate.ReasonUnreachable, validate.ReasonTimeout, validate.ReasonMalformed:
		return true
	}
	return false
}

// retryable reports the failures that may pass within a moment.
func retryable(err error) bool {
	switch reasonOf(err) {
	case validate.ReasonThrottled, validate.ReasonUnreachable, validate.ReasonTimeout:
		return true
	}
	return false
}

// refusedCredentials are the codes of AWS that speak of who calls, not of what is called (IAM API reference, "Common
// Error Types").
var refusedCredentials = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "IncompleteSignature": true, "InvalidAccessKeyId": true, "InvalidClientTokenId": true,
	"InvalidIdentityToken": true, "InvalidToken": true, "MissingAuthenticationToken": true, "NotAuthorized": true, "OptInRequired": true,
	"RequestExpired": true, "SignatureDoesNotMatch": true, "UnrecognizedClientException": true,
}

var throttle = retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}

// classify says what an SDK error means. who makes the call, api is its name as IAM policies spell it (iam:GetRole), on
// what is asked for.
func classify(err error, who, api, on string) error {
	var f *failure
	if err == nil || isMissing(err) || errors.As(err, &f) {
		return err
	}
	status := 0
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	var noSuchEntity *iamtypes.NoSuchEntityException
	var answer smithy.APIError
	var send *smithyhttp.RequestSendError
	var garbled *smithy.DeserializationError
	var large tooLarge
	var cut *net.OpError
	switch {
	case errors.As(err, &large):
		return failed(validate.ReasonMalformed, "the answer to %s %s", api, large)
	case errors.As(err, &noSuchEntity) && status == http.StatusNotFound:
		return errMissing
	case errors.Is(err, context.DeadlineExceeded):
		return failed(validate.ReasonTimeout, "AWS did not answer %s in time", api)
	case errors.As(err, &send):
		return failed(validate.ReasonUnreachable, "no connection for %s: %s", api, cause(err))
	case status == http.StatusTooManyRequests:
		return failed(validate.ReasonThrottled, "AWS answered %s with HTTP 429", api)
	case errors.As(err, &answer) && throttle.IsErrorThrottle(err).Bool():
		return failed(validate.ReasonThrottled, "AWS answered %s with %s", api, answer.ErrorCode())
	case status >= 500:
		return failed(validate.ReasonUnreachable, "AWS answered %s with HTTP %d", api, status)
	case errors.As(err, &answer) && answer.ErrorCode() != "UnknownError":
		return refused(answer.ErrorCode(), who, api, on)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return failed(validate.ReasonDenied, "HTTP %d to %s, and not in AWS's words: does %s lack the permission, or does a proxy refuse?", status, api, who)
	case errors.As(err, &garbled) && errors.As(err, &cut):
		return failed(validate.ReasonUnreachable, "the connection was cut off in the answer to %s: %s", api, cause(err))
	case errors.As(err, &answer) || errors.As(err, &garbled) || response != nil:
		return failed(validate.ReasonMalformed, "the answer to %s (HTTP %d) is not AWS's: is there a proxy or a sign-in page in between?", api, status)
	}
	return failed(validate.ReasonUnreachable, "%s could not be sent: %s", api, cause(err))
}

// refused is an answer of AWS that is a refusal.
func refused(code, who, api, on string) error {
	switch {
	case strings.HasPrefix(code, "AccessDenied") || code == "UnauthorizedOperation":
		f := failed(validate.ReasonDenied, "%s lacks %s on %s", who, api, on)
		f.permission = true
		return f
	case refusedCredentials[code]:
		return failed(validate.ReasonDenied, "AWS does not accept the credentials of %s (%s)", who, oneLine(code))
	}
	return failed(validate.ReasonMalformed, "AWS answered %s with %s", api, oneLine(code))
}

// cause is the innermost error in one line: what is around it names the SDK's inner workings.
func cause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return oneLine(err.Error())
		}
		err = next
	}
}

// maxDetail bounds what a message repeats of an error that is not ours, in characters.
const maxDetail = 160

func oneLine(s string) string {
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
