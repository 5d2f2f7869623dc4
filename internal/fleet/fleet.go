package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

const (
	// instancesEvery and accessEvery are how often EC2 and EKS are asked. A node that has just joined is not placed for as
	// long as that.
	instancesEvery, accessEvery = 30 * time.Second, 2 * time.Minute
	// slowest bounds the pauses after failures, each twice the last.
	slowest = 5 * time.Minute
	// staleAfter is how long what was once known is relied on.
	staleAfter = 15 * time.Minute
	// settle is how often the view is put together at most, while nodes come and go.
	settle = time.Second
	// startWithin is how long after the start the guard waits for the first round of calls: until nodes and access entries
	// are known, no node role may be removed.
	startWithin = 30 * time.Second
)

// Options are what a Fleet needs. Only Nodes and AWS are not optional.
type Options struct {
	// Nodes reads the cluster's nodes.
	Nodes corev1client.NodesGetter
	// AWS is how AWS is called: credentials and, unless Region or the nodes name it, the region.
	AWS sdk.Config
	// Cluster is the name of the EKS cluster, Region its region; if empty, detected from the nodes and their instances.
	Cluster, Region string
	// Authority are the certificates by which the API server is known, PEM: a name that nodes or instances give has to be
	// that of a cluster with one of them. Nil: it is not compared.
	Authority []byte
	// Who names the guard's identity in messages.
	Who     func() string
	Log     logr.Logger
	Metrics *Metrics
	// Every is how often EC2 is asked; zero: every 30 seconds. EKS is asked a quarter as often.
	Every time.Duration
	// Now is the clock; nil: the time.
	Now func() time.Time
}

// Fleet keeps a view of the running nodes. It implements nodes.Source, and is safe for concurrent use.
type Fleet struct {
	options Options
	now     func() time.Time
	started time.Time
	store   *nodeStore
	aws     *asker
	changes chan struct{}
	current atomic.Pointer[nodes.View]

	mu      sync.Mutex
	sources sources
}

// sources is what each source has said last.
type sources struct {
	place     place
	connected bool
	instances instances
	access    access
	// strangers are names of clusters that nodes or instances gave, and that are not this cluster's; absent are those that EKS did not
	// know, confirmed is the one with this cluster's certificate authority.
	strangers, absent []string
	confirmed         string
}

// New makes a Fleet that knows nothing yet. Run or Sync fill it.
func New(o Options) *Fleet {
	f := &Fleet{options: o, now: o.Now, changes: make(chan struct{}, 1)}
	if f.now == nil {
		f.now = time.Now
	}
	f.started = f.now()
	f.store = newNodeStore(f.changed, f.now)
	who := o.Who
	if who == nil {
		who = func() string { return "the guard" }
	}
	f.aws = newAsker(who, o.Metrics)
	f.sources.place = place{cluster: o.Cluster, region: o.Region}
	f.current.Store(&nodes.View{})
	o.Metrics.watch(f)
	return f
}

// View is what is known at this moment. It waits for nobody.
func (f *Fleet) View() *nodes.View { return f.current.Load() }

// Where is the cluster's name and region, as far as they are known.
func (f *Fleet) Where() (cluster, region string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sources.place.cluster, f.sources.place.region
}

// Run keeps the view up to date until ctx ends.
func (f *Fleet) Run(ctx context.Context) error {
	every, access := f.options.Every, 4*f.options.Every
	if every == 0 {
		every, access = instancesEvery, accessEvery
	}
	var g errgroup.Group
	g.Go(func() error { watchNodes(ctx, f.options.Nodes, f.store); return nil })
	g.Go(func() error { f.assemble(ctx); return nil })
	g.Go(func() error {
		if aws.Pause(ctx, startWithin) {
			f.changed() // what is not known by now is not waited for
		}
		return nil
	})
	g.Go(func() error { f.keep(ctx, "instances", every, f.syncInstances); return nil })
	g.Go(func() error { f.keep(ctx, "access entries", access, f.syncAccess); return nil })
	return g.Wait()
}

// Sync finds everything out once. What could not be found out is in the view.
func (f *Fleet) Sync(ctx context.Context) (*nodes.View, error) {
	if err := listNodes(ctx, f.options.Nodes, f.store); err != nil {
		return nil, err
	}
	_ = f.syncInstances(ctx) // the view has the error
	_ = f.syncAccess(ctx)
	f.rebuild()
	return f.View(), nil
}

// firstTry is how often a source is asked until the nodes are there and the cluster's name is known.
const firstTry = time.Second

// keep asks one source again and again, more and more slowly while it fails.
func (f *Fleet) keep(ctx context.Context, what string, every time.Duration, sync func(context.Context) error) {
	logged := ""
	pause := every
	for {
		wait := every
		if _, heard := f.store.all(); heard.IsZero() {
			wait = min(firstTry, every)
		} else if err := sync(ctx); err != nil && ctx.Err() == nil {
			if line := why(err); line != logged { // each reason is logged once
				f.options.Log.Info("the data about the fleet is incomplete", "missing", what, "reason", line)
				logged = line
			}
			wait, pause = pause, min(2*pause, slowest)
			if f.cluster() == "" || !f.late() { // one call that fails at the start must not make the guard blind for long
				wait, pause = min(firstTry, every), every
			}
		} else {
			if logged != "" {
				f.options.Log.Info("known again", "what", what)
			}
			logged, pause = "", every
		}
		if !aws.Pause(ctx, waitWithJitter(wait)) {
			return
		}
	}
}

