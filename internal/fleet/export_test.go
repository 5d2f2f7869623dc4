package fleet

// Rebuild puts the view together, for its benchmark.
func (f *Fleet) Rebuild() { f.rebuild() }
