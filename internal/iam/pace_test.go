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

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// waits are tickets of a pace by name, and the order in which their turns come.
type waits struct {
	*pace
	mu    sync.Mutex
	order []string
}

func (w *waits) say(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order = append(w.order, name)
}

// said is whose turn it was since it was asked last.
func (w *waits) said() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.order, " ")
	w.order = nil
	return all
}

func (w *waits) enter(name string, flows ...flow) *ticket {
	t := w.pace.enter(flows)
	go func() {
		<-t.over
		if t.turn {
			w.say(name)
		} else {
			w.say(name + " gone")
		}
	}()
	synctest.Wait()
	return t
}

// spent is a pace whose burst is used up.
func spent(t *testing.T) *waits {
	t.Helper()
	p := newPace()
	for range callBurst {
		select {
		case <-p.enter([]flow{{large, "burst"}}).over:
		default:
			t.Fatal("a call of the burst has to wait")
		}
	}
	return &waits{pace: p}
}

const turn = time.Second / callRate

// Lanes have their shares, users take turns, and what is the guard's own goes first.
func TestPaceOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := spent(t)
		for n := range 12 {
			w.enter("d", flow{dryRun, fmt.Sprint("user ", n)}) // many users are no way around
		}
		for range 4 {
			w.enter("A", flow{large, "alice"})
		}
		w.enter("B", flow{large, "bob"})
		if got := w.said(); got != "" {
			t.Errorf("without a wait: %s", got)
		}
		var got []string
		for n := range 4 {
			if n == 2 {
				w.enter("s", flow{small, "carol"})
				w.enter("g", flow{})
			}
			time.Sleep(turn)
			got = append(got, w.said())
		}
		if want := "A B g s"; strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
		time.Sleep(2 * turn * 14)
		if got := w.said(); strings.Count(got, "d") != 12 || strings.Count(got, "A") != 3 {
			t.Errorf("not all had their turn: %s", got)
		}
		if len(w.lines[dryRun].turns) > 0 || len(w.lines[dryRun].waiting)+len(w.lines[large].waiting) > 0 {
			t.Errorf("something is kept of those who have been: %+v", w.lines)
		}
	})
}

// When every lane wants more than there is, each has its share.
func TestPaceShares(t *testing.T) {
	for name, lanes := range map[string][]lane{"all": {small, large, dryRun}, "small and dry runs": {small, dryRun}, "large and dry runs": {large, dryRun}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := spent(t)
				shares, all := map[lane]int{small: 6, large: 3, dryRun: 1}, 0
				for _, l := range lanes {
					all += shares[l]
					for n := range 100 {
						w.enter(fmt.Sprint(l), flow{l, fmt.Sprint(n % 7)})
					}
				}
				const rounds = 5
				time.Sleep(time.Duration(rounds*all) * turn)
				got := w.said()
				for _, l := range lanes {
					if n := strings.Count(got, fmt.Sprint(l)); n < rounds*shares[l]-1 || n > rounds*shares[l]+1 {
						t.Errorf("lane %d had %d turns of %d, want %d or one more or less", l, n, rounds*all, rounds*shares[l])
					}
				}
				w.limiter.SetLimit(1e6) // what waits has to go before the test ends
				w.wake()
				time.Sleep(time.Minute)
			})
		})
	}
}

// Beside any flood, a small edit's call waits for one other call at most, and a user's for one of each other user.
func TestPaceReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := spent(t)
		var flood []*ticket
		for n := range 200 {
			flood = append(flood, w.enter("d", flow{dryRun, fmt.Sprint(n)}), w.enter("l", flow{large, fmt.Sprint(n % 20)}))
		}
		time.Sleep(turn / 2) // away from the moments at which there is a turn
		for range 30 {
			time.Sleep(2 * turn)
			w.said()
			w.enter("s", flow{small, "alice"})
			time.Sleep(turn)
			if got := w.said(); got != "s" {
				t.Errorf("the next turn was %q's, want the small edit's", got)
			}
		}
		for range 100 {
			flood = append(flood, w.enter("m", flow{small, "mallory"}))
		}
		w.enter("s", flow{small, "alice"})
		time.Sleep(3 * turn) // one for mallory, one for a lane behind
		if got := w.said(); !strings.Contains(got, "s") {
			t.Errorf("after three turns: %q, and not the user's who asked once", got)
		}
		for _, ticket := range flood {
			w.giveUp(ticket)
		}
	})
}

