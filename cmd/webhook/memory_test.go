package main

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestKeepBelowLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for name, tt := range map[string]struct{ limit, want int64 }{
		"the chart's": {256 << 20, 160 << 20},
		"none":        {math.MaxInt64, math.MaxInt64},
	} {
		debug.SetMemoryLimit(tt.limit)
		keepBelowLimit()
		if got := debug.SetMemoryLimit(-1); got != tt.want {
			t.Errorf("%s: the collector keeps below %d, want %d", name, got, tt.want)
		}
	}
}
