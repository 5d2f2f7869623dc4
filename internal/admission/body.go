package admission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// maxBody is the most that a review of two ConfigMaps can be: each holds 1 MiB and its metadata, and the API server
	// writes a <, a > and control characters as six bytes each.
	maxBody = 16 << 20
	// A body of up to smallBody bytes is read at once: package listen's connections have no more than 8 MiB of
	// them. An aws-auth of 60 entries comes in one.
	smallBody = 32 << 10
	// A body may take readTimeout to come in, and as much longer as it would take with readRate bytes a second. The API
	// server writes it in one go.
	readTimeout = 2 * time.Second
	readRate    = 8 << 20
	// drainTimeout is for a body that is not looked at.
	drainTimeout = 5 * time.Second
)

// body is what a request brought.
type body struct {
	text []byte
	// share is what it counts for among the large bodies: its length, or that of the longest if it did not say; 0 if
	// it is small.
	share int64
}

// read reads the body of a request. A large one waits for its share of the room for large bodies, and holds it until
// release.
func (s *server) read(ctx context.Context, w http.ResponseWriter, r *http.Request, from string) (
	b body, release func(), err error,
) {
	if r.Body == nil || r.Body == http.NoBody {
		return body{}, nil, unreadable(errors.New("request body is empty"))
	}
	if r.ContentLength > maxBody {
		readWithin(ctx, w, drainTimeout)
		// Unread, it would be a broken connection to the client, and no answer.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 2*maxBody))
		return body{}, nil, errTooMuch
	}
	var text bytes.Buffer
	size := r.ContentLength
	if size < 0 { // it may be small anyway
		readWithin(ctx, w, readTimeout)
		if size, err = text.ReadFrom(io.LimitReader(r.Body, smallBody+1)); err != nil {
			return body{}, nil, unreadable(err)
		}
		if size > smallBody {
			size = maxBody
		}
	}
	release = func() {}
	if size > smallBody {
		b.share = size
		if release, err = s.bounds.bodies.take(ctx, from, "", size); err != nil {
			return body{}, nil, errBusy
		}
	}
	text.Grow(int(size) - text.Len() + bytes.MinRead) // growing by steps, it would be there two or three times
	readWithin(ctx, w, readTimeout+time.Duration(size)*time.Second/readRate)
	_, err = text.ReadFrom(http.MaxBytesReader(w, r.Body, int64(maxBody-text.Len())))
	if err = acceptable(r.Header.Get("Content-Type"), text.Len(), err); err != nil {
		release()
		return body{}, nil, err
	}
	b.text = text.Bytes()
	return b, release, nil
}

// acceptable is an error unless a body was read whole and is said to be JSON. It is worded as controller-runtime words
// it.
func acceptable(contentType string, size int, err error) error {
	switch usual := contentType == "application/json"; {
	case err == nil && usual:
		return nil
	case size <= smallBody && err != nil:
		return unreadable(err)
	case size <= smallBody:
		return unreadable(fmt.Errorf("contentType=%s, expected application/json", contentType))
	case errors.As(err, new(*http.MaxBytesError)):
		return errTooMuch
	default:
		return errNoReview
	}
}

// readWithin is how long the connection may take to bring the body, and never longer than the review has. The server
// takes the deadline back before the connection's next request. A writer without deadlines needs none.
func readWithin(ctx context.Context, w http.ResponseWriter, d time.Duration) {
	until := time.Now().Add(d)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	_ = http.NewResponseController(w).SetReadDeadline(until)
}
