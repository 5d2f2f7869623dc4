package nodes

import (
	"cmp"
	"time"
)

// Knowledge says how much something that is asked for in the background is worth.
type Knowledge struct {
	At      time.Time // when all of it was last known; zero: never
	Expires time.Time // when that is too old to rely on
	Problem string    // what is in the way now: one line, lower case; "" if nothing is, or nothing was tried yet
}

func (k Knowledge) good(now time.Time) bool { return !k.At.IsZero() && now.Before(k.Expires) }

// Trouble is Doubt, or else what could not be found out of late.
func (k Knowledge) Trouble(now time.Time) string { return cmp.Or(k.Doubt(now), k.Problem) }

// Doubt says in a few words why it cannot be relied on; "" if it can.
func (k Knowledge) Doubt(now time.Time) string {
	var s string
	switch {
	case k.good(now):
		return ""
	case k.At.IsZero() && k.Problem == "":
		return "not known yet"
	case k.At.IsZero():
		s = "not known"
	default:
		s = "last known at " + k.At.UTC().Format("15:04 UTC on "+time.DateOnly)
	}
	if k.Problem != "" {
		s += ": " + k.Problem
	}
	return s
}
