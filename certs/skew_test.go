package certs

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

// skewed is a Skew with clocks of its own: the node's is by so much ahead of the API server's, which runs with the time that
// passes.
func skewed(offset time.Duration) (s *Skew, own, api *testclock.FakeClock) {
	own, api = testclock.NewFakeClock(start.Add(offset)), testclock.NewFakeClock(start)
	return &Skew{clock: own, steady: testclock.NewFakeClock(time.Unix(0, 0))}, own, api
}

// pass has time pass for all three clocks.
func pass(s *Skew, d time.Duration, clocks ...*testclock.FakeClock) {
	s.steady.(*testclock.FakeClock).Step(d)
	for _, c := range clocks {
		c.Step(d)
	}
}

// blames is what makes a replica not ready.
func blames(s *Skew) error {
	if wrong, err := s.judge(); wrong == ours {
		return err
	}
	return nil
}

func dateOf(api *testclock.FakeClock) http.Header {
	return http.Header{"Date": {api.Now().UTC().Format(http.TimeFormat)}}
}

func TestSkew(t *testing.T) {
	for offset, want := range map[time.Duration]string{
		0:                                  "",
		tolerance:                          "",
		-tolerance:                         "",
		tolerance + 2*time.Second:          "30 minutes ahead of",
		-tolerance - 2*time.Second:         "30 minutes behind",
		3*time.Hour + time.Minute:          "3 hours ahead of",
		21*24*time.Hour + time.Minute:      "21 days ahead of",
		-6*365*24*time.Hour - time.Hour:    "2190 days behind",
		250*365*24*time.Hour + time.Minute: "91250 days ahead of",
	} {
		s, _, api := skewed(offset)
		if err := blames(s); err != nil {
			t.Errorf("%v, before any answer: %v", offset, err)
		}
		s.answered(http.StatusOK, dateOf(api), 100*time.Millisecond)
		err := blames(s)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != "this node's clock is "+want+" the API server's: set it right (NTP)") {
			t.Errorf("%v: blames() = %v, want %q", offset, err, want)
		}
		if wrong, _ := s.judge(); (wrong != nobodys) != (want != "") {
			t.Errorf("%v: writes are held (%d), but ready is %v", offset, wrong, err)
		}
		if got, known := s.offset(); !known || (got-offset).Abs() > time.Second {
			t.Errorf("offset() = %v, %v, want %v", got, known, offset)
		}
		if want != "" && s.Now().Sub(start).Abs() > time.Second {
			t.Errorf("%v: Now() = %v, want the API server's", offset, s.Now())
		}
	}
}

// TestSkewIgnores goes through what comes between here and the API server: none of it makes a good clock look wrong.
func TestSkewIgnores(t *testing.T) {
	stale := http.Header{"Date": {start.Add(-90 * 24 * time.Hour).Format(http.TimeFormat)}}
	for name, answer := range map[string]func(*Skew){
		"no Date":         func(s *Skew) { s.answered(http.StatusOK, http.Header{}, 0) },
		"a garbled Date":  func(s *Skew) { s.answered(http.StatusOK, http.Header{"Date": {"yesterday"}}, 0) },
		"a proxy's error": func(s *Skew) { s.answered(http.StatusBadGateway, stale, 0) },
		"a slow answer":   func(s *Skew) { s.answered(http.StatusOK, stale, slowAnswer+time.Second) },
		"a cached answer": func(s *Skew) {
			header := stale.Clone()
			header.Set("Age", "7776000")
			s.answered(http.StatusOK, header, 0)
		},
	} {
		for when, before := range map[string]func(*Skew){"first": func(*Skew) {}, "later": func(s *Skew) { s.answered(http.StatusOK, http.Header{"Date": {start.Format(http.TimeFormat)}}, 0) }} {
			s, _, _ := skewed(0)
			before(s)
			answer(s)
			if wrong, err := s.judge(); wrong != nobodys {
				t.Errorf("%s, %s: %v", name, when, err)
			}
		}
	}
	// A cache that does not say so: writes wait for the next answer, and the replica stays ready.
	s, own, api := skewed(0)
	s.answered(http.StatusOK, dateOf(api), 0)
	s.answered(http.StatusOK, stale, 0)
	if wrong, _ := s.judge(); wrong != theirs || blames(s) != nil {
		t.Errorf("an old Date: whose clock is wrong is %d, blames() = %v", wrong, blames(s))
	}
	pass(s, time.Minute, own, api)
	s.answered(http.StatusOK, dateOf(api), 0)
	if wrong, err := s.judge(); wrong != nobodys {
		t.Errorf("after the next answer: %v", err)
	}
}

