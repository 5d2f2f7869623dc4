package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

// round is what one server did under one load.
type round struct {
	perSecond float64
	p50, p99  time.Duration
	requests  int
}

// load sends an input over so many connections at once, for that long and at least once on each, and checks every answer.
func load(ctx context.Context, s *server, in *input, concurrency int, length time.Duration, last *atomic.Uint64) (round, error) {
	var (
		mu    sync.Mutex
		all   []time.Duration
		errs  []error
		group sync.WaitGroup
	)
	started := time.Now()
	for range concurrency {
		group.Go(func() {
			body := slices.Clone(in.body)
			var took []time.Duration
			var err error
			for err == nil && (len(took) == 0 || time.Since(started) < length) {
				uid := in.number(body, last.Add(1))
				sent := time.Now()
				err = s.ask(ctx, in, body, uid)
				took = append(took, time.Since(sent))
			}
			mu.Lock()
			defer mu.Unlock()
			all, errs = append(all, took...), append(errs, err)
		})
	}
	group.Wait()
	elapsed := time.Since(started)
	if err := errors.Join(errs...); err != nil {
		return round{}, fmt.Errorf("%s, %s: %w", in.name, s.name, err)
	}
	slices.Sort(all)
	return round{perSecond: float64(len(all)) / elapsed.Seconds(), p50: quantile(all, 50), p99: quantile(all, 99), requests: len(all)}, nil
}

// quantile of sorted values: the smallest that percent of them do not exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// ask sends one review and checks the answer.
func (s *server) ask(ctx context.Context, in *input, body []byte, uid string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return s.check(in, resp.StatusCode, text, uid)
}

func (s *server) check(in *input, status int, text []byte, uid string) error {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(text, &review); status != http.StatusOK || err != nil || review.Response == nil {
		return fmt.Errorf("HTTP status %d and no AdmissionReview with a response (%v): %.1000s", status, err, text)
	}
	switch allowed := in.allowed || s.allowsAll; {
	case string(review.Response.UID) != uid:
		return fmt.Errorf("the answer is to request %q, want %q", review.Response.UID, uid)
	case review.Response.Allowed != allowed:
		return fmt.Errorf("allowed %t, want %t: %.1000s", review.Response.Allowed, allowed, text)
	case !s.allowsAll && !bytes.Contains(text, []byte(in.says)):
		return fmt.Errorf("the answer does not say %s: %.1000s", in.says, text)
	}
	return nil
}
