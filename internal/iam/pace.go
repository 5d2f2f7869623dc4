package iam

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// callRate and callBurst keep the guard from using up an account's share of IAM, which AWS publishes no figure for and
	// which other tools need too.
	callRate, callBurst = 10, 20
	// fewNew is how many ARNs a small edit asks about at most: what a person adds by hand.
	fewNew = 3
)

// lane says how soon a call is wanted.
type lane int

const (
	itself lane = iota // AssumeRole: once an hour for everybody, and other calls may wait inside of it
	small              // an edit that asks about fewNew ARNs at most
	large              // an edit that asks about more
	dryRun             // nobody is hindered by it
)

// costs divide the calls when every lane wants more than there is: of ten, small edits have six, large ones three, dry runs one.
// So a small edit's call waits for one call at most of those behind it, however many they are and whoever makes them, and no lane
// is shut out. itself goes before all.
var costs = [...]int{small: 1, large: 2, dryRun: 6}

// flow is what is treated alike: one user's calls of one lane, in their order.
type flow struct {
	lane lane
	user string
}

func flowOf(a validate.Asker, arns int) flow {
	switch {
	case a.DryRun:
		return flow{dryRun, a.Username}
	case arns <= fewNew:
		return flow{small, a.Username}
	}
	return flow{large, a.Username}
}

type flowKey struct{}

// inFlow notes for whom calls are made. It is in the context, since between Lookup and the call there are only functions that it
// is none of their business.
func inFlow(ctx context.Context, f flow) context.Context { return context.WithValue(ctx, flowKey{}, f) }

func flowFrom(ctx context.Context) flow {
	f, _ := ctx.Value(flowKey{}).(flow)
	return f // without one, it is the guard's own
}

// pace lets calls to one account pass at the guard's own rate. Those that have to wait take turns: the lanes by their costs,
// the users of a lane one after another, so that whoever asks a hundred times waits behind himself. k8s.io/apiserver's fair
// queuing does that too, but it comes with the API server, and counts requests in flight and not calls a second.
type pace struct {
	limiter *rate.Limiter

	mu    sync.Mutex
	lines [len(costs)]line
	// now is the virtual time of weighted fair queuing: when the turn of whoever had it last was due.
	now int
	// timer calls serve when there is a call to give; nil before anybody has waited.
	timer *time.Timer
}

// line is those who wait in one lane.
type line struct {
	waiting map[string][]*ticket // of each user, in their order
	turns   []string             // the users, the next first
	due     int                  // in virtual time: each turn moves it by the lane's cost
}

// ticket is for one call.
type ticket struct {
	flows []flow        // in each of which it waits; its turn in one of them is enough
	over  chan struct{} // closed when its turn has come, or nobody wants it any more
	turn  bool          // which of the two; read after over
}

func newPace() *pace {
	return &pace{limiter: rate.NewLimiter(callRate, callBurst)}
}

// enter waits for a turn in all of these flows.
func (p *pace) enter(flows []flow) *ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &ticket{over: make(chan struct{})}
	for _, f := range flows {
		p.add(t, f)
	}
	p.serve()
	return t
}

// join lets a ticket wait in one more flow.
func (p *pace) join(t *ticket, f flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-t.over:
	default:
		p.add(t, f)
	}
}

// giveUp takes a ticket back, unless its turn has come.
func (p *pace) giveUp(t *ticket) bool {
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

// inTime reports that one more call of a flow may have its turn before end: it may not if those of its own lane that come first
// take until then. Who cannot be served is told so at once, and so no more wait than can be served.
func (p *pace) inTime(f flow, end time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.lane == itself {
		return true
	}
	l := &p.lines[f.lane]
	before := len(l.waiting[f.user])
	for user, tickets := range l.waiting {
		if user != f.user {
			before += min(len(tickets), len(l.waiting[f.user])+1)
		}
	}
	return before < p.until(end)
}

// until is how many calls may be made until end.
func (p *pace) until(end time.Time) int {
	return int(max(0, p.limiter.Tokens()) + float64(p.limiter.Limit())*time.Until(end).Seconds())
}

// serve lets pass what may, and comes back for the rest. The caller holds p.mu.
func (p *pace) serve() {
	for slices.ContainsFunc(p.lines[:], func(l line) bool { return len(l.turns) > 0 }) {
		r := p.limiter.Reserve()
		if d := r.Delay(); d > 0 {
			r.Cancel()
			if p.timer == nil {
				p.timer = time.AfterFunc(d, p.wake)
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

func (p *pace) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve()
}

// next is the line whose turn it is, of those that are not empty. The caller holds p.mu.
func (p *pace) next() *line {
	if l := &p.lines[itself]; len(l.turns) > 0 {
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
func (p *pace) add(t *ticket, f flow) {
	if slices.Contains(t.flows, f) {
		return
	}
	l := &p.lines[f.lane]
	if l.waiting == nil {
		l.waiting = map[string][]*ticket{}
	}
	if len(l.turns) == 0 {
		l.due = max(l.due, p.now) // what was not wanted is not saved up
	}
	if len(l.waiting[f.user]) == 0 {
		l.turns = append(l.turns, f.user)
	}
	l.waiting[f.user] = append(l.waiting[f.user], t)
	t.flows = append(t.flows, f)
}

// remove takes a ticket out of its flows. The caller holds p.mu.
func (p *pace) remove(t *ticket) {
	for _, f := range t.flows {
		l := &p.lines[f.lane]
		left := slices.DeleteFunc(l.waiting[f.user], func(other *ticket) bool { return other == t })
		if len(left) > 0 {
			l.waiting[f.user] = left
			continue
		}
		delete(l.waiting, f.user)
		l.turns = slices.DeleteFunc(l.turns, func(other string) bool { return other == f.user })
	}
}
