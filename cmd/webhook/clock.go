//go:build !chaos

package main

import "k8s.io/utils/clock"

// certificateClock is the time of day by which certificates are made and judged.
func certificateClock() clock.PassiveClock { return clock.RealClock{} }
