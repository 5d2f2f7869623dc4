package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
)

const (
	// instancePage is the most instances that EC2 returns at once, filterValues the most values of one filter (Amazon EC2
	// API reference, DescribeInstances; Amazon EC2 user guide, "List and filter").
	instancePage, filterValues = 1000, 200
	// startingFor is how long after its launch an instance is waited for: what has not joined then will not do so by itself.
	startingFor = 2 * time.Hour
	// instancesFor is how long what is known of an instance is believed: its profile may be exchanged while it runs.
	instancesFor = time.Hour
	// absentAgain is how long EC2 is not asked again for an instance that it did not know; asked for are so many in one round. Whoever may
	// create nodes can name thousands. An instance that has just been launched may not be known for some seconds (Amazon EC2 API
	// reference, "Eventual consistency").
	absentAgain, absentAtOnce = 20 * time.Second, filterValues
	// profilesFor is how long the role in an instance profile is believed.
	profilesFor = 10 * time.Minute
)

// found is an instance as EC2 describes it.
type found struct {
	id string
	Instance
}

// filter is one of DescribeInstances' filters: an instance passes if it has one of the values.
type filter struct {
	name   string
	values []string
}

// describe reads all pages of the instances that pass the filters.
func (a *asker) describe(ctx context.Context, filters ...filter) ([]found, error) {
	var all []found
	next := ""
	for range maxPages {
		page, err := ask(ctx, a, "ec2", "DescribeInstances", "*", func(ctx context.Context) (*instancesPage, error) {
			return a.instances(ctx, filters, next)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.instances...)
		if next = page.next; next == "" {
			return all, nil
		}
	}
	return nil, problemf("ec2:DescribeInstances does not come to an end")
}

// byID describes instances by their ids. What is not returned, EC2 does not know.
func (a *asker) byID(ctx context.Context, ids []string) ([]found, error) {
	var all []found
	for chunk := range slices.Chunk(ids, filterValues) {
		some, err := a.describe(ctx, filter{"instance-id", chunk})
		if err != nil {
			return all, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// tagged describes the instances with the cluster's tag that run or could run again.
func (a *asker) tagged(ctx context.Context, cluster string) ([]found, error) {
	return a.describe(ctx, filter{"tag-key", []string{clusterTag + cluster}},
		filter{"instance-state-name", []string{"pending", "running", "stopping", "stopped"}})
}

// starting describes the instances with the cluster's tag that were launched lately, in this hour or the hours before.
func (a *asker) starting(ctx context.Context, cluster string, now time.Time) ([]found, error) {
	var hours []string
	for t := now; !t.Before(now.Add(-startingFor)); t = t.Add(-time.Hour) {
		hours = append(hours, t.UTC().Format("2006-01-02T15:")+"*")
	}
	return a.describe(ctx, filter{"tag-key", []string{clusterTag + cluster}},
		filter{"instance-state-name", []string{"pending", "running"}}, filter{"launch-time", hours})
}

// profileRole is the role in an instance profile, the zero value if there is none in it.
func (a *asker) profileRole(ctx context.Context, profileARN string) (role, error) {
	name := profileARN[strings.LastIndexByte(profileARN, '/')+1:]
	return ask(ctx, a, "iam", "GetInstanceProfile", profileARN, func(ctx context.Context) (role, error) {
		out, err := a.iam.GetInstanceProfile(ctx, &awsiam.GetInstanceProfileInput{InstanceProfileName: &name})
		switch {
		case err != nil:
			return role{}, err
		case out.InstanceProfile == nil || aws.ToString(out.InstanceProfile.InstanceProfileName) != name:
			return role{}, problemf("the answer to iam:GetInstanceProfile holds no instance profile %s", name)
		case len(out.InstanceProfile.Roles) == 0:
			return role{}, nil
		}
		return roleOf(out.InstanceProfile.Roles[0]), nil
	})
}

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
	elsewhere       string // why what AWS tells is about another cluster than this one; "" if nothing speaks for that
}

// take takes in what EC2 said, for the instances that nodes run on.
func (x *instances) take(all []found, on map[string]bool) {
	for _, i := range all {
		if on[i.id] {
			x.known[i.id] = i.Instance
			delete(x.absent, i.id)
		}
	}
}

// takeNamed takes in those of the instances with the cluster's tag that have a node's name, but are not those that nodes run on by
// their provider ids.
func (x *instances) takeNamed(all []found, nodes map[string]Node, on map[string]bool) {
	for _, i := range all {
		x.named[i.id] = i.Instance
	}
	maps.DeleteFunc(x.named, func(id string, i Instance) bool {
		_, byID := nodes[id]
		_, byDNS := nodes[strings.ToLower(i.DNSName)]
		return on[id] || !byID && !byDNS
	})
}

// whose says why the instances are not those of a cluster, nor what AWS tells of that cluster about this one; "" if nothing
// speaks for that. It takes most of the nodes: whoever may create nodes can make one that names a strange instance.
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

// syncInstances brings up to date which instances there are and which roles they have. In the steady state that is one
// call: the instances launched lately, which are also those of the nodes that have just joined. What could be found out
// is kept, whatever else failed.
func (f *Fleet) syncInstances(ctx context.Context) error {
	nodes, _ := f.store.all()
	if err := f.locate(nodes); err != nil {
		f.update(func(s *sources) { s.instances.problem = why(err) })
		return err
	}
	now := f.now()
	x := f.instances()
	on := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		if id := n.Instance(); id != "" {
			on[id] = true
		}
	}
	err := f.readInstances(ctx, &x, nodes, on, now)
	maps.DeleteFunc(x.known, func(id string, _ Instance) bool { return !on[id] })
	maps.DeleteFunc(x.absent, func(id string, _ time.Time) bool { return !on[id] })
	if profileErr := f.readProfiles(ctx, &x, now); err == nil {
		err = profileErr
	}
	x.problem = ""
	if err != nil {
		x.problem = why(err)
	}
	f.update(func(s *sources) { s.instances = x })
	return err
}

// missing are the instances of which nothing is known and which EC2 is to be asked for now: those for which it never was, and some of
// those that it did not know, first those for which it was asked longest ago.
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

// ask describes instances by their ids, and takes in which of them EC2 does not know.
func (f *Fleet) ask(ctx context.Context, x *instances, ids []string, on map[string]bool, now time.Time) error {
	all, err := f.aws.byID(ctx, ids)
	if err == nil {
		for _, id := range ids {
			delete(x.known, id)
			x.absent[id] = now
		}
	}
	x.take(all, on)
	return err
}

// readInstances finds out about the instances that nodes run on, and about those that are about to become nodes.
func (f *Fleet) readInstances(ctx context.Context, x *instances, nodes map[string]Node, on map[string]bool, now time.Time) error {
	if f.cluster() == "" { // the tags of any node tell
		some := x.missing(on, now)
		if err := f.ask(ctx, x, some[:min(len(some), filterValues)], on, now); err != nil {
			f.elect(clusterNames(nodes, x.known)) // by what the nodes say
			return err
		}
	}
	cluster, again := f.elect(clusterNames(nodes, x.known))
	if again { // what was found by the tags of another cluster is not this one's
		x.starting, x.named, x.read, x.complete = nil, map[string]Instance{}, time.Time{}, time.Time{}
	}
	var heard []found
	again = now.Sub(x.read) >= instancesFor && len(on) > 0
	if cluster != "" {
		if again {
			all, err := f.aws.tagged(ctx, cluster)
			if err != nil {
				return err
			}
			heard = all
		}
		all, err := f.aws.starting(ctx, cluster, now)
		if err != nil {
			return err
		}
		heard = append(heard, all...)
		x.starting = map[string]Instance{}
		for _, i := range all {
			x.starting[i.id] = i.Instance
		}
	}
	if again {
		clear(x.named)
	}
	x.take(heard, on)
	x.takeNamed(heard, nodes, on)
	ids := x.missing(on, now)
	if again { // those without the tag, too; what is known of them stays until EC2 has answered
		untold := maps.Clone(on)
		for _, i := range heard {
			delete(untold, i.id)
		}
		ids = slices.Sorted(maps.Keys(untold))
	}
	if err := f.ask(ctx, x, ids, on, now); err != nil {
		return err
	}
	if again {
		x.read = now
	}
	x.elsewhere = x.whose(nodes, cluster)
	if cluster != "" && f.confirmed() == cluster { // EKS has shown whose it is
		x.elsewhere = ""
	}
	switch {
	case cluster == "":
		return f.nameless()
	case x.elsewhere != "":
		return problem{text: x.elsewhere}
	}
	x.complete = now
	return nil
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
