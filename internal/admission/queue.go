package admission

import (
	"context"
	"slices"
	"sync"
)

// queue gives out shares of something that there is only so much of. Those who wait come from addresses, and the addresses
// take turns: whoever asks a hundred times waits behind himself, and not the API servers behind him.
// golang.org/x/sync/semaphore has one line for all.
type queue struct {
	most int64

	mu   sync.Mutex
	free int64
	// waiting are those of each address, in their order; turns are the addresses, the next first.
	waiting map[string][]*waiter
	turns   []string
}

type waiter struct {
	share int64
	ready chan struct{} // closed when the share is his
}

func newQueue(most int64) *queue {
	return &queue{most: most, free: most, waiting: map[string][]*waiter{}}
}

// take waits for a share until ctx ends, and then says why. More than there is counts as all. release is called once.
func (q *queue) take(ctx context.Context, from string, share int64) (release func(), err error) {
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
	w := &waiter{share, make(chan struct{})}
	if len(q.waiting[from]) == 0 {
		q.turns = append(q.turns, from)
	}
	q.waiting[from] = append(q.waiting[from], w)
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
