package certs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// mostWrites is how often one Keeper may write one object in an hour, whatever others do. The most that the pauses allow is
// eight writes, a quiet time, and eight again: 200.
const mostWrites = 210

// world is an API server with the two objects, in which an hour takes seconds.
type world struct {
	t       *testing.T
	dice    *rand.Rand
	passed  *testclock.FakeClock // how much time has passed; also the true time
	api     time.Duration        // how far the API server's clock is ahead of that
	jumped  time.Time            // when it was last set
	config  *admissionregistrationv1.ValidatingWebhookConfiguration
	secret  *corev1.Secret
	before  []version
	number  int
	keepers []*simulated
}

// version is what the objects were until a moment.
type version struct {
	until  time.Time
	config *admissionregistrationv1.ValidatingWebhookConfiguration
	secret *corev1.Secret
}

// simulated is a Keeper in a world. Its cache is behind by lag.
type simulated struct {
	*Keeper
	world   *world
	offset  time.Duration
	lag     time.Duration
	due     time.Time
	failed  workqueue.TypedRateLimiter[string]
	written map[string]int
}

// wall is a clock that is off by what a Keeper's is.
type wall struct{ *simulated }

func (w wall) Now() time.Time                  { return w.world.passed.Now().Add(w.offset) }
func (w wall) Since(t time.Time) time.Duration { return w.Now().Sub(t) }
func (w *world) apiNow() time.Time             { return w.passed.Now().Add(w.api) }
func (w *world) happens(percent int) bool      { return w.dice.IntN(100) < percent }
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.dice.Int64N(int64(b-a)))
}

func newWorld(t *testing.T, seed uint64, keepers int) *world {
	w := &world{t: t, dice: rand.New(rand.NewPCG(seed, 0)), passed: testclock.NewFakeClock(start)}
	w.config = &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "guard", UID: "1"}}
	for _, name := range []string{"guard.example.com", "witness.example.com"} {
		w.config.Webhooks = append(w.config.Webhooks, admissionregistrationv1.ValidatingWebhook{Name: name,
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://" + host + "/")}})
	}
	w.stamp(w.config, "helm")
	for range keepers {
		k := &simulated{world: w, due: w.passed.Now().Add(w.between(0, 5*time.Second)), lag: w.between(0, time.Second), written: map[string]int{},
			failed: workqueue.NewTypedItemExponentialFailureRateLimiter[string](again, lookEvery)}
		k.Keeper = &Keeper{Namespace: "guard", SecretName: "guard-tls", ConfigurationName: "guard", Log: logr.Discard(),
			Skew: &Skew{clock: wall{k}, steady: w.passed}}
		k.use(apiClient{simulated: k, cached: true}, apiClient{simulated: k})
		w.keepers = append(w.keepers, k)
	}
	return w
}

// stamp makes o what its newest version is, and has everybody look.
func (w *world) stamp(o client.Object, manager string) {
	w.number++
	o.SetResourceVersion(fmt.Sprint(w.number))
	o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate,
		Time: ptr.To(metav1.NewTime(w.apiNow().Truncate(time.Second)))}})
	for _, k := range w.keepers {
		if at := w.passed.Now().Add(k.lag + w.between(0, again)); at.Before(k.due) {
			k.due = at
		}
	}
}

// change remembers what was, for those who are behind.
func (w *world) change(f func()) {
	v := version{until: w.passed.Now(), config: w.config.DeepCopy()}
	if w.secret != nil {
		v.secret = w.secret.DeepCopy()
	}
	w.before = append(w.before, v)
	f()
}

// seen is what somebody sees who is behind.
func (w *world) seen(lag time.Duration) (*admissionregistrationv1.ValidatingWebhookConfiguration, *corev1.Secret) {
	at := w.passed.Now().Add(-lag)
	w.before = slices.DeleteFunc(w.before, func(v version) bool { return v.until.Before(w.passed.Now().Add(-2 * time.Second)) })
	for _, v := range w.before {
		if at.Before(v.until) {
			return v.config, v.secret
		}
	}
	return w.config, w.secret
}

// apiClient is a Keeper's way to its API server. What is not called is not there.
type apiClient struct {
	client.Client
	*simulated
	cached bool
}

func (c apiClient) answer() {
	c.Skew.answered(http.StatusOK, http.Header{"Date": {c.world.apiNow().UTC().Format(http.TimeFormat)}}, 0)
}

func (c apiClient) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	lag := c.lag
	if !c.cached {
		c.answer()
		lag = 0
	}
	config, secret := c.world.seen(lag)
	switch into := into.(type) {
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		config.DeepCopyInto(into)
	case *corev1.Secret:
		if secret == nil {
			return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
		}
		secret.DeepCopyInto(into)
	}
	return nil
}

// write counts, and holds the Keeper to what it must not do.
func (c apiClient) write(object string) {
	c.answer()
	heard := c.world.passed.Since(c.world.jumped) > beforeWrite
	if apart := (c.offset - c.world.api).Abs(); heard && apart > tolerance+time.Second {
		c.world.t.Errorf("%s is written by a clock that is %v off", object, apart)
	}
	c.written[object]++
}

