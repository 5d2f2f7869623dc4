// Package screens holds what an operator sees of a mistake in `kubectl edit`: a corpus of mistakes, each with the exact
// screen of 80 columns and what to type. The tests run them on a real API server with the guard in front of it, and some of
// them in nano and vi through a pseudo-terminal.
package screens
