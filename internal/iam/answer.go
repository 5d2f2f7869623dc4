package iam

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// maxAnswer bounds what is read of an answer, decompressed. A role with a trust policy of 4,096 characters and 50 tags has
	// some 40 kB (IAM quotas).
	maxAnswer = 1 << 20
	// maxPage bounds a page of a list: 1,000 roles, each with a trust policy that is three times as long when it is URL-encoded.
	maxPage = 16 << 20
	// bytesPerTag bounds the tags of an answer: the SDK makes a hundred bytes and more of an element that is nine bytes long. A page
	// of 1,000 roles has some 60,000 tags.
	bytesPerTag = 64
)

// Bounded is an answer's body, of which no more than max bytes are read: what is longer is an error that Explain has a sentence
// for. Whoever answers may be a proxy, or another account's.
func Bounded(body io.ReadCloser, max int64) io.ReadCloser {
	return &bounded{ReadCloser: body, max: max, left: max, tags: max}
}

type bounded struct {
	io.ReadCloser
	max, left, tags int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.over() {
		return 0, tooLarge{b.max}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	b.tags -= int64(bytes.Count(p[:n], []byte("<")))
	if b.over() {
		return 0, tooLarge{b.max}
	}
	return n, err
}

// WriteTo is what io.Copy calls. The SDK copies what it has left of an answer to nowhere, and logs if it cannot: once there is an error
// there is nothing left.
func (b *bounded) WriteTo(w io.Writer) (int64, error) {
	if b.over() {
		return 0, nil
	}
	return io.Copy(w, struct{ io.Reader }{b})
}

func (b *bounded) over() bool { return b.left < 0 || b.tags < 0 }

// tooLarge is the error of an answer that is longer than any of AWS's.
type tooLarge struct{ max int64 }

func (e tooLarge) Error() string {
	return fmt.Sprintf("is larger than %d MiB, more than AWS ever sends: is there a proxy in between?", e.max>>20)
}

type maxKey struct{}

// expecting lets the answers to calls with that context have up to max bytes.
func expecting(ctx context.Context, max int64) context.Context {
	return context.WithValue(ctx, maxKey{}, max)
}

// boundAnswers makes every client of the SDK read no more than that of an answer, those for credentials too. As a middleware it
// sees what Go's HTTP transport has decompressed. A client of our own around the SDK's would be one whose authorities
// AWS_CA_BUNDLE cannot set.
func boundAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("BoundAnswer",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if r, ok := out.RawResponse.(*smithyhttp.Response); ok && r != nil && r.Response != nil && r.Body != nil {
				max, ok := ctx.Value(maxKey{}).(int64)
				if !ok {
					max = maxAnswer
				}
				r.Body = &bounded{ReadCloser: r.Body, max: max, left: max, tags: max / bytesPerTag}
			}
			return out, metadata, err
		}), middleware.After)
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	// Names and paths as IAM has them (IAM API reference, Role and User).
	principalName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	principalPath = regexp.MustCompile(`^/(?:[\x21-\x7e]{1,510}/)?$`)
)

// keyOf is what IAM knows an ARN by.
func keyOf(a awsauth.ARN) key {
	return key{strings.ToLower(a.Partition), a.Account, a.Kind, strings.ToLower(a.Name)}
}

// read takes the ARN in an answer of IAM apart; ok is false for what is no ARN of a role or user.
func read(arn string) (k key, ok bool) {
	a, err := awsauth.ParseARN(arn)
	if err != nil || a.Kind != awsauth.KindRole && a.Kind != awsauth.KindUser || a.Region != "" || !accountID.MatchString(a.Account) ||
		!principalName.MatchString(a.Name) || !principalPath.MatchString(a.Path) {
		return key{}, false
	}
	return keyOf(a), true
}

// strangers is an answer that is about another account, and so worth nothing: its credentials are not whose they should be.
type strangers struct{ error }

func (s strangers) Unwrap() error { return s.error }

// belongs makes sure that an answer is about the account that was asked: credentials of another account know roles of the same
// names. want is what was asked for, got what the answer is about. What the guard's own credentials show tells its own account, if nothing
// has yet.
func (d *Directory) belongs(a *account, want, got key) error {
	if got.partition != want.partition {
		return strangers{failed(validate.ReasonMalformed, "the answer is about partition %s instead of %s", oneLine(got.partition), want.partition)}
	}
	account := want.account
	if a.own() {
		d.learn(got.account, got.partition)
		self, _ := d.Self()
		account = self.Account
	}
	if got.account != account {
		return strangers{failed(validate.ReasonMalformed, "the answer is about account %s instead of %s", got.account, account)}
	}
	return nil
}

// isOwn reports an account that is known to be the guard's own.
func (d *Directory) isOwn(k key) bool {
	self, ok := d.Self()
	return ok && self.Account == k.account && (self.Partition == "" || strings.EqualFold(self.Partition, k.partition))
}

// errNotOwn says that the guard's own credentials are another account's than the question's.
var errNotOwn error = failed(validate.ReasonForeign, "another account's credentials")

// isStrangers reports an answer that is about another account.
func isStrangers(err error) bool { return errors.As(err, &strangers{}) }
