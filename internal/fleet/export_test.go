package fleet

// Rebuild puts the view together, for its benchmark.
func (f *Fleet) Rebuild() { f.rebuild() }

// MaxPrincipals is how many principals of access entries one round asks for.
const MaxPrincipals = maxPrincipals
