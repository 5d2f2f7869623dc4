package certs

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
)

const (
	// tolerance is how far this clock and the API server's may be apart: two replicas may be off to either side, and what one
	// makes is valid to the other if they are apart by the backdate at most.
	tolerance = backdate / 2
	// even is how much a clock that nobody sets may differ from the time that has passed: NTP slews by 0.05 % at most, and
	// the two clocks are compared every minute.
	even = time.Minute
	// slowAnswer is how long an answer may take for its Date to count.
	slowAnswer = 10 * time.Second
)

// Skew is how far this node's clock is from the API server's, which decides whether a certificate is valid. Every answer
// of the API server has its time in the Date header. The metadata times of a write would have it as well, but would
// need a write by a clock that may be wrong.
//
// Between two answers the API server's time is the last answer's plus the time that has passed, which no setting of a
// clock changes. So a clock that is set, to right or wrong, is noticed at once. But Linux does not count the time that a node is
// suspended (clock_gettime(2), CLOCK_MONOTONIC), which then looks the same: only an answer shows which of the two it was.
type Skew struct {
	clock clock.PassiveClock
	// steady measures how much time has passed. Its time of day means nothing.
	steady clock.PassiveClock

	mu sync.Mutex
	// answer is the API server's time by the newest answer, compared this node's at that moment, and agreed this node's when the
	// two last agreed.
	answer, compared, agreed reading
	// uncertain is how far the answer may be off: its resolution and how long it took.
	uncertain time.Duration
}

// reading is what a clock showed at a moment of the steady one.
type reading struct {
	shown, at time.Time
}

// even is whether the clock has run evenly from r to now.
func (r reading) even(now reading) bool {
	return r.known() && (now.shown.Sub(r.shown)-now.at.Sub(r.at)).Abs() <= even
}

func (r reading) known() bool { return !r.at.IsZero() }

// NewSkew measures by the answers to all requests made with config from then on.
func NewSkew(config *rest.Config, own clock.PassiveClock) *Skew {
	s := &Skew{clock: own, steady: clock.RealClock{}}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return measured{s, next} })
	return s
}

type measured struct {
	skew *Skew
	next http.RoundTripper
}

// RoundTrip returns with the header of the answer, so the time that a body or a watch takes does not count.
func (m measured) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := m.skew.steady.Now()
	resp, err := m.next.RoundTrip(req)
	if err == nil {
		m.skew.answered(resp.StatusCode, resp.Header, m.skew.steady.Since(sent))
	}
	return resp, err
}

// WrappedRoundTripper is how client-go looks for the transport below.
func (m measured) WrappedRoundTripper() http.RoundTripper { return m.next }

// answered reads the Date of an answer. The API server wrote it at some time while the request took, and left out the
// fraction of the second. Not counted are answers that a cache kept (RFC 9111 has it say so by Age), that took long, and
// errors of proxies between the guard and the API server.
func (s *Skew) answered(status int, header http.Header, took time.Duration) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || status >= http.StatusInternalServerError || header.Get("Age") != "" || took > slowAnswer {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uncertain = (time.Second + took) / 2
	s.compared = s.own()
	s.answer = reading{shown: date.Add(s.uncertain), at: s.compared.at}
	_, _ = s.measure() // remembers that the two agree
}

// whose clock is wrong.
type whose int

const (
	nobodys whose = iota
	ours
	theirs
	unsure // until the next answer
)

// measure compares the clocks; positive: this one is ahead. A clock that is far off but has run evenly since the two agreed is
// not the one that was set. The caller holds the lock.
func (s *Skew) measure() (offset time.Duration, wrong whose) {
	if !s.answer.known() {
		return 0, nobodys
	}
	now := s.own()
	offset = now.shown.Sub(s.server(now.at))
	switch {
	case offset.Abs() <= tolerance+s.uncertain:
		s.agreed = now
		return offset, nobodys
	case s.agreed.even(now):
		return offset, theirs
	case !s.compared.even(now):
		return offset, unsure
	}
	return offset, ours
}

// own reads this node's clock, without the monotonic reading, which would hide that it was set.
func (s *Skew) own() reading { return reading{shown: s.clock.Now().Round(0), at: s.steady.Now()} }

func (s *Skew) server(at time.Time) time.Time { return s.answer.shown.Add(at.Sub(s.answer.at)) }

// offset is what measure found; known: there was an answer.
func (s *Skew) offset() (offset time.Duration, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	offset, _ = s.measure()
	return offset, s.answer.known()
}

// stale is whether no answer has come for so long.
func (s *Skew) stale(after time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.answer.known() || s.steady.Since(s.answer.at) >= after
}

// Now is by this node's clock, unless that is the one that is wrong, or may be.
func (s *Skew) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, wrong := s.measure(); wrong == ours || wrong == unsure {
		return s.server(s.steady.Now())
	}
	return s.clock.Now()
}

// serverNow is by the API server's clock, as far as it is known.
func (s *Skew) serverNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.answer.known() {
		return s.clock.Now()
	}
	return s.server(s.steady.Now())
}

// judge says which of the two clocks is wrong, in words as well. While one is, nothing may be written by this one.
func (s *Skew) judge() (whose, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	offset, wrong := s.measure()
	switch wrong {
	case ours:
		return wrong, fmt.Errorf("this node's clock is %s the API server's: set it right (NTP)", apart(offset))
	case theirs:
		return wrong, fmt.Errorf("the API server's clock is %s this node's, which nobody has set since the two agreed: set the API server's right (NTP)", apart(-offset))
	case unsure:
		return wrong, errors.New("since the API server's last answer this node was suspended or its clock was set: its next answer says whether the clock is right")
	}
	return wrong, nil
}

// apart is a difference of two clocks in words, to go before the other clock's name.
func apart(offset time.Duration) string {
	which := "ahead of"
	if offset < 0 {
		which = "behind"
	}
	switch d := offset.Abs(); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days %s", d/(24*time.Hour), which)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours %s", d/time.Hour, which)
	default:
		return fmt.Sprintf("%d minutes %s", d/time.Minute, which)
	}
}
