package admission

import (
	"context"
	"slices"
	"sync"
)

// queue gives out shares of something that there is only so much of. Those who wait come from addresses, and the
// addresses take turns: a client with a hundred requests waits for its own, and the API servers do not wait for them. All
// users come from the API servers' addresses: at one address its users take turns, and before a user is known the
// smallest share goes first. golang.org/x/sync/semaphore has one line for all.
type queue struct {
	most int64

	mu   sync.Mutex
	free int64
	// waiting are those of each address, in their order; turns are the addresses, the next first.
	waiting map[string][]*waiter
	turns   []string
}

type waiter struct {
	user  string // "" if not known yet
	share int64
	ready chan struct{} // closed when the share is his
}

func newQueue(most int64) *queue {
	return &queue{most: most, free: most, waiting: map[string][]*waiter{}}
}

// take waits for a share until ctx ends, and then says why. More than there is counts as all. release is called once.
func (q *queue) take(ctx context.Context, from, user string, share int64) (release func(), err error) {
	share = min(share, q.most)
	release = func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.free += share
		q.serve()
	}
	q.mu.Lock()
	if len(q.turns) == 0 && share <= q.free {
		q.free -= share
		q.mu.Unlock()
		return release, nil
	}
	w := &waiter{user, share, make(chan struct{})}
	if len(q.waiting[from]) == 0 {
		q.turns = append(q.turns, from)
	}
	q.waiting[from] = slices.Insert(q.waiting[from], place(q.waiting[from], w), w)
	q.mu.Unlock()
	select {
	case <-w.ready:
		return release, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-w.ready: // at the same moment
		q.free += share
	default:
		q.leave(from, w)
	}
	q.serve()
	return nil, ctx.Err()
}

// place is where w waits in a line: behind as many of each other user as of its own; if the user is not known, behind
// those who ask for no more.
func place(line []*waiter, w *waiter) int {
	if w.user == "" {
		at := slices.IndexFunc(line, func(other *waiter) bool { return other.share > w.share })
		if at < 0 {
			return len(line)
		}
		return at
	}
	before := map[string]int{}
	own := 0
	for _, other := range line {
		if other.user == w.user {
			own++
		}
	}
	for at, other := range line {
		if before[other.user] > own {
			return at
		}
		before[other.user]++
	}
	return len(line)
}

// serve gives to those whose turn it is, as far as there is something. The caller holds q.mu.
func (q *queue) serve() {
	for len(q.turns) > 0 {
		from := q.turns[0]
		first := q.waiting[from][0]
		if first.share > q.free {
			return // or large shares would wait for ever
		}
		q.free -= first.share
		close(first.ready)
		q.turns = q.turns[1:]
		if q.waiting[from] = q.waiting[from][1:]; len(q.waiting[from]) > 0 {
			q.turns = append(q.turns, from)
		} else {
			delete(q.waiting, from)
		}
	}
}

// leave takes one out who waits no longer. The caller holds q.mu.
func (q *queue) leave(from string, w *waiter) {
	line := slices.DeleteFunc(q.waiting[from], func(other *waiter) bool { return other == w })
	if len(line) > 0 {
		q.waiting[from] = line
		return
	}
	delete(q.waiting, from)
	q.turns = slices.DeleteFunc(q.turns, func(other string) bool { return other == from })
}
