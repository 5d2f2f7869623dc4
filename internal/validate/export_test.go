package validate

// Key is what a finding is known again by in another version of the object.
func (f Finding) Key() string { return f.key() }
