package main

import (
	"math"
	"runtime/debug"
	"time"
)

// keepBelowLimit takes GOMEMLIMIT for what the chart puts there, the container's limit, and has the collector work
// harder from five eighths of it on: the rest is for what Go's limit does not count (the program itself, 30 MiB), and
// for what is allocated during a collection, which with bodies of 16 MiB is a lot.
func keepBelowLimit() {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		debug.SetMemoryLimit(limit / 8 * 5)
	}
}

// giveMemoryBack collects garbage and returns what is free every 20 seconds, for as long as the process lives, and
// twice as often as GOGC says while the guard starts. By itself Go collects an idle process every two minutes, and
// keeps as much as the heap may grow to: with the fleet and IAM 3 MiB more, which are beyond 48 MiB. A smaller GOGC
// for ever would cost each edit a fifth of its time; a collection of an idle guard takes some milliseconds.
func giveMemoryBack() {
	const pause = 20 * time.Second
	percent := debug.SetGCPercent(50)
	time.Sleep(pause)
	debug.SetGCPercent(percent)
	for ; ; time.Sleep(pause) {
		debug.FreeOSMemory()
	}
}
