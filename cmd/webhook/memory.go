package main

import (
	"math"
	"runtime/debug"
)

// keepBelowLimit takes GOMEMLIMIT for what the chart puts there, the container's limit, and has the collector work
// harder from five eighths of it on: the rest is for what Go's limit does not count (the program itself, 30 MiB), and
// for what is allocated during a collection, which with bodies of 16 MiB is a lot.
func keepBelowLimit() {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		debug.SetMemoryLimit(limit / 8 * 5)
	}
}
