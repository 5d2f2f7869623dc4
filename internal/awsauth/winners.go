package awsauth

import "iter"

// Winners are the identities that some entries of a document give their principals: an entry of which another one for the
// same principal is used gives none.
func (a *Access) Winners(of []*Entry) iter.Seq[Identity] {
	return func(yield func(Identity) bool) {
		for _, e := range of {
			for _, id := range a.Principals[e.Key()] {
				if id.Entry == e && !yield(id) {
					return
				}
			}
		}
	}
}
