package aws

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxAnswer bounds what is read of an answer, decompressed. A role with a trust policy of 4,096 characters and 50
// tags has some 40 kB (IAM quotas).
const maxAnswer = 1 << 20

// bytesPerTag bounds the XML tags of an answer: the SDK makes a hundred bytes and more of an element that is nine
// bytes long. A page of 1,000 roles has some 60,000 tags.
const bytesPerTag = 64

// bounded is an answer's body, of which no more than max bytes are read: what is longer is an error that Classify
// has a sentence for. The answer may come from a proxy, or from another account.
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

// WriteTo is what io.Copy calls. The SDK copies what it has left of an answer to nowhere, and logs if it cannot:
// once there is an error there is nothing left.
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

// limit is how large an answer may be.
type limit struct{ bytes, tags int64 }

type limitKey struct{}

// Expect lets the answers to calls with that context have up to so many bytes, with XML tags in proportion.
func Expect(ctx context.Context, bytes int64) context.Context {
	return context.WithValue(ctx, limitKey{}, limit{bytes, bytes / bytesPerTag})
}

// ExpectTags is Expect for answers that are nearly all tags, as EC2's are, and read as they come in.
func ExpectTags(ctx context.Context, bytes int64) context.Context {
	return context.WithValue(ctx, limitKey{}, limit{bytes, bytes})
}

// BoundAnswers makes every client of the SDK read no more than that of an answer, those for credentials too. As a
// middleware it sees what Go's HTTP transport has decompressed. A client of our own around the SDK's would be one
// whose authorities AWS_CA_BUNDLE cannot set.
func BoundAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("BoundAnswer", boundAnswer), middleware.After)
}

func boundAnswer(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	if r, ok := out.RawResponse.(*smithyhttp.Response); ok && r != nil && r.Response != nil && r.Body != nil {
		l, ok := ctx.Value(limitKey{}).(limit)
		if !ok {
			l = limit{maxAnswer, maxAnswer / bytesPerTag}
		}
		r.Body = &bounded{ReadCloser: r.Body, max: l.bytes, left: l.bytes, tags: l.tags}
	}
	return out, metadata, err
}
