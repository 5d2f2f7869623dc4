package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// The labels that nodes carry (Kubernetes, "Well-Known Labels"; Amazon EKS user guide; eksctl).
const (
	labelOS     = "kubernetes.io/os"
	labelRegion = "topology.kubernetes.io/region"
	labelEksctl = "alpha.eksctl.io/cluster-name"
)

// place is where a cluster is, according to its nodes. Empty: not known.
type place struct{ cluster, region string }

// nodeStore keeps of every Node object what the guard needs, a few hundred bytes. It is what the reflector writes to, so
// that no copy of the whole objects is kept anywhere.
type nodeStore struct {
	changed func()
	now     func() time.Time

	mu     sync.Mutex
	nodes  map[string]Node
	synced bool
	heard  time.Time // when the API server last said anything
	failed error     // why the nodes could not be listed, as long as they never could
}

func newNodeStore(changed func(), now func() time.Time) *nodeStore {
	return &nodeStore{changed: changed, now: now, nodes: map[string]Node{}}
}

// registering is within how long of its creation a Node gets the condition with which its kubelet registers it.
const registering = 10 * time.Second

// shrink is what is kept of a Node object. One that has not been Ready has no such condition, the one that the node lifecycle
// controller gives a Node without a kubelet, or the one that it was registered with.
func shrink(o *corev1.Node) Node {
	n := Node{Name: o.Name, uid: o.UID, ProviderID: providerID(o), Windows: o.Labels[labelOS] == "windows", NeverReady: true, place: placeOf(o)}
	for _, c := range o.Status.Conditions {
		if c.Type == corev1.NodeReady {
			n.Ready = c.Status == corev1.ConditionTrue
			n.NeverReady = !n.Ready && (c.Reason == "NodeStatusNeverUpdated" || !c.LastTransitionTime.After(o.CreationTimestamp.Add(registering)))
		}
	}
	return n
}

// longest is the length up to which a provider id is kept: those of AWS have less than half of it, and the API server takes any.
const longest = 1024

// providerID is an object's provider id, which is that of no node of EKS if it is too long.
func providerID(o *corev1.Node) string {
	if id := o.Spec.ProviderID; len(id) > longest {
		return "too-long"
	}
	return o.Spec.ProviderID
}

// put stores one object. What has been Ready stays so: somebody who may write the status can make a running node look as if it never had
// been, until its kubelet reports again. The caller holds s.mu.
func (s *nodeStore) put(obj any, before map[string]Node) (changed bool, err error) {
	o, ok := obj.(*corev1.Node)
	if !ok {
		return false, fmt.Errorf("%T is not a Node", obj)
	}
	n := shrink(o)
	was, known := before[n.Name]
	if known && was.uid == n.uid && !was.NeverReady {
		n.NeverReady = false
	}
	s.nodes[n.Name] = n
	return !known || was != n, nil
}

// placeOf is where the cluster is according to one node.
func placeOf(o *corev1.Node) place {
	if region, name := hybridPlace(o.Spec.ProviderID); name != "" {
		return place{cluster: name, region: region}
	}
	return place{cluster: legalName(o.Labels[labelEksctl]), region: legalRegion(o.Labels[labelRegion])}
}

// Add implements cache.ReflectorStore.
func (s *nodeStore) Add(obj any) error { return s.Update(obj) }

// Update implements cache.ReflectorStore.
func (s *nodeStore) Update(obj any) error {
	s.mu.Lock()
	s.heard = s.now()
	changed, err := s.put(obj, s.nodes)
	s.mu.Unlock()
	if changed {
		s.changed()
	}
	return err
}

// Delete implements cache.ReflectorStore.
func (s *nodeStore) Delete(obj any) error {
	o, ok := obj.(metav1.Object)
	if !ok {
		return fmt.Errorf("%T is no object", obj)
	}
	s.mu.Lock()
	s.heard = s.now()
	delete(s.nodes, o.GetName())
	s.mu.Unlock()
	s.changed()
	return nil
}

