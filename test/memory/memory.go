// Package memory measures what a call allocates, for tests that hold hostile input to a bound.
package memory

import "runtime/metrics"

// Allocated runs f and returns how many bytes were allocated meanwhile, by f and everything else in this process. It
// does not stop the world, so that a fuzzer can afford it; what it misses is less than a page for each size of object.
func Allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}