// Whoever goes makes room, once, and nobody's turn is lost with him.
func TestPaceGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := spent(t)
		first, second := w.enter("first", flow{large, "alice"}), w.enter("second", flow{large, "alice"})
		w.enter("third", flow{large, "alice"})
		for range 2 { // going again changes nothing
			if !w.giveUp(first) {
				t.Error("did not go")
			}
		}
		if got := w.said(); got != "first gone" {
			t.Errorf("got %q, want one that is gone, once", got)
		}
		time.Sleep(turn)
		if got := w.said(); got != "second" {
			t.Errorf("got %q, want the second at the time of the first", got)
		}
		if w.giveUp(second) {
			t.Error("went, and its turn had come")
		}
		w.join(second, flow{small, "bob"})
		time.Sleep(turn)
		if got := w.said(); got != "third" {
			t.Errorf("got %q, want the third", got)
		}
		w.enter("shared", flow{dryRun, "mallory"}, flow{large, "alice"})
		if !w.giveUp(w.enter("alone", flow{large, "alice"})) {
			t.Error("did not go")
		}
		time.Sleep(turn)
		if got := w.said(); got != "alone gone shared" {
			t.Errorf("got %q", got)
		}
		for _, l := range w.lines {
			if len(l.waiting)+len(l.turns) > 0 {
				t.Errorf("something is kept: %+v", l)
			}
		}
	})
}

// Nobody is forgotten, whoever comes and goes at the same moment: as many turns as the rate gives, and all who stayed have one.
func TestPaceLosesNobody(t *testing.T) {
	p := newPace()
	p.limiter.SetLimit(5000)
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			for i := range 50 {
				f := flow{lane(1 + n%3), fmt.Sprint(n % 5)}
				ticket := p.enter([]flow{f})
				p.join(ticket, flow{small, "other"})
				if (n+i)%4 == 0 && p.giveUp(ticket) {
					continue
				}
				select {
				case <-ticket.over:
					if !ticket.turn {
						t.Error("over, and it was nobody's turn")
					}
				case <-time.After(time.Minute):
					t.Error("forgotten")
					return
				}
			}
		})
	}
	all.Wait()
	for _, l := range p.lines {
		if len(l.waiting)+len(l.turns) > 0 {
			t.Errorf("something is kept: %+v", l)
		}
	}
}

// sky is flights over one pace whose burst is used up.
type sky struct {
	*waits
	d *Directory
	m *Metrics
	// calls are the names of the flights that made one.
	calls chan string
}

func newSky(t *testing.T) *sky {
	return &sky{spent(t), &Directory{flights: newFlights()}, NewMetrics(prometheus.NewRegistry()), make(chan string, 100)}
}

// ask asks for a name that takes so many calls, each of which takes that long.
func (s *sky) ask(ctx context.Context, a validate.Asker, name string, calls int, took time.Duration) (string, error) {
	return share(inFlow(ctx, flowOf(a, 1)), s.d, name, func(ctx context.Context) (string, error) {
		f := flightFrom(ctx)
		for range calls {
			if err := f.wait(s.pace, s.m); err != nil {
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
		s := newSky(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		mallory, alice := validate.Asker{Username: "mallory", DryRun: true}, validate.Asker{Username: "alice"}
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
		s := newSky(t)
		alice := validate.Asker{Username: "alice"}
		within := func(d time.Duration, name string, calls int, took time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			_, err := s.ask(ctx, alice, name, calls, took)
			return err
		}
		// Waiting for a turn: no call, and no room for it is kept.
		s.limiter.SetLimit(1)
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
		for s.limiter.Allow() {
		}
		s.limiter.Reserve() // no turn for a second at least
		if _, err := s.ask(ctx, alice, "late", 1, 2*time.Second); !errors.Is(err, errOwnPace) {
			t.Errorf("%v, want the own pace", err)
		}
		s.limiter.SetLimit(callRate)
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
		s := newSky(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		calls := 0
		_, err := share(inFlow(ctx, flow{dryRun, "alice"}), s.d, "list", func(ctx context.Context) (int, error) {
			f := flightFrom(ctx)
			f.goesOn()
			for range 3 {
				if err := f.wait(s.pace, s.m); err != nil {
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
	for want, tt := range map[flow]struct {
		asker validate.Asker
		arns  int
	}{
		{small, ""}:         {validate.Asker{}, 1}, // the command line
		{small, "alice"}:    {validate.Asker{Username: "alice"}, fewNew},
		{large, "alice"}:    {validate.Asker{Username: "alice"}, fewNew + 1},
		{dryRun, "mallory"}: {validate.Asker{Username: "mallory", DryRun: true}, 1},
	} {
		if got := flowOf(tt.asker, tt.arns); got != want {
			t.Errorf("%+v with %d ARNs: %+v, want %+v", tt.asker, tt.arns, got, want)
		}
	}
}
