package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

const turn = time.Second / callRate

// sky is flights over one limiter whose burst is used up.
type sky struct {
	*aws.Limiter
	d *Directory
	m *Metrics
	// calls are the names of the flights that made one.
	calls chan string
}

// spent is a limiter whose burst is used up.
func spent() *aws.Limiter {
	l := aws.NewLimiter(callRate, callBurst)
	for l.Rate.Allow() {
	}
	return l
}

func newSky() *sky {
	return &sky{spent(), &Directory{flights: newFlights()}, NewMetrics(prometheus.NewRegistry()), make(chan string, 100)}
}

// ask asks for a name that takes so many calls, each of which takes that long.
func (s *sky) ask(ctx context.Context, a principal.Asker, name string, calls int, took time.Duration) (string, error) {
	return share(inFlow(ctx, flowOf(a, 1)), s.d, name, func(ctx context.Context) (string, error) {
		f := flightFrom(ctx)
		for range calls {
			if err := f.wait(s.Limiter, s.m); err != nil {
				return "", err
			}
			s.calls <- name
			time.Sleep(took)
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			f.came(nil)
		}
		return "answer about " + name, nil
	})
}

func (s *sky) made() (names []string) {
	for {
		select {
		case n := <-s.calls:
			names = append(names, n)
		default:
			return names
		}
	}
}

// An edit that asks what a dry run asks already waits no longer than if it had asked alone, and both cost one call.
func TestFlightUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSky()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		mallory, alice := principal.Asker{Username: "mallory", DryRun: true}, principal.Asker{Username: "alice"}
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() { _, _ = s.ask(ctx, mallory, fmt.Sprint("flood ", n), 1, 0) })
			synctest.Wait()
		}
		all.Go(func() {
			if got, err := s.ask(ctx, mallory, "shared", 1, 0); err != nil || got != "answer about shared" {
				t.Errorf("%q, %v", got, err)
			}
		})
		synctest.Wait()
		started := time.Now()
		if got, err := s.ask(ctx, alice, "shared", 1, 0); err != nil || got != "answer about shared" {
			t.Errorf("%q, %v", got, err)
		}
		if took := time.Since(started); took > turn {
			t.Errorf("took %s, want the next turn", took)
		}
		all.Wait()
		if calls := s.made(); len(calls) != 21 || calls[0] != "shared" {
			t.Errorf("calls: %q, want one for each name, the shared one first", calls)
		}
	})
}

// A call is not made for nobody, and that is said to be the guard's doing; one that was begun is not cut off.
func TestFlightLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSky()
		alice := principal.Asker{Username: "alice"}
		within := func(d time.Duration, name string, calls int, took time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			_, err := s.ask(ctx, alice, name, calls, took)
			return err
		}
		// Waiting for a turn: no call, and no room for it is kept.
		s.Rate.SetLimit(1)
		go func() { _ = within(1500*time.Millisecond, "before", 1, 0) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(500 * time.Millisecond); cancel() }()
		if _, err := s.ask(ctx, alice, "left", 1, 0); !errors.Is(err, errOwnPace) {
			t.Errorf("%v, want the own pace", err)
		}
		// Where no turn can come in time, it is said at once.
		started := time.Now()
		if err := within(900*time.Millisecond, "too late", 1, 0); !errors.Is(err, errOwnPace) || time.Since(started) > 0 {
			t.Errorf("%v after %s, want the own pace at once", err, time.Since(started))
		}
		time.Sleep(2 * time.Second)
		if calls := s.made(); !slices.Equal(calls, []string{"before"}) {
			t.Errorf("calls %q, want one", calls)
		}
		if n := testutil.ToFloat64(s.m.throttled); n != 2 {
			t.Errorf("%v calls counted as held back, want 2", n)
		}
		// Begun too late: AWS had less of the time than the pace.
		ctx, cancel = context.WithTimeout(t.Context(), 2400*time.Millisecond)
		defer cancel()
		for s.Rate.Allow() {
		}
		s.Rate.Reserve() // no turn for a second at least
		if _, err := s.ask(ctx, alice, "late", 1, 2*time.Second); !errors.Is(err, errOwnPace) {
			t.Errorf("%v, want the own pace", err)
		}
		s.Rate.SetLimit(callRate)
		time.Sleep(time.Minute)
		s.made()
		// In the air: the call comes to its end, the next to ask has its answer, and there is no second call for nobody.
		err := within(100*time.Millisecond, "slow", 2, 3*time.Second)
		if err == nil || outageOfAWS(err) {
			t.Errorf("%v, want no word of an outage", err)
		}
		if err := within(time.Second, "slow", 2, 3*time.Second); err == nil || !strings.Contains(err.Error(), "AWS was asked 1.1s before") {
			t.Errorf("%v, want it to say for how long AWS has not answered", err)
		}
		time.Sleep(time.Minute)
		if calls := s.made(); !slices.Equal(calls, []string{"slow"}) {
			t.Errorf("calls %q, want the one that was begun", calls)
		}
		synctest.Wait()
		if len(s.d.flights.up) > 0 {
			t.Errorf("kept: %v", s.d.flights.up)
		}
		if err := within(time.Second, "again", 1, 0); err != nil {
			t.Error(err)
		}
	})
}

// A list goes on after everybody has gone: the next edit has the use of it.
func TestFlightGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSky()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		calls := 0
		_, err := share(inFlow(ctx, aws.Flow{Lane: aws.DryRun, User: "alice"}), s.d, "list", func(ctx context.Context) (int, error) {
			f := flightFrom(ctx)
			f.goesOn()
			for range 3 {
				if err := f.wait(s.Limiter, s.m); err != nil {
					return 0, err
				}
				time.Sleep(2 * time.Second)
				calls++
			}
			if held := f.heldFor(); held > turn {
				t.Errorf("held back for %s, want the time before the first call alone", held)
			}
			return calls, nil
		})
		if err == nil {
			t.Error("an answer before there was one")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if calls != 3 || len(s.d.flights.up) > 0 {
			t.Errorf("%d calls, %d flights; want 3 and none", calls, len(s.d.flights.up))
		}
	})
}

// outageOfAWS says that a message blames AWS.
func outageOfAWS(err error) bool { return strings.Contains(err.Error(), "did not answer") }

func TestFlowOf(t *testing.T) {
	for want, tt := range map[aws.Flow]struct {
		asker principal.Asker
		arns  int
	}{
		{Lane: aws.Small, User: ""}:         {principal.Asker{}, 1}, // the command line
		{Lane: aws.Small, User: "alice"}:    {principal.Asker{Username: "alice"}, fewNew},
		{Lane: aws.Large, User: "alice"}:    {principal.Asker{Username: "alice"}, fewNew + 1},
		{Lane: aws.DryRun, User: "mallory"}: {principal.Asker{Username: "mallory", DryRun: true}, 1},
	} {
		if got := flowOf(tt.asker, tt.arns); got != want {
			t.Errorf("%+v with %d ARNs: %+v, want %+v", tt.asker, tt.arns, got, want)
		}
	}
}