// TestSkewFollows: whichever clock is set, and when, with or without an answer in between.
func TestSkewFollows(t *testing.T) {
	type step struct {
		name     string
		own, api time.Duration
		answer   bool
		want     whose
	}
	const days = 24 * time.Hour
	for name, steps := range map[string][]step{
		"the node's goes wrong and comes right": {
			{"agree", 0, 0, true, nobodys},
			{"set wrong", 21 * days, 0, false, unsure},
			{"an answer", 0, 0, true, ours},
			{"set right", -21 * days, 0, false, nobodys},
			{"an answer", 0, 0, true, nobodys},
		},
		"the node's was wrong from the start": {
			{"starts wrong", -400 * days, 0, true, ours},
			{"later", 0, 0, true, ours},
			{"NTP steps it", 400 * days, 0, false, nobodys},
		},
		"the API server's goes wrong and comes right": {
			{"agree", 0, 0, true, nobodys},
			{"set, not heard of", 0, 60 * days, false, nobodys},
			{"heard of", 0, 0, true, theirs},
			{"set right", 0, -60 * days, true, nobodys},
		},
		"the API server's was wrong from the start": {
			{"looks like ours", 0, -9 * 365 * days, true, ours},
			{"set right", 0, 9 * 365 * days, true, nobodys},
		},
		"both are set": {
			{"agree", 0, 0, true, nobodys},
			{"both", 90 * days, 90 * days, true, nobodys},
			{"ours back", -90 * days, 0, true, ours},
			{"theirs back", 0, -90 * days, true, nobodys},
		},
		"the node was suspended, and its clock went on": {
			{"agree", 0, 0, true, nobodys},
			{"resumed", 8 * time.Hour, 8 * time.Hour, false, unsure},
			{"an answer", 0, 0, true, nobodys},
			{"resumed once more", 9 * time.Hour, 9 * time.Hour, false, unsure},
			{"an answer", 0, 0, true, nobodys},
		},
		"the node was suspended, and its clock with it": {
			{"agree", 0, 0, true, nobodys},
			{"resumed", 0, 8 * time.Hour, false, nobodys},
			{"an answer", 0, 0, true, theirs},
			{"NTP steps it", 8 * time.Hour, 0, false, nobodys},
		},
		"the node was suspended, resumed and stepped before an answer": {
			{"agree", 0, 0, true, nobodys},
			{"resumed", 0, 45 * time.Minute, false, nobodys},
			{"NTP steps it", 45 * time.Minute, 0, false, unsure},
			{"an answer", 0, 0, true, nobodys},
		},
		"all the while NTP steps by minutes": {
			{"agree", 0, 0, true, nobodys},
			{"ahead", 20 * time.Minute, 0, false, nobodys},
			{"an answer", 0, 0, true, nobodys},
			{"back", -40 * time.Minute, 0, false, nobodys},
			{"an answer", 0, 0, true, nobodys},
		},
		"one of three API servers is wrong": {
			{"a good one", 0, 0, true, nobodys},
			{"the wrong one", 0, 3 * time.Hour, true, theirs},
			{"a good one", 0, -3 * time.Hour, true, nobodys},
			{"the wrong one", 0, 3 * time.Hour, true, theirs},
			{"the wrong one", 0, 0, true, theirs},
		},
		"API servers some minutes apart": {
			{"one", 0, 0, true, nobodys},
			{"another", 0, 12 * time.Minute, true, nobodys},
			{"a third", 0, -24 * time.Minute, true, nobodys},
		},
		"the API server's goes wrong, then the node's too": {
			{"agree", 0, 0, true, nobodys},
			{"theirs", 0, 90 * days, true, theirs},
			{"ours", -90 * days, 0, true, ours},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, own, api := skewed(0)
			for _, step := range steps {
				pass(s, 30*time.Second, own, api)
				own.Step(step.own)
				api.Step(step.api)
				if step.answer {
					s.answered(http.StatusOK, dateOf(api), 10*time.Millisecond)
				}
				if got, err := s.judge(); got != step.want {
					t.Errorf("%s: whose clock is wrong is %d (%v), want %d", step.name, got, err, step.want)
				}
				if err := blames(s); (err != nil) != (step.want == ours) {
					t.Errorf("%s: blames() = %v", step.name, err)
				}
			}
		})
	}
}

// TestSkewOfAnswers measures by what goes through a transport.
func TestSkewOfAnswers(t *testing.T) {
	s, _, api := skewed(-48 * time.Hour)
	fails := true
	transport := measured{s, roundTripper(func(*http.Request) (*http.Response, error) {
		if fails {
			return nil, errors.New("refused")
		}
		return &http.Response{StatusCode: http.StatusForbidden, Header: dateOf(api), Body: http.NoBody}, nil
	})}
	ask := func() error {
		resp, err := transport.RoundTrip(&http.Request{})
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := ask(); err == nil || blames(s) != nil {
		t.Errorf("no answer: %v, blames() = %v", err, blames(s))
	}
	fails = false
	if err := ask(); err != nil {
		t.Error(err)
	}
	if err := blames(s); err == nil || !strings.Contains(err.Error(), "2 days behind") && !strings.Contains(err.Error(), "47 hours behind") {
		t.Errorf("blames() = %v, want that the clock is 2 days behind", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
