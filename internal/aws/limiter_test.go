package aws

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// waits are tickets of a limiter by name, and the order in which their turns come.
type waits struct {
	*Limiter
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

func (w *waits) enter(name string, flows ...Flow) *Ticket {
	t := w.Limiter.Enter(flows)
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

// spent is a limiter whose burst is used up.
func spent(t *testing.T) *waits {
	t.Helper()
	p := newLimiter()
	for range callBurst {
		select {
		case <-p.Enter([]Flow{{Large, "burst"}}).over:
		default:
			t.Fatal("a call of the burst has to wait")
		}
	}
	return &waits{Limiter: p}
}

const (
	callRate, callBurst = 10, 20
	turn                = time.Second / callRate
)

func newLimiter() *Limiter { return NewLimiter(callRate, callBurst) }

// Lanes have their shares, users take turns, and what is the guard's own goes first.
func TestLimiterOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := spent(t)
		for n := range 12 {
			w.enter("d", Flow{DryRun, fmt.Sprint("user ", n)}) // many users are no way around
		}
		for range 4 {
			w.enter("A", Flow{Large, "alice"})
		}
		w.enter("B", Flow{Large, "bob"})
		if got := w.said(); got != "" {
			t.Errorf("without a wait: %s", got)
		}
		var got []string
		for n := range 4 {
			if n == 2 {
				w.enter("s", Flow{Small, "carol"})
				w.enter("g", Flow{})
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
		if len(w.lines[DryRun].turns) > 0 || len(w.lines[DryRun].waiting)+len(w.lines[Large].waiting) > 0 {
			t.Errorf("something is kept of those who have been: %+v", w.lines)
		}
	})
}

// When every lane wants more than there is, each has its share.
func TestLimiterShares(t *testing.T) {
	for name, lanes := range map[string][]Lane{"all": {Small, Large, DryRun}, "small and dry runs": {Small, DryRun}, "large and dry runs": {Large, DryRun}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := spent(t)
				shares, all := map[Lane]int{Small: 6, Large: 3, DryRun: 1}, 0
				for _, l := range lanes {
					all += shares[l]
					for n := range 100 {
						w.enter(fmt.Sprint(l), Flow{l, fmt.Sprint(n % 7)})
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
				w.Rate.SetLimit(1e6) // what waits has to go before the test ends
				w.Serve()
				time.Sleep(time.Minute)
			})
		})
	}
}

// Beside any flood, a small edit's call waits for one other call at most, and a user's for one of each other user.
func TestLimiterReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := spent(t)
		var flood []*Ticket
		for n := range 200 {
			flood = append(flood, w.enter("d", Flow{DryRun, fmt.Sprint(n)}), w.enter("l", Flow{Large, fmt.Sprint(n % 20)}))
		}
		time.Sleep(turn / 2) // away from the moments at which there is a turn
		for range 30 {
			time.Sleep(2 * turn)
			w.said()
			w.enter("s", Flow{Small, "alice"})
			time.Sleep(turn)
			if got := w.said(); got != "s" {
				t.Errorf("the next turn was %q's, want the small edit's", got)
			}
		}
		for range 100 {
			flood = append(flood, w.enter("m", Flow{Small, "mallory"}))
		}
		w.enter("s", Flow{Small, "alice"})
		time.Sleep(3 * turn) // one for mallory, one for a lane behind
		if got := w.said(); !strings.Contains(got, "s") {
			t.Errorf("after three turns: %q, and not the user's who asked once", got)
		}
		for _, ticket := range flood {
			w.GiveUp(ticket)
		}
	})
}

// A caller that leaves makes room, once, and nobody's turn is lost.
func TestLimiterGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := spent(t)
		first, second := w.enter("first", Flow{Large, "alice"}), w.enter("second", Flow{Large, "alice"})
		w.enter("third", Flow{Large, "alice"})
		for range 2 { // going again changes nothing
			if !w.GiveUp(first) {
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
		if w.GiveUp(second) {
			t.Error("went, and its turn had come")
		}
		w.Join(second, Flow{Small, "bob"})
		time.Sleep(turn)
		if got := w.said(); got != "third" {
			t.Errorf("got %q, want the third", got)
		}
		w.enter("shared", Flow{DryRun, "mallory"}, Flow{Large, "alice"})
		if !w.GiveUp(w.enter("alone", Flow{Large, "alice"})) {
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

// Nobody is forgotten when others come and go at the same moment: as many turns as the rate gives, and all who stayed have one.
func TestLimiterLosesNobody(t *testing.T) {
	p := newLimiter()
	p.Rate.SetLimit(5000)
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			for i := range 50 {
				f := Flow{Lane(1 + n%3), fmt.Sprint(n % 5)}
				ticket := p.Enter([]Flow{f})
				p.Join(ticket, Flow{Small, "other"})
				if (n+i)%4 == 0 && p.GiveUp(ticket) {
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
