package fake

import (
	"io"
	"net/http"
	"sync"
)

// Memory is a way to a handler without a network between. It takes exactly the time that the handler takes, so that
// a test inside of testing/synctest's bubble, whose clock stands still while a socket is waited for, can ask AWS.
// It does not decompress.
type Memory struct{ Handler http.Handler }

// Do makes it a client of the SDK.
func (m Memory) Do(r *http.Request) (*http.Response, error) { return m.RoundTrip(r) }

// RoundTrip implements http.RoundTripper.
func (m Memory) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := r.Clone(r.Context())
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	body, sink := io.Pipe()
	w := &memoryWriter{header: http.Header{}, body: sink, begun: make(chan struct{})}
	go func() {
		defer func() {
			if recover() != nil { // http.ErrAbortHandler: the connection is closed
				_ = sink.CloseWithError(io.ErrUnexpectedEOF) // returns no error
				w.begin(0)
				return
			}
			w.begin(http.StatusOK)
			_ = sink.Close() // returns no error
		}()
		m.Handler.ServeHTTP(w, asked)
	}()
	select {
	case <-w.begun:
		if w.status == 0 {
			return nil, io.EOF
		}
		return &http.Response{StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: w.header, Body: body, ContentLength: -1, Request: r}, nil
	case <-r.Context().Done():
		_ = body.CloseWithError(r.Context().Err()) // a handler that still answers gets the error
		return nil, r.Context().Err()
	}
}

// memoryWriter is where a handler writes its answer.
type memoryWriter struct {
	header http.Header
	body   io.Writer
	once   sync.Once
	status int // read after begun; 0: there is no answer
	begun  chan struct{}
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) { w.begin(status) }

func (w *memoryWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.body.Write(p)
}

func (w *memoryWriter) begin(status int) {
	w.once.Do(func() {
		w.status = status
		close(w.begun)
	})
}
