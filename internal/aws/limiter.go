package aws

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Lane says how soon a call is wanted.
type Lane int

// The lanes. Calls in Itself may be what other calls wait for inside of their turn.
const (
	Itself Lane = iota // the guard's own: to assume a role once an hour for everybody, and what it asks in the background
	Small              // an edit that asks about few principals
	Large              // an edit that asks about many
	DryRun             // nobody is hindered by it
)

// costs divide the calls when every lane wants more than there is: of ten, small edits have six, large ones three,
// dry runs one. So a small edit's call waits for one call at most of those behind it, however many they are, and no
// lane is shut out. Itself goes before all.
var costs = [...]int{Small: 1, Large: 2, DryRun: 6}

// Flow is what is treated alike: one user's calls of one lane, in their order.
type Flow struct {
	Lane Lane
	User string
}

// Limiter limits calls to the guard's own rate. Those that have to wait take turns: the lanes by their costs,
// the users of a lane one after another, so that a user with a hundred calls waits for their own.
// k8s.io/apiserver's fair queuing does that too, but it comes with the API server, and counts requests in flight
// and not calls a second.
type Limiter struct {
	Rate *rate.Limiter

	mu    sync.Mutex
	lines [len(costs)]line
	// now is the virtual time of weighted fair queuing: when the last turn was due.
	now int
	// timer calls Serve when there is a call to give; nil before anybody has waited.
	timer *time.Timer
}

// line is those who wait in one lane.
type line struct {
	waiting map[string][]*Ticket // of each user, in their order
	turns   []string             // the users, the next first
	due     int                  // in virtual time: each turn moves it by the lane's cost
}

// Ticket is for one call.
type Ticket struct {
	flows []Flow        // in each of which it waits; its turn in one of them is enough
	over  chan struct{} // closed when its turn has come, or nobody wants it any more
	turn  bool          // which of the two; read after over
}

// Wait waits until the ticket's turn has come, or it was given up.
func (t *Ticket) Wait() (turn bool) {
	<-t.over
	return t.turn
}

// NewLimiter lets so many calls a second pass, and so many at once.
func NewLimiter(perSecond, burst int) *Limiter {
	return &Limiter{Rate: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// Wait waits for a turn of the guard's own, until ctx ends.
func (p *Limiter) Wait(ctx context.Context) error {
	t := p.Enter([]Flow{{}})
	select {
	case <-t.over:
		return nil
	case <-ctx.Done():
		if p.GiveUp(t) {
			return ctx.Err()
		}
		return nil
	}
}

// Enter waits for a turn in all of these flows.
func (p *Limiter) Enter(flows []Flow) *Ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &Ticket{over: make(chan struct{})}
	for _, f := range flows {
		p.add(t, f)
	}
	p.serve()
	return t
}

// Join lets a ticket wait in one more flow.
func (p *Limiter) Join(t *Ticket, f Flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-t.over:
	default:
		p.add(t, f)
	}
}

// GiveUp takes a ticket back, unless its turn has come.
func (p *Limiter) GiveUp(t *Ticket) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-t.over:
		return !t.turn
	default:
		p.remove(t)
		close(t.over)
		return true
	}
}

// InTime reports that one more call of a flow may have its turn before end: it may not if those of its own lane
// that come first take until then. Callers that cannot be served get an error at once, so no more wait than can be served.
func (p *Limiter) InTime(f Flow, end time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Lane == Itself {
		return true
	}
	l := &p.lines[f.Lane]
	before := len(l.waiting[f.User])
	for user, tickets := range l.waiting {
		if user != f.User {
			before += min(len(tickets), len(l.waiting[f.User])+1)
		}
	}
	return before < p.Until(end)
}

// Until is how many calls may be made until end, which may be over.
func (p *Limiter) Until(end time.Time) int {
	return int(max(0, p.Rate.Tokens()) + float64(p.Rate.Limit())*max(0, time.Until(end)).Seconds())
}

// serve lets pass what may, and comes back for the rest. The caller holds p.mu.
func (p *Limiter) serve() {
	for slices.ContainsFunc(p.lines[:], func(l line) bool { return len(l.turns) > 0 }) {
		r := p.Rate.Reserve()
		if d := r.Delay(); d > 0 {
			r.Cancel()
			if p.timer == nil {
				p.timer = time.AfterFunc(d, p.Serve)
			} else {
				p.timer.Reset(d)
			}
			return
		}
		l := p.next()
		user := l.turns[0]
		t := l.waiting[user][0]
		l.turns = append(l.turns[1:], user)
		p.remove(t)
		t.turn = true
		close(t.over)
	}
}

// Serve gives the turns that there are to give: by the timer, and after Rate was changed.
func (p *Limiter) Serve() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve()
}

// next is the line whose turn it is, of those that are not empty. The caller holds p.mu.
func (p *Limiter) next() *line {
	if l := &p.lines[Itself]; len(l.turns) > 0 {
		return l
	}
	var next *line
	end := 0
	for i := range p.lines {
		if l := &p.lines[i]; len(l.turns) > 0 && (next == nil || l.due+costs[i] < end) {
			next, end = l, l.due+costs[i]
		}
	}
	p.now = max(p.now, next.due)
	next.due = end
	return next
}

// add puts a ticket at the end of a flow. The caller holds p.mu.
func (p *Limiter) add(t *Ticket, f Flow) {
	if slices.Contains(t.flows, f) {
		return
	}
	l := &p.lines[f.Lane]
	if l.waiting == nil {
		l.waiting = map[string][]*Ticket{}
	}
	if len(l.turns) == 0 {
		l.due = max(l.due, p.now) // what was not wanted is not saved up
	}
	if len(l.waiting[f.User]) == 0 {
		l.turns = append(l.turns, f.User)
	}
	l.waiting[f.User] = append(l.waiting[f.User], t)
	t.flows = append(t.flows, f)
}

// remove takes a ticket out of its flows. The caller holds p.mu.
func (p *Limiter) remove(t *Ticket) {
	for _, f := range t.flows {
		l := &p.lines[f.Lane]
		left := slices.DeleteFunc(l.waiting[f.User], func(other *Ticket) bool { return other == t })
		if len(left) > 0 {
			l.waiting[f.User] = left
			continue
		}
		delete(l.waiting, f.User)
		l.turns = slices.DeleteFunc(l.turns, func(other string) bool { return other == f.User })
	}
}
