package policy

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// reloadEvery is how often the file is looked at. Polling sees what file events miss: the kubelet swaps a symbolic link
// when a ConfigMap changes, and some file systems send no events at all.
const reloadEvery = 2 * time.Second

// Store holds the policy in force and reads a changed text. If that is invalid, it keeps the previous policy.
type Store struct {
	from Source
	// apply is called with every policy before it comes into force; its error keeps it out.
	apply func(*Policy) error
	// changed is called after every reload: with nil if the new policy is in force.
	changed func(error)

	mu   sync.Mutex
	last []byte
	err  error
}

// Open reads the file for the first time. An error here keeps the guard from starting.
func Open(path string, apply func(*Policy) error, changed func(error)) (*Store, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return OpenText(Source{File: path}, data, apply, changed)
}

// OpenText is Open for a policy whose text the caller has read.
func OpenText(from Source, data []byte, apply func(*Policy) error, changed func(error)) (*Store, error) {
	s := &Store{from: from, apply: apply, changed: changed, last: data}
	return s, s.load(data)
}

// load puts a text in force.
func (s *Store) load(data []byte) error {
	p, err := parse(s.from, data)
	if err != nil {
		return err
	}
	return s.apply(p)
}

// Err is why the newest text is not in force, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Watch looks at the file until ctx ends.
func (s *Store) Watch(ctx context.Context) {
	t := time.NewTicker(reloadEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.Reload()
		}
	}
}

// Reload looks at the file once.
func (s *Store) Reload() { s.Take(read(s.from.File)) }

// Take loads the newest text, or notes why there is none.
func (s *Store) Take(data []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if s.last != nil && bytes.Equal(data, s.last) { // an empty text is another thing than none
			return
		}
		err = s.load(data)
	}
	s.last = data
	if err != nil && s.err != nil && err.Error() == s.err.Error() {
		return // reported already
	}
	s.err = err
	s.changed(err)
}
