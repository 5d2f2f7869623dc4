package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The heap of a guard that nobody asks is small, and collecting it twice as often costs next to nothing and spares some of
// its memory. With an aws-auth of a megabyte it is not small any more: there each edit would wait for the collector.
const (
	largeHeap    = 24 << 20 // bytes that are in use after a collection
	smallPercent = 50
	largePercent = 100
)

// paceCollector keeps the garbage collector's percentage (GOGC) at what suits the heap, from now on. An environment that
// sets it decides.
func paceCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(smallPercent)
	afterNextCollection(smallPercent)
}

// keepBelowLimit takes GOMEMLIMIT for what the chart puts there, the container's limit, and has the collector work harder from
// five eighths of it on: the rest is for what Go's limit does not count (the program itself, 30 MiB), and for what is
// allocated during a collection, which with bodies of 16 MiB is a lot.
func keepBelowLimit() {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		debug.SetMemoryLimit(limit / 8 * 5)
	}
}

// sentinel is an object that nobody holds: the next collection finds it.
type sentinel struct{ _ *byte }

func afterNextCollection(current int) {
	runtime.AddCleanup(&sentinel{}, func(current int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		want := smallPercent
		if live[0].Value.Uint64() >= largeHeap {
			want = largePercent
		}
		if want != current {
			debug.SetGCPercent(want)
		}
		afterNextCollection(want)
	}, current)
}
