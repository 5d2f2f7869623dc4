package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// entriesFor is how long the type and groups of an access entry are used: a type never changes, groups rarely do.
const entriesFor = 30 * time.Minute

// maxFailures is after how many access entries that cannot be described the others wait for the next round: without the
// permission there may be a thousand refusals.
const maxFailures = 3

// access is what the guard knows of EKS, and when it found out. Only syncAccess changes it.
type access struct {
	mode     nodes.Mode
	entries  map[string]nodes.AccessEntry // by the principal's ARN
	read     map[string]time.Time         // when each was described
	complete time.Time
	problem  string

	roles   map[string]role // roles and users with an access entry, by the principal's ARN, as far as they were asked for
	fargate []string        // the pod execution roles
	// noFargate says that there is no Fargate profile.
	noFargate bool

	groups        []group // managed node groups and Fargate profiles
	groupsProblem string  // why they could not be read last
}

// group is a managed node group or a Fargate profile. Its role never changes.
type group struct {
	kind nodes.Kind
	name string
	role string
	read time.Time // when it was described
}

// syncAccess reads which principals authenticate without aws-auth, and which roles Fargate nodes have.
func (f *Fleet) syncAccess(ctx context.Context) error {
	objects, _ := f.store.all()
	err := f.locate(objects)
	cluster := f.cluster()
	if err == nil && cluster == "" {
		if err = f.nameless(); !f.tried() {
			return err // the instances may still show it
		}
	}
	if err != nil {
		f.update(func(s *sources) { s.access.problem = why(err) })
		return err
	}
	now := f.now()
	x := f.access()
	x.entries, x.read, x.roles = maps.Clone(x.entries), maps.Clone(x.read), maps.Clone(x.roles)
	x.problem = ""
	if err = f.readAccess(ctx, &x, cluster, now); err != nil {
		x.problem = why(err)
	}
	profiles := sync.OnceValues(func() ([]string, error) { return f.aws.fargateProfiles(ctx, cluster) })
	if hasFargate(objects) {
		roles, fargateErr := f.aws.fargateRoles(ctx, cluster, profiles)
		if fargateErr == nil {
			x.fargate, x.noFargate = roles, len(roles) == 0
		} else {
			err = errors.Join(err, fargateErr)
		}
	} else { // before the first one comes, a profile may have been made
		x.noFargate = false
	}
	if x.problem == "" { // before that, the cluster may be another
		f.readGroups(ctx, &x, cluster, profiles, now)
	}
	f.update(func(s *sources) {
		if s.place.cluster == cluster || s.place.cluster == "" { // else it has turned out to be another since
			s.access = x
		}
	})
	return err
}

// readGroups finds the roles that EKS gives nodes, also before the first node is there. They are evidence for a new mapping, and
// nothing else hangs on them: what cannot be read is logged, and is no failure of what is read with it.
func (f *Fleet) readGroups(ctx context.Context, x *access, cluster string, profiles func() ([]string, error), now time.Time) {
	known := map[group]group{}
	for _, g := range x.groups {
		known[group{kind: g.kind, name: g.name}] = g
	}
	x.groups, x.groupsProblem = nil, ""
	for _, of := range []struct {
		kind nodes.Kind
		list func() ([]string, error)
		role func(ctx context.Context, cluster, name string) (string, error)
	}{{nodes.EC2, func() ([]string, error) { return f.aws.nodegroups(ctx, cluster) }, f.aws.nodegroupRole},
		{nodes.Fargate, profiles, f.aws.fargateRole}} {
		names, err := of.list()
		failures := 0
		for _, name := range names {
			g := known[group{kind: of.kind, name: name}]
			if failures < maxFailures && (g.role == "" || now.Sub(g.read) >= entriesFor) { // the name may be another group's by now
				var role string
				var roleErr error
				if role, roleErr = of.role(ctx, cluster, name); roleErr == nil {
					g = group{of.kind, name, role, now}
				} else {
					g.role, err = "", roleErr
					failures++
				}
			}
			if g.role != "" {
				x.groups = append(x.groups, g)
			}
		}
		if err != nil {
			x.groupsProblem = why(err)
		}
	}
	if x.groupsProblem != "" && x.groupsProblem != f.access().groupsProblem { // the same again is no news
		f.options.Log.Info("the roles of node groups and Fargate profiles are not all known", "reason", x.groupsProblem)
	}
}

func (f *Fleet) readAccess(ctx context.Context, x *access, cluster string, now time.Time) error {
	c, err := f.aws.cluster(ctx, cluster)
	if err != nil {
		if aws.ReasonOf(err) == aws.Missing {
			f.notThere(cluster)
		}
		return err
	}
	if err := f.confirm(cluster, c); err != nil {
		return err
	}
	x.mode = c.mode
	if x.mode == nodes.ConfigMapMode {
		x.entries, x.read, x.roles, x.complete = nil, nil, nil, now
		return nil
	}
	principals, err := f.aws.principals(ctx, cluster, "")
	if err != nil {
		return err
	}
	admins, err := f.aws.principals(ctx, cluster, f.adminPolicy())
	if err != nil {
		return err
	}
	entries, read := map[string]nodes.AccessEntry{}, map[string]time.Time{}
	var failed error
	failures, suspects := 0, 0
	view := f.View() // an entry that covers nobody is read again, so that a fix counts soon
	for _, p := range principals {
		e, at := x.entries[p], x.read[p]
		again := view.WhyInert(view.Entries[awsauth.Subject(p)]) != "" && suspects < maxPrincipals
		if again {
			suspects++
		}
		if failures < maxFailures && (at.IsZero() || now.Sub(at) >= entriesFor || again) {
			described, err := f.aws.entry(ctx, cluster, p)
			if err == nil {
				e, at = described, now
			} else {
				failed = err // that there is one is known anyway
				failures++
			}
		}
		e.ARN, e.ClusterAdmin = p, slices.Contains(admins, p)
		entries[p] = e
		if !at.IsZero() {
			read[p] = at
		}
	}
	x.entries, x.read = entries, read
	principalsErr := f.readPrincipals(ctx, x, c.account, now) // before the entries are relied on
	x.complete = now
	return errors.Join(failed, principalsErr)
}

// adminPolicy is the access policy that is equivalent to cluster-admin (Amazon EKS user guide, "Access policy permissions").
func (f *Fleet) adminPolicy() string {
	_, region := f.Where()
	return "arn:" + aws.Partition(region) + ":eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
}
