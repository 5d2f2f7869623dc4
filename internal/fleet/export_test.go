package fleet

// Rebuild puts the view together, for its benchmark.
func (f *Fleet) Rebuild() { f.rebuild() }

// MaxRoles is how many roles of access entries one round asks for.
const MaxRoles = maxRoles
