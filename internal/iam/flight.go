package iam

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
)

// flights let those who ask the same thing at the same time share one answer, as golang.org/x/sync/singleflight does. That
// does not know who still waits for an answer, and the pace has to: a question that an edit shares with a dry run waits no
// longer than the edit's own would, and one that nobody waits for any more takes nobody's turn.
type flights struct {
	mu sync.Mutex
	up map[string]*flight
}

func newFlights() *flights { return &flights{up: map[string]*flight{}} }

// flight is a question on its way to AWS. It has no deadline: the first caller may leave, the others still wait for the answer.
// What bounds it is that each call has a time limit, that no call begins after everybody has gone, and that they all have
// deadlines.
type flight struct {
	flights *flights
	name    string
	landed  chan struct{} // closed when there is an answer
	answer  any
	err     error

	// Under flights.mu:

	askers map[aws.Flow]int // how many wait for the answer
	until  time.Time        // the latest of their deadlines
	// limiter and ticket are where it waits for a turn; nil while it does not.
	limiter *aws.Limiter
	ticket  *aws.Ticket
	held    time.Duration // how long it has waited for turns
	lone    aws.Flow      // the flow of the last caller that left
	asked   time.Time     // when the call that is under way began
	last    error         // what became of the call before that
	toEnd   bool          // it goes on after everybody has gone
}

type flightKey struct{}

// flightFrom is the flight that a call belongs to, in the context since the SDK stands between some calls and those who want
// them. nil: the guard's own call.
func flightFrom(ctx context.Context) *flight {
	f, _ := ctx.Value(flightKey{}).(*flight)
	return f
}

// share runs a question that others may be asking too, and waits for its answer no longer than ctx allows.
func share[T any](ctx context.Context, d *Directory, name string, do func(context.Context) (T, error)) (T, error) {
	var none T
	if ctx.Err() != nil { // too late to begin
		return none, errNoTime
	}
	f, isNew := d.flights.board(ctx, name)
	if isNew {
		ctx := context.WithValue(context.WithoutCancel(ctx), flightKey{}, f)
		go func() {
			answer, err := do(ctx)
			f.land(answer, err)
		}()
	}
	select {
	case <-f.landed:
		return f.answer.(T), f.err
	case <-ctx.Done():
		return none, f.leave(flowFrom(ctx))
	}
}

// board joins the flight of that name, or a new one.
func (g *flights) board(ctx context.Context, name string) (f *flight, isNew bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f, ok := g.up[name]
	if !ok {
		f = &flight{flights: g, name: name, landed: make(chan struct{}), askers: map[aws.Flow]int{}}
		g.up[name] = f
	}
	who := flowFrom(ctx)
	f.askers[who]++
	if end, ok := ctx.Deadline(); ok && end.After(f.until) {
		f.until = end
	}
	if f.ticket != nil {
		f.limiter.Join(f.ticket, who)
	}
	return f, !ok
}

// leave says why there is no answer for somebody who waits no longer. A flight that waits for its turn ends with the last of
// them.
func (f *flight) leave(who aws.Flow) error {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	if f.askers[who]--; f.askers[who] == 0 {
		delete(f.askers, who)
		f.lone = who
	}
	waits := f.ticket != nil
	if len(f.askers) == 0 && waits && !f.toEnd && f.limiter.GiveUp(f.ticket) {
		f.end()
	}
	switch {
	case f.last != nil:
		return f.last
	case waits:
		return errOwnPace
	case f.asked.IsZero():
		return errNoTime
	}
	since := time.Since(f.asked)
	if f.held > since { // the pace took more of the time than AWS has
		return errOwnPace
	}
	return aws.Errorf(aws.Timeout, "AWS was asked %s before the time for this request ended, and had not answered yet", since.Round(time.Millisecond))
}

// end makes room for a new flight of the same name. The caller holds flights.mu.
func (f *flight) end() {
	if f.flights.up[f.name] == f {
		delete(f.flights.up, f.name)
	}
}

func (f *flight) land(answer any, err error) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.end()
	f.answer, f.err = answer, err
	close(f.landed)
}

// wait waits for the flight's turn to make a call, as long as somebody waits for the answer.
func (f *flight) wait(l *aws.Limiter, m *Metrics) error {
	if f == nil { // the guard's own: what waits for it is not known, and may be the call of a flight
		l.Enter([]aws.Flow{{}}).Wait()
		return nil
	}
	g := f.flights
	g.mu.Lock()
	if len(f.askers) == 0 && !f.toEnd {
		f.end()
		g.mu.Unlock()
		return errNoTime
	}
	inTime := func(who aws.Flow) bool { return f.until.IsZero() || l.InTime(who, f.until) }
	flows := slices.Collect(maps.Keys(f.askers))
	if !f.toEnd && !slices.ContainsFunc(flows, inTime) { // a new caller starts another flight, and may be luckier
		f.end()
		g.mu.Unlock()
		m.heldBack(1)
		return errOwnPace
	}
	if len(flows) == 0 {
		flows = append(flows, f.lone)
	}
	t := l.Enter(flows)
	f.limiter, f.ticket = l, t
	g.mu.Unlock()

	began := time.Now()
	turn := t.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	f.limiter, f.ticket = nil, nil
	if !turn {
		m.heldBack(1)
		return errOwnPace
	}
	f.asked = time.Now()
	f.held += f.asked.Sub(began)
	return nil
}

// goesOn lets the flight come to its end though everybody may have gone: its answer is worth keeping.
func (f *flight) goesOn() {
	if f == nil {
		return
	}
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.toEnd = true
}

// came notes what became of a call.
func (f *flight) came(err error) {
	if f == nil {
		return
	}
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.asked, f.last = time.Time{}, err
}

// heldFor is how long the flight has waited for its turns.
func (f *flight) heldFor() time.Duration {
	if f == nil {
		return 0
	}
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	return f.held
}