// Replace implements cache.ReflectorStore.
func (s *nodeStore) Replace(objects []any, _ string) error {
	s.mu.Lock()
	before := s.nodes
	s.nodes = make(map[string]Node, len(objects))
	var errs []error
	for _, o := range objects {
		_, err := s.put(o, before)
		errs = append(errs, err)
	}
	s.synced, s.heard, s.failed = true, s.now(), nil
	s.mu.Unlock()
	s.changed()
	return errors.Join(errs...)
}

// Resync implements cache.ReflectorStore.
func (s *nodeStore) Resync() error { return nil }

// Bookmark implements cache.ReflectorBookmarkStore: the API server sends one every minute or so, which shows that the
// watch is alive where no node changes.
func (s *nodeStore) Bookmark(string) error {
	s.mu.Lock()
	s.heard = s.now()
	s.mu.Unlock()
	s.changed()
	return nil
}

// Transformer implements cache.TransformingStore: what is not kept does not pile up while a long list comes in.
func (s *nodeStore) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		o, ok := obj.(*corev1.Node)
		if !ok {
			return obj, nil
		}
		kept := &corev1.Node{TypeMeta: o.TypeMeta, ObjectMeta: metav1.ObjectMeta{Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion,
			CreationTimestamp: o.CreationTimestamp, Labels: map[string]string{}}}
		for _, l := range []string{labelOS, labelRegion, labelEksctl} {
			if v, ok := o.Labels[l]; ok {
				kept.Labels[l] = v
			}
		}
		kept.Spec.ProviderID = providerID(o)
		for _, c := range o.Status.Conditions {
			if c.Type == corev1.NodeReady {
				kept.Status.Conditions = []corev1.NodeCondition{{Type: c.Type, Status: c.Status, Reason: c.Reason, LastTransitionTime: c.LastTransitionTime}}
			}
		}
		return kept, nil
	}
}

// all are the nodes as they are now; heard is zero until the first list is complete.
func (s *nodeStore) all() (nodes map[string]Node, heard time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.synced {
		return map[string]Node{}, time.Time{}
	}
	return maps.Clone(s.nodes), s.heard
}

// fail notes that the nodes cannot be listed.
func (s *nodeStore) fail(err error) {
	s.mu.Lock()
	if !s.synced {
		s.failed = err
	}
	s.mu.Unlock()
	s.changed()
}

// trouble is why nothing was heard of the nodes, or nil.
func (s *nodeStore) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// watchNodes keeps the store in step with the cluster until ctx ends.
func watchNodes(ctx context.Context, client corev1client.NodesGetter, s *nodeStore) {
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := client.Nodes().List(ctx, o)
			if err != nil && ctx.Err() == nil {
				s.fail(fmt.Errorf("cannot list the cluster's nodes: %w", err))
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return client.Nodes().Watch(ctx, o)
		},
	}
	cache.NewReflectorWithOptions(lw, &corev1.Node{}, s, cache.ReflectorOptions{Name: "fleet"}).RunWithContext(ctx)
}

// Nodes reads the nodes of a cluster, in the compact encoding: a large cluster's list is tens of megabytes of JSON.
func Nodes(cluster *rest.Config) (corev1client.NodesGetter, error) {
	cluster = rest.CopyConfig(cluster)
	cluster.ContentType, cluster.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	return corev1client.NewForConfig(cluster)
}

// nodePage is how many Node objects are read at once where they are only listed.
const nodePage = 500

// listNodes reads the nodes once.
func listNodes(ctx context.Context, client corev1client.NodesGetter, s *nodeStore) error {
	var objects []any
	for next := ""; ; {
		page, err := client.Nodes().List(ctx, metav1.ListOptions{Limit: nodePage, Continue: next})
		if err != nil {
			return fmt.Errorf("cannot list the cluster's nodes: %w", err)
		}
		shrink := s.Transformer()
		for i := range page.Items {
			o, _ := shrink(&page.Items[i]) // fails for nothing
			objects = append(objects, o)
		}
		if next = page.Continue; next == "" {
			return s.Replace(objects, "")
		}
	}
}