// waitWithJitter keeps the replicas from asking at the same moment.
func waitWithJitter(d time.Duration) time.Duration { return wait.Jitter(d, 0.1) }

// changed asks for another view.
func (f *Fleet) changed() {
	select {
	case f.changes <- struct{}{}:
	default: // it is asked for already
	}
}

// assemble makes a view of every change, but not of each by itself.
func (f *Fleet) assemble(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.changes:
			f.rebuild()
		}
		if !aws.Pause(ctx, settle) {
			return
		}
	}
}

// rebuild puts the view together.
func (f *Fleet) rebuild() {
	objects, heard := f.store.all()
	f.mu.Lock()
	s := f.sources
	f.mu.Unlock()
	facts := Facts{Nodes: objects, Cluster: s.place.cluster, Region: s.place.region, Now: f.now(), Instances: s.instances.known, Starting: s.instances.starting, Named: s.instances.named,
		Absent: s.instances.absent, Profiles: make(map[string]string, len(s.instances.profiles)), PrincipalCreated: created(s.instances.profiles, s.access.roles),
		FargateRoles: s.access.fargate, NoFargate: s.access.noFargate, NodesKnown: knowledge(earlier(heard, s.instances.complete), s.instances.problem)}
	for profile, r := range s.instances.profiles {
		facts.Profiles[profile] = r.arn
	}
	if s.access.complete.IsZero() && s.access.problem == "" && hasFargate(objects) && !f.late() { // the roles of Fargate nodes come from there
		facts.NodesKnown.At = time.Time{}
	}
	if s.instances.elsewhere != "" { // the mode of another cluster says nothing of this one, and its name makes no node a stranger
		facts.Cluster = ""
		facts.NodesKnown, facts.AccessKnown = knowledge(time.Time{}, s.instances.elsewhere), knowledge(time.Time{}, s.instances.elsewhere)
	} else {
		facts.Mode, facts.AccessKnown = s.access.mode, knowledge(s.access.complete, s.access.problem)
		for _, e := range s.access.entries {
			facts.Entries = append(facts.Entries, e)
		}
		facts.Assigned = map[nodes.Kind][]string{}
		for _, g := range s.access.groups {
			facts.Assigned[g.kind] = append(facts.Assigned[g.kind], g.role)
		}
	}
	if err := f.store.trouble(); err != nil && heard.IsZero() && facts.NodesKnown.Problem == "" {
		facts.NodesKnown.Problem = err.Error()
	}
	if f.late() {
		for _, k := range []*nodes.Knowledge{&facts.NodesKnown, &facts.AccessKnown} {
			if k.At.IsZero() && k.Problem == "" {
				k.Problem = fmt.Sprintf("the first look has not ended within %s of the start", startWithin)
			}
		}
	}
	f.current.Store(facts.View())
}

// late reports that the first look has taken too long to be waited for.
func (f *Fleet) late() bool { return f.now().Sub(f.started) >= startWithin }

// Check is for readiness: not ready until the first look at nodes and access entries has ended, well or not, or has taken
// too long. What cannot be had must not keep the guard from doing the rest.
func (f *Fleet) Check(*http.Request) error {
	for _, k := range f.knowledge() {
		if k.At.IsZero() && k.Problem == "" && !f.late() {
			return fmt.Errorf("the %s are not known yet", k.what)
		}
	}
	return nil
}

// Trouble says what of nodes and access entries is not known, or could not be found out of late; nil if all is well.
func (f *Fleet) Trouble() error {
	var errs []string
	for _, k := range f.knowledge() {
		if trouble := k.Trouble(f.now()); trouble != "" {
			errs = append(errs, k.what+" "+trouble)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errors.New(strings.Join(errs, "; "))
}

// named is what is known of something.
type named struct {
	what string
	nodes.Knowledge
}

func (f *Fleet) knowledge() []named {
	v := f.View()
	return []named{{"nodes", v.NodesKnown}, {"access entries", v.AccessKnown}}
}

func hasFargate(objects map[string]Node) bool {
	for _, n := range objects {
		if n.Kind() == nodes.Fargate {
			return true
		}
	}
	return false
}

// earlier is the earlier of two moments, zero if one of them is.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// update stores the answer of a source. The maps in it are not written to any more.
func (f *Fleet) update(change func(*sources)) {
	f.mu.Lock()
	change(&f.sources)
	f.mu.Unlock()
	f.changed()
}

func (f *Fleet) instances() instances {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sources.instances.clone()
}

func (f *Fleet) access() access {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sources.access
}

// tried reports that the instances have been looked at, well or not.
func (f *Fleet) tried() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.sources.instances.complete.IsZero() || f.sources.instances.problem != ""
}

// locate makes sure that it is known where to ask, from the nodes if need be, and connects to AWS there.
func (f *Fleet) locate(objects map[string]Node) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sources.connected {
		return nil
	}
	for _, region := range []string{f.sources.place.region, f.options.AWS.Region, regionOf(objects)} {
		if region == "" {
			continue
		}
		cfg := f.options.AWS.Copy()
		cfg.Region = region
		f.aws.connect(cfg)
		f.sources.place.region, f.sources.connected = region, true
		return nil
	}
	return errors.New("the region is not known: neither the environment nor a node names it, so set fleet.region")
}

var _ nodes.Source = (*Fleet)(nil)