func (c apiClient) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	if c.world.secret != nil {
		return apierrors.NewAlreadyExists(corev1.Resource("secrets"), o.GetName())
	}
	c.write(theSecret)
	c.world.change(func() {
		c.world.stamp(o, fieldOwner)
		c.world.secret = o.(*corev1.Secret).DeepCopy()
	})
	return nil
}

func (c apiClient) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	if s := c.world.secret; s == nil || s.ResourceVersion != o.GetResourceVersion() {
		return apierrors.NewConflict(corev1.Resource("secrets"), o.GetName(), errors.New("it has changed"))
	}
	c.write(theSecret)
	c.world.change(func() {
		c.world.stamp(o, fieldOwner)
		c.world.secret = o.(*corev1.Secret).DeepCopy()
	})
	return nil
}

func (c apiClient) Patch(_ context.Context, o client.Object, patch client.Patch, _ ...client.PatchOption) error {
	text, err := patch.Data(o)
	if err != nil {
		return err
	}
	var operations []struct {
		Path  string
		Value []byte
	}
	var version []struct{ Value any }
	if err := json.Unmarshal(text, &version); err != nil {
		return err
	}
	if version[0].Value != c.world.config.ResourceVersion {
		return apierrors.NewConflict(corev1.Resource("configurations"), o.GetName(), errors.New("it has changed"))
	}
	version = nil
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	c.write(theBundle)
	c.world.change(func() {
		for _, r := range raw[1:] {
			operations = operations[:0]
			var index int
			if err = json.Unmarshal([]byte("["+string(r)+"]"), &operations); err != nil {
				return
			}
			if _, err = fmt.Sscanf(operations[0].Path, "/webhooks/%d/clientConfig/caBundle", &index); err != nil {
				return
			}
			c.world.config.Webhooks[index].ClientConfig.CABundle = operations[0].Value
		}
		c.world.stamp(c.world.config, fieldOwner)
	})
	c.world.config.DeepCopyInto(o.(*admissionregistrationv1.ValidatingWebhookConfiguration))
	return err
}

// look has a Keeper do what its controller would have it do.
func (k *simulated) look() {
	result, err := k.Reconcile(k.world.t.Context(), reconcile.Request{})
	if err != nil {
		result.RequeueAfter = k.failed.When("")
	} else {
		k.failed.Forget("")
	}
	k.due = k.world.passed.Now().Add(result.RequeueAfter)
}

// wrong draws how far a clock is off, from minutes to years.
func (w *world) wrong() time.Duration {
	unit := []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour}[w.dice.IntN(4)]
	return w.between(-10*unit, 10*unit)
}

// rivals are others who write: each is what one of them does, again and again.
var rivals = map[string]func(*world){
	"puts its own caBundle": func(w *world) {
		other := made(w.t, w.passed.Now()).bundle()
		for i := range w.config.Webhooks {
			w.config.Webhooks[i].ClientConfig.CABundle = other
		}
		w.stamp(w.config, "rival")
	},
	"empties a caBundle": func(w *world) {
		w.config.Webhooks[w.dice.IntN(2)].ClientConfig.CABundle = nil
		w.stamp(w.config, "rival")
	},
	"adds to caBundle": func(w *world) {
		c := &w.config.Webhooks[0].ClientConfig
		c.CABundle = append(slices.Clone(c.CABundle), made(w.t, w.passed.Now()).bundle()...)
		w.stamp(w.config, "rival")
	},
	"edits something else": func(w *world) {
		w.config.Webhooks[0].TimeoutSeconds = ptr.To(w.dice.Int32N(30))
		w.stamp(w.config, "rival")
	},
	"deletes the Secret": func(w *world) {
		w.secret = nil
		w.stamp(w.config, "rival") // so that everybody looks
	},
	"puts its own authority": func(w *world) {
		if w.secret != nil {
			w.secret.Data = stored(w.t, made(w.t, w.passed.Now().Add(w.wrong())))
			w.stamp(w.secret, "rival")
		}
	},
	"garbles the Secret": func(w *world) {
		if w.secret != nil {
			w.secret.Data[[]string{caCert, caKey, tlsCert, tlsKey}[w.dice.IntN(4)]] = []byte("garbled")
			w.stamp(w.secret, "rival")
		}
	},
	"fills the Secret": func(w *world) {
		if w.secret != nil && len(w.secret.Data[caCert]) < 100<<10 {
			for range 2 * maxRetiring {
				w.secret.Data[caCert] = append(w.secret.Data[caCert], made(w.t, w.passed.Now()).bundle()...)
			}
			w.stamp(w.secret, "rival")
		}
	},
}

// TestAnHour: whatever the clocks show, in whatever order the Keepers look and whatever others write, an hour has few writes,
// none of them by a wrong clock, and ends with every Keeper whose clock is right serving what caBundle trusts. A failed
// subtest is named by its seed, which AWS_AUTH_GUARD_SEED repeats.
func TestAnHour(t *testing.T) {
	worlds := 3
	if testing.Short() {
		worlds = 1
	}
	text, replay := os.LookupEnv("AWS_AUTH_GUARD_SEED")
	if replay {
		worlds = 1
	}
	for range worlds {
		seed := rand.Uint64()
		if replay {
			var err error
			if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
				t.Fatalf("AWS_AUTH_GUARD_SEED: %v", err)
			}
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { anHour(t, seed) })
	}
}

