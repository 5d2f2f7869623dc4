//go:build chaos

package main

import (
	"os"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// certificateClock is, in the webhook that the chaos tests build, off by what the file named by CHAOS_CLOCK says. The file is
// read each time.
func certificateClock() clock.PassiveClock { return wrongClock{} }

type wrongClock struct{ clock.RealClock }

func (wrongClock) Now() time.Time {
	text, err := os.ReadFile(os.Getenv("CHAOS_CLOCK"))
	if err != nil {
		panic(err)
	}
	offset, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		panic(err)
	}
	return time.Now().Add(offset)
}

func (c wrongClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
