package awsauth

// Version is one version of aws-auth, with all that is read from its text.
type Version struct {
	*Document
	Problems []Problem
	// Effective is what EKS computes. InForce is what it computes in the lenient reading where that reads more, and
	// Restored what it would compute if it could read every value. Without a fault in the text all three are the same.
	Effective, InForce, Restored *Access
}

// Read reads the data of a ConfigMap. previous is a version that was read before, of which what is written alike is not read
// again (see Reparse); nil if there is none.
func Read(previous *Version, data map[string]string) *Version {
	var known *Document
	if previous != nil {
		known = previous.Document
	}
	d, problems := Reparse(known, data)
	if d == known {
		return previous
	}
	v := &Version{Document: d, Problems: problems, Effective: d.Access()}
	v.InForce, v.Restored = v.Effective, v.Effective
	if !d.Readable() {
		v.InForce, v.Restored = d.InForce(), d.Restored()
	}
	return v
}
