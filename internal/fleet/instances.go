package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// startingFor is how long after its launch an instance is waited for: what has not joined then will not do so
	// by itself.
	startingFor = 2 * time.Hour
	// instancesFor is how long the data of an instance is used: its profile may be exchanged while it runs.
	instancesFor = time.Hour
	// absentAgain is how long EC2 is not asked again for an instance that it did not know; at most so many are asked for in
	// one round. Somebody who may create nodes can name thousands. An instance that has just been launched may not be
	// known for some seconds (Amazon EC2 API reference, "Eventual consistency").
	absentAgain, absentAtOnce = 20 * time.Second, filterValues
	// profilesFor is how long the role in an instance profile is used.
	profilesFor = 10 * time.Minute
)

// instances is what the guard knows of EC2, and when it found out. Only syncInstances changes it.
type instances struct {
	known, starting map[string]Instance
	named           map[string]Instance  // those with the cluster's tag that no node's provider id names, but that have a node's name
	absent          map[string]time.Time // those that EC2 does not know, and when it was asked for them last
	read            time.Time            // when known was last read from the beginning
	profiles        map[string]role
	profilesRead    map[string]time.Time
	complete        time.Time // when all of this was last known
	problem         string
	elsewhere       string // why the data of AWS is about another cluster than this one; "" if nothing indicates that
}

// take stores EC2's answer about the instances that nodes run on.
func (x *instances) take(all []found, on map[string]bool) {
	for _, i := range all {
		if on[i.id] {
			x.known[i.id] = i.Instance
			delete(x.absent, i.id)
		}
	}
}

// takeNamed stores those of the instances with the cluster's tag that have a node's name, but are not those that
// nodes run on by their provider ids.
func (x *instances) takeNamed(all []found, r round) {
	for _, i := range all {
		x.named[i.id] = i.Instance
	}
	maps.DeleteFunc(x.named, func(id string, i Instance) bool {
		_, byID := r.nodes[id]
		_, byDNS := r.nodes[strings.ToLower(i.DNSName)]
		return r.on[id] || !byID && !byDNS
	})
}

// whose says why the instances are not those of a cluster, and so the data of that cluster not about this one; "" if
// nothing indicates that. It takes most of the nodes: somebody who may create nodes can create one that names a foreign
// instance.
func (x *instances) whose(nodes map[string]Node, cluster string) string {
	unknown := false                          // a node that has been ready runs on an instance that EC2 does not know
	for _, all := range []bool{false, true} { // those that have been ready count, or all if none has
		here, there, names := 0, 0, tally{}
		counted := map[string]bool{} // instances, however many Nodes name them
		for _, n := range nodes {
			id := n.Instance()
			i, known := x.known[id]
			switch {
			case !known:
				unknown = unknown || id != "" && !n.NeverReady
			case counted[id] || !n.named(i) || i.Gone || n.NeverReady && !all:
			case i.foreign(cluster):
				counted[id] = true
				there++
				names.add(cmp.Or(i.Cluster, i.Clusters[0]), true, true)
			default:
				counted[id] = true
				here++
			}
		}
		if there > here {
			return fmt.Sprintf("the nodes' instances belong to the cluster %s, and fleet.clusterName is %s", names.winner(""), cluster)
		}
		if here+there > 0 {
			break
		}
	}
	if unknown && len(x.known) == 0 {
		return "EC2 knows none of the nodes' instances in this account and region: is fleet.region the cluster's?"
	}
	return ""
}

// clone makes a copy to work on, while the original is read elsewhere.
func (x instances) clone() instances {
	x.known, x.named, x.absent = maps.Clone(x.known), maps.Clone(x.named), maps.Clone(x.absent)
	x.profiles, x.profilesRead = maps.Clone(x.profiles), maps.Clone(x.profilesRead)
	if x.known == nil {
		x.known, x.named, x.absent = map[string]Instance{}, map[string]Instance{}, map[string]time.Time{}
		x.profiles, x.profilesRead = map[string]role{}, map[string]time.Time{}
	}
	return x
}

// round is one look at the instances.
type round struct {
	nodes map[string]Node
	on    map[string]bool // the ids of the instances that nodes run on
	now   time.Time
}

func (f *Fleet) newRound(nodes map[string]Node) round {
	r := round{nodes: nodes, on: make(map[string]bool, len(nodes)), now: f.now()}
	for _, n := range nodes {
		if id := n.Instance(); id != "" {
			r.on[id] = true
		}
	}
	return r
}

// without are the ids of the instances that nodes run on and that are not among some.
func (r round) without(some []found) []string {
	left := maps.Clone(r.on)
	for _, i := range some {
		delete(left, i.id)
	}
	return slices.Sorted(maps.Keys(left))
}

// syncInstances brings up to date which instances there are and which roles they have. In the steady state that is one
// call: the instances launched lately, which are also those of the nodes that have just joined. What could be found out
// is kept, whatever else failed.
func (f *Fleet) syncInstances(ctx context.Context) error {
	nodes, _ := f.store.all()
	if err := f.locate(nodes); err != nil {
		f.update(func(s *sources) { s.instances.problem = why(err) })
		return err
	}
	r := f.newRound(nodes)
	x := f.instances()
	err := f.readInstances(ctx, &x, r)
	maps.DeleteFunc(x.known, func(id string, _ Instance) bool { return !r.on[id] })
	maps.DeleteFunc(x.absent, func(id string, _ time.Time) bool { return !r.on[id] })
	if profileErr := f.readProfiles(ctx, &x, r.now); err == nil {
		err = profileErr
	}
	x.problem = ""
	if err != nil {
		x.problem = why(err)
	}
	f.update(func(s *sources) { s.instances = x })
	return err
}

