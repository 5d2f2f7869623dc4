package validate

import (
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// state is one version of the object, read.
type state struct {
	object   *corev1.ConfigMap
	doc      *awsauth.Document
	problems []awsauth.Problem
	// effective is what EKS computes, and inForce what it does where it has the lenient reading and that reads more; restored is
	// what it would compute if it could read every value.
	effective, inForce, restored *awsauth.Access
	// repeated are the entries for whose principal there is one before.
	repeated []repeated
	// templated are the entries with a template.
	templated []*awsauth.Entry
	// special are the entries with a finding, a template or a privileged name, in this pass.
	special []*awsauth.Entry
}

// identities calls a function with what some of the entries make of their principals.
func identities(of []*awsauth.Entry, a *awsauth.Access, yield func(awsauth.Identity)) {
	for _, e := range of {
		for _, id := range a.Principals[e.Key()] {
			if id.Entry == e {
				yield(id)
			}
		}
	}
}

// versions are the objects read last: an edit's new object is the next edit's old one. More than a few would cost memory
// for nothing, since there is one aws-auth.
type versions struct {
	mu   sync.Mutex
	last []*state // the latest first
}

const keptVersions = 2

func (k *versions) find(data map[string]string) *state {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, s := range k.last {
		if sameText(s.object.Data, data) {
			copy(k.last[1:i+1], k.last[:i])
			k.last[0] = s
			return s
		}
	}
	return nil
}

func (k *versions) add(s *state) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.last) < keptVersions {
		k.last = append(k.last, nil)
	}
	copy(k.last[1:], k.last)
	k.last[0] = s
}

// sameText compares what EKS reads.
func sameText(a, b map[string]string) bool {
	for _, key := range awsauth.Keys {
		x, inA := a[key]
		y, inB := b[key]
		if inA != inB || x != y {
			return false
		}
	}
	return true
}

// version reads an object, or remembers having done so.
func (v *Validator) version(cm *corev1.ConfigMap) *state {
	s := v.read.find(cm.Data)
	if s == nil {
		s = &state{object: cm}
		s.doc, s.problems = awsauth.Parse(cm.Data)
		s.effective = s.doc.Access()
		if s.inForce, s.restored = s.effective, s.effective; !s.doc.Readable() {
			s.inForce, s.restored = s.doc.InForce(), s.doc.Restored()
		}
		s.repeated = repeats(s.doc, len(s.restored.Principals))
		for _, e := range s.doc.Entries() {
			if e.Templated() {
				s.templated = append(s.templated, e)
			}
		}
		v.read.add(s)
	}
	mine := *s
	mine.object = cm
	return &mine
}
