package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// cluster is the cluster's name, "" while it is not known.
func (f *Fleet) cluster() string {
	name, _ := f.Where()
	return name
}

// elect is the cluster's name, and whether it is another than before: the one that the operator gave, or for which EKS has shown the
// certificate authority of this cluster, or else the one that most nodes speak for. That may change while nodes come and go.
func (f *Fleet) elect(names tally) (cluster string, changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &f.sources.place
	if f.options.Cluster != "" || p.cluster != "" && f.sources.confirmed == p.cluster {
		return p.cluster, false
	}
	maps.DeleteFunc(names, func(name string, _ votes) bool { return slices.Contains(f.sources.strangers, name) })
	known := maps.Clone(names)
	maps.DeleteFunc(known, func(name string, _ votes) bool { return slices.Contains(f.sources.absent, name) })
	if len(known) > 0 { // what EKS does not know comes last
		names = known
	}
	name := names.winner(p.cluster)
	if name == "" || name == p.cluster {
		return p.cluster, false
	}
	changed = p.cluster != ""
	p.cluster, f.sources.access = name, access{}
	f.options.Log.Info("the cluster's name is known", "cluster", name, "region", p.region)
	return name, changed
}

// notThere notes that EKS knows no cluster of that name.
func (f *Fleet) notThere(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.sources.absent, name) {
		f.sources.absent = append(f.sources.absent, name)
	}
}

// confirmed is the name of the cluster that EKS has shown to be this one, "" if it has not.
func (f *Fleet) confirmed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sources.confirmed
}

// confirm compares the name from nodes or instances with what EKS says about the cluster: the right to label a node is enough
// to name another cluster, whose mode and access entries say nothing about this one. The certificate authority distinguishes two
// clusters. A name that the operator gave is not checked.
func (f *Fleet) confirm(name string, c described) error {
	same, known := sameAuthority(f.options.Authority, c.authority)
	f.mu.Lock()
	f.sources.absent = slices.DeleteFunc(f.sources.absent, func(n string) bool { return n == name })
	if same {
		f.sources.confirmed = name
	}
	if f.options.Cluster != "" || same || !known {
		f.mu.Unlock()
		return nil
	}
	f.sources.strangers = append(f.sources.strangers, name)
	f.sources.place.cluster = ""
	f.mu.Unlock()
	err := f.nameless()
	f.update(func(s *sources) { // what was found by its tags is not this cluster's either
		s.instances.starting, s.instances.named, s.instances.complete, s.instances.problem = nil, map[string]Instance{}, time.Time{}, why(err)
	})
	return err
}

// nameless says why the cluster's name is not known.
func (f *Fleet) nameless() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sources.strangers; len(s) > 0 {
		return fmt.Errorf("the cluster's name is not known: nodes or instances name %s, which has another certificate authority than this cluster, so set fleet.clusterName", strings.Join(s, " and "))
	}
	return errors.New("the cluster's name is not known: neither nodes nor instances name it, so set fleet.clusterName")
}