// readInstances finds out about the instances that nodes run on, and about those that are about to become nodes.
func (f *Fleet) readInstances(ctx context.Context, x *instances, r round) error {
	cluster, err := f.discoverCluster(ctx, x, r)
	if err != nil {
		return err
	}
	whole := r.now.Sub(x.read) >= instancesFor && len(r.on) > 0
	tagged, err := f.readTagged(ctx, x, r, cluster, whole)
	if err != nil {
		return err
	}
	ids := x.missing(r.on, r.now)
	if whole { // those without the tag, too; what is known of them stays until EC2 has answered
		ids = r.without(tagged)
	}
	if err := f.ask(ctx, x, ids, r); err != nil {
		return err
	}
	if whole {
		x.read = r.now
	}
	return f.conclude(x, r, cluster)
}

// discoverCluster determines the cluster's name; "" if nothing has it.
func (f *Fleet) discoverCluster(ctx context.Context, x *instances, r round) (string, error) {
	if f.cluster() == "" { // the tags of any node have it
		some := x.missing(r.on, r.now)
		if err := f.ask(ctx, x, some[:min(len(some), filterValues)], r); err != nil {
			f.elect(clusterNames(r.nodes, x.known)) // by what the nodes say
			return "", err
		}
	}
	cluster, changed := f.elect(clusterNames(r.nodes, x.known))
	if changed { // what was found by the tags of another cluster is not this one's
		x.starting, x.named, x.read, x.complete = nil, map[string]Instance{}, time.Time{}, time.Time{}
	}
	return cluster, nil
}

// readTagged reads the instances with the cluster's tag: the whole cluster, or those launched lately.
func (f *Fleet) readTagged(ctx context.Context, x *instances, r round, cluster string, whole bool) (all []found, err error) {
	if cluster != "" && whole {
		if all, err = f.aws.tagged(ctx, cluster); err != nil {
			return nil, err
		}
	}
	if cluster != "" {
		starting, err := f.aws.starting(ctx, cluster, r.now)
		if err != nil {
			return nil, err
		}
		x.starting = map[string]Instance{}
		for _, i := range starting {
			x.starting[i.id] = i.Instance
		}
		all = append(all, starting...)
	}
	if whole {
		clear(x.named)
	}
	x.take(all, r.on)
	x.takeNamed(all, r)
	return all, nil
}

// ask describes instances by their ids, and notes which of them EC2 does not know.
func (f *Fleet) ask(ctx context.Context, x *instances, ids []string, r round) error {
	all, err := f.aws.byID(ctx, ids)
	if err == nil {
		for _, id := range ids {
			delete(x.known, id)
			x.absent[id] = r.now
		}
	}
	x.take(all, r.on)
	return err
}

// conclude says whether what has been read is about this cluster.
func (f *Fleet) conclude(x *instances, r round, cluster string) error {
	x.elsewhere = x.whose(r.nodes, cluster)
	if cluster != "" && f.confirmed() == cluster { // EKS has shown whose it is
		x.elsewhere = ""
	}
	switch {
	case cluster == "":
		return f.nameless()
	case x.elsewhere != "":
		return errors.New(x.elsewhere)
	}
	x.complete = r.now
	return nil
}

// missing are the instances of which nothing is known and which EC2 is to be asked for now: those for which it
// never was, and some of those that it did not know, first those for which it was asked longest ago.
func (x *instances) missing(on map[string]bool, now time.Time) []string {
	var ids, again []string
	for id := range on {
		_, known := x.known[id]
		asked, absent := x.absent[id]
		switch {
		case known:
		case !absent:
			ids = append(ids, id)
		case now.Sub(asked) >= absentAgain:
			again = append(again, id)
		}
	}
	slices.Sort(ids)
	slices.SortFunc(again, func(a, b string) int { return cmp.Or(x.absent[a].Compare(x.absent[b]), strings.Compare(a, b)) })
	return append(ids, again[:min(len(again), absentAtOnce)]...)
}

// readProfiles finds the roles in the instance profiles that are in use.
func (f *Fleet) readProfiles(ctx context.Context, x *instances, now time.Time) error {
	used := map[string]bool{}
	for _, m := range []map[string]Instance{x.known, x.starting, x.named} {
		for _, i := range m {
			if i.Profile != "" {
				used[i.Profile] = true
			}
		}
	}
	var failed error
	for _, p := range slices.Sorted(maps.Keys(used)) {
		if at, ok := x.profilesRead[p]; ok && now.Sub(at) < profilesFor {
			continue
		}
		role, err := f.aws.profileRole(ctx, p)
		if err != nil {
			failed = err // what is known of it already stays
			continue
		}
		x.profiles[p], x.profilesRead[p] = role, now
	}
	maps.DeleteFunc(x.profiles, func(p string, _ role) bool { return !used[p] })
	maps.DeleteFunc(x.profilesRead, func(p string, _ time.Time) bool { return !used[p] })
	return failed
}
