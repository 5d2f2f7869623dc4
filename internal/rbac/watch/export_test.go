package watch

import "time"

// Age makes a Watcher one that was started earlier.
func (w *Watcher) Age(by time.Duration) {
	w.mu.Lock()
	w.started = w.started.Add(-by)
	w.mu.Unlock()
	w.changed()
}