func anHour(t *testing.T, seed uint64) {
	w := newWorld(t, seed, 2+int(seed%3))
	good := w.keepers[0]
	good.offset = w.between(2*time.Second-tolerance, tolerance-2*time.Second)
	names := make([]string, 0, len(rivals))
	for name := range rivals {
		names = append(names, name)
	}
	slices.Sort(names)
	end, calm := start.Add(time.Hour), start.Add(50*time.Minute)
	var rival string
	var acts, until time.Time
	var pause time.Duration
	for w.passed.Now().Before(end) {
		now := w.passed.Now()
		if !now.Before(until) { // another time begins
			until = now.Add(w.between(10*time.Second, 5*time.Minute))
			pause = w.between(time.Second, 20*time.Second)
			if w.happens(20) { // as fast as it can
				until, pause = now.Add(10*time.Second), again
			}
			rival, w.api, w.jumped = names[w.dice.IntN(len(names))], 0, now
			if w.happens(30) {
				rival = ""
			}
			if w.happens(10) {
				w.api = w.wrong()
			}
			for _, k := range w.keepers[1:] {
				if w.happens(50) {
					k.offset = w.wrong()
				} else if w.happens(50) {
					k.offset = 0
				}
			}
			if now.After(calm) {
				until, rival, w.api = end, "", 0
			}
		}
		if rival != "" && !now.Before(acts) {
			w.change(func() { rivals[rival](w) })
			acts = now.Add(w.between(pause/2, pause))
		}
		for _, i := range w.dice.Perm(len(w.keepers)) {
			if k := w.keepers[i]; !now.Before(k.due) {
				k.look()
			}
		}
		next := until
		if rival != "" && acts.Before(next) {
			next = acts
		}
		for _, k := range w.keepers {
			if k.due.Before(next) {
				next = k.due
			}
		}
		w.passed.SetTime(next)
	}
	for i, k := range w.keepers {
		t.Logf("keeper %d, off by %v: %v", i, k.offset, k.written)
		for object, n := range k.written {
			if n > mostWrites {
				t.Errorf("keeper %d has written %s %d times, want %d at most", i, object, n, mostWrites)
			}
		}
		err := k.Check()
		if right := k.offset.Abs() <= tolerance-time.Second; right != (err == nil) && (right || k.offset.Abs() > tolerance+time.Second) {
			t.Errorf("keeper %d, off by %v: Check() = %v", i, k.offset, err)
		}
		if err := k.Renewal(); err != nil && k.Check() == nil {
			t.Errorf("keeper %d: Renewal() = %v", i, err)
		}
	}
	leaf, err := good.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	live, err := readConfiguration(w.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := live.trusts(leaf, w.passed.Now()); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for _, b := range live.bundles {
		if n := len(b); n > (maxRetiring+1)*2*maxCertificate {
			t.Errorf("caBundle has %d bytes", n)
		}
	}
}

// TestYoung: what can be used is left alone for a minute by the API server's clock, no matter who made it; what cannot is replaced
// at once.
func TestYoung(t *testing.T) {
	for name, c := range map[string]struct {
		rival func(*world)
		waits bool
	}{
		"caBundle with one more":     {rivals["adds to caBundle"], true},
		"Secret with more":           {rivals["fills the Secret"], true},
		"caBundle of somebody else":  {rivals["puts its own caBundle"], false},
		"caBundle emptied":           {rivals["empties a caBundle"], false},
		"Secret deleted":             {rivals["deletes the Secret"], false},
		"Secret garbled":             {rivals["garbles the Secret"], false},
		"caBundle, clock 25 min off": {rivals["adds to caBundle"], true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 1)
			k := w.keepers[0]
			k.lag = 0
			if strings.Contains(name, "off") {
				k.offset = 25 * time.Minute
			}
			run := func(d time.Duration) {
				for end := w.passed.Now().Add(d); w.passed.Now().Before(end); w.passed.Step(again) {
					if !w.passed.Now().Before(k.due) {
						k.look()
					}
				}
			}
			run(10 * time.Minute)
			if err := k.Check(); err != nil {
				t.Fatal(err)
			}
			before := k.written[theSecret] + k.written[theBundle]
			w.change(func() { c.rival(w) })
			run(time.Second)
			if wrote := k.written[theSecret] + k.written[theBundle] - before; (wrote == 0) != c.waits {
				t.Errorf("%d writes within a second, waits: %v", wrote, c.waits)
			}
			run(young + time.Second)
			if wrote := k.written[theSecret] + k.written[theBundle] - before; wrote == 0 || wrote > 2 {
				t.Errorf("%d writes after a minute, want 1, or 2 for a new authority", wrote)
			}
			if err := firstError(k.Check(), k.Renewal()); err != nil {
				t.Error(err)
			}
		})
	}
}
