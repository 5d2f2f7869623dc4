package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPaceCollector(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	runtime.GC()
	paceCollector()
	reaches := func(want uint64) {
		t.Helper()
		got := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for deadline := time.Now().Add(time.Minute); ; {
			runtime.GC() // the cleanup runs some time after a collection
			if metrics.Read(got); got[0].Value.Uint64() == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("GOGC is %d, want %d", got[0].Value.Uint64(), want)
			}
		}
	}
	reaches(smallPercent)
	ballast := make([]byte, 2*largeHeap)
	reaches(largePercent)
	runtime.KeepAlive(ballast)
	reaches(smallPercent)
}

func TestPaceCollectorLeavesTheEnvironmentsValue(t *testing.T) {
	t.Setenv("GOGC", "80")
	before := debug.SetGCPercent(80)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	paceCollector()
	if got := debug.SetGCPercent(80); got != 80 {
		t.Errorf("GOGC is %d, want the environment's 80", got)
	}
}
