package certs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// written is which versions there are of what Keepers write.
func (k *cluster) written(t *testing.T) string {
	t.Helper()
	return k.secret(t).ResourceVersion + " " + k.live(t).ResourceVersion
}

// follow steps the clock until all serve what the Secret holds: the leaf of a new authority has to wait until trust in it has
// settled.
func (k *cluster) follow(t *testing.T, c *testclock.FakeClock, replicas ...*Keeper) {
	t.Helper()
	eventually(t, func() error {
		c.Step(time.Second)
		for i, r := range replicas {
			if leaf, err := r.GetCertificate(nil); err != nil || !bytes.Equal(encode(leaf.Leaf), k.secret(t).Data[tlsCert]) {
				return fmt.Errorf("replica %d does not serve the Secret's certificate (%v)", i, err)
			}
		}
		return nil
	})
	k.ready(t, replicas...)
}

// TestWrongClocks: a replica whose clock is wrong comes first or second, writes nothing, says why it is not ready, costs no
// edit, and is ready when its clock is set right.
func TestWrongClocks(t *testing.T) {
	const days = 24 * time.Hour
	for offset, want := range map[time.Duration]string{
		-6 * 365 * days:   "2190 days behind",
		-25 * days:        "25 days behind",
		-3 * time.Hour:    "3 hours behind",
		-90 * time.Minute: "90 minutes behind",
		40 * time.Minute:  "40 minutes ahead of",
		21 * days:         "21 days ahead of",
		250 * days:        "250 days ahead of",
	} {
		t.Run(offset.String(), func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, 2)
			k.api = clock.RealClock{}
			k.install(t)
			// Half a minute more, so that the words do not depend on how long the test takes.
			margin := 30 * time.Second
			if offset < 0 {
				margin = -margin
			}
			off := testclock.NewFakeClock(time.Now().Add(offset + margin))
			wrong := k.replica(t, 0, off)
			eventually(t, func() error {
				if err := wrong.Check(); err == nil || err.Error() != "this node's clock is "+want+" the API server's: set it right (NTP)" {
					return fmt.Errorf("Check() = %v, want that the clock is %s", err, want)
				}
				return nil
			})
			right := k.replica(t, 1, testclock.NewFakeClock(time.Now()))
			k.ready(t, right)
			eventually(t, func() error { // it serves what the Secret holds, whatever it takes the time to be
				if leaf, err := wrong.GetCertificate(nil); err != nil || !bytes.Equal(encode(leaf.Leaf), k.secret(t).Data[tlsCert]) {
					return fmt.Errorf("the wrong one does not serve the Secret's certificate (%v)", err)
				}
				return nil
			})
			if got, known := wrong.Skew.offset(); !known || (got-offset).Abs() > 2*time.Minute {
				t.Errorf("the offset is %v (known: %v), want about %v", got, known, offset)
			}
			if err := metricIs(wrong, "aws_auth_guard_certificate_trusted", 1); err != nil {
				t.Errorf("what the wrong one serves is valid to the API server: %v", err)
			}
			before := k.written(t)
			stop := k.load(t)
			for range 40 {
				if err := k.edit(t.Context()); err != nil {
					t.Errorf("an edit: %v", err)
				}
			}
			stop()
			if wrong.Check() == nil || right.Check() != nil {
				t.Errorf("Check() = %v of the wrong clock, %v of the right one", wrong.Check(), right.Check())
			}
			off.SetTime(time.Now())
			k.ready(t, right, wrong)
			if after := k.written(t); after != before {
				t.Errorf("versions %s became %s, want nothing written", before, after)
			}
			if n := testutil.ToFloat64(wrong.writes.WithLabelValues(theSecret, "false")) + testutil.ToFloat64(wrong.writes.WithLabelValues(theBundle, "false")); n > 0 {
				t.Errorf("the wrong one has written %v times", n)
			}
		})
	}
}

// TestTheAPIServersClockIsWrong: all replicas stay ready and serve, and nothing is written, until it is right again.
func TestTheAPIServersClockIsWrong(t *testing.T) {
	k := newCluster(t, 2)
	api := testclock.NewFakeClock(time.Now())
	k.api = api
	k.install(t)
	own := testclock.NewFakeClock(time.Now())
	a, b := k.replica(t, 0, own), k.replica(t, 1, own)
	k.ready(t, a, b)
	for _, offset := range []time.Duration{400 * 24 * time.Hour, -9 * 365 * 24 * time.Hour} {
		stop := k.load(t)
		api.SetTime(time.Now().Add(offset))
		for _, r := range []*Keeper{a, b} {
			eventually(t, func() error {
				if err := r.Renewal(); err == nil || !strings.HasPrefix(err.Error(), "the API server's clock is ") {
					return fmt.Errorf("Renewal() = %v, want that the API server's clock is wrong", err)
				}
				return nil
			})
		}
		before := k.secret(t)
		if err := k.Delete(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if err := firstError(a.Check(), b.Check(), k.edit(t.Context())); err != nil {
				t.Error(err)
			}
		}
		if k.secret(t).UID != "" {
			t.Error("a Secret is made while the clocks differ")
		}
		api.SetTime(own.Now())
		eventually(t, func() error {
			if k.secret(t).UID == "" {
				return errors.New("no Secret is made")
			}
			return nil
		})
		k.follow(t, own, a, b)
		stop()
	}
}

// contest has a rival do the same again and again, from when it has been undone, until stop is called.
func contest(t *testing.T, again func(context.Context) error) (stop func() (acts int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	acts := 0
	done.Go(func() {
		for ctx.Err() == nil {
			if again(ctx) == nil {
				acts++
			}
		}
	})
	return func() int {
		cancel()
		done.Wait()
		return acts
	}
}

var errNotUndone = errors.New("what was done stands")

// TestContest: the first repair comes at once, the next ones later and later; the log and the readiness name the rival.
func TestContest(t *testing.T) {
	other := made(t, start)
	for name, c := range map[string]struct {
		object, want string
		act          func(context.Context, *testing.T, *cluster) error
	}{
		"caBundle": {theBundle, `somebody else keeps writing caBundle of ValidatingWebhookConfiguration %s: field manager "rival"`,
			func(ctx context.Context, t *testing.T, k *cluster) error {
				live := k.configuration()
				if err := k.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil || bytes.Equal(live.Webhooks[0].ClientConfig.CABundle, other.bundle()) {
					return errNotUndone
				}
				live.Webhooks[0].ClientConfig.CABundle = other.bundle()
				return k.Update(ctx, live, client.FieldOwner("rival"))
			}},
		"Secret": {theSecret, `somebody else keeps writing Secret %[1]s/guard-tls: field manager "rival"`,
			func(ctx context.Context, t *testing.T, k *cluster) error {
				s := &corev1.Secret{}
				if err := k.Get(ctx, client.ObjectKey{Namespace: k.name, Name: "guard-tls"}, s); err != nil || string(s.Data[caCert]) == "garbled" {
					return errNotUndone
				}
				s.Data[caCert] = []byte("garbled")
				return k.Update(ctx, s, client.FieldOwner("rival"))
			}},
		"no Secret": {theSecret, `somebody else keeps deleting Secret %[1]s/guard-tls`,
			func(ctx context.Context, t *testing.T, k *cluster) error {
				return k.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: k.name, Name: "guard-tls"}})
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, 1)
			k.install(t)
			clock := testclock.NewFakeClock(time.Now())
			a := k.replica(t, 0, clock)
			k.ready(t, a)
			writes := func() float64 {
				return testutil.ToFloat64(a.writes.WithLabelValues(c.object, "false")) + testutil.ToFloat64(a.writes.WithLabelValues(c.object, "true"))
			}
			before := writes()
			stop := contest(t, func(ctx context.Context) error { return c.act(ctx, t, k) })
			want := fmt.Sprintf(c.want, k.name)
			eventually(t, func() error {
				if err := a.Renewal(); err == nil || err.Error() != want {
					return fmt.Errorf("Renewal() = %v, want %q", err, want)
				}
				return nil
			})
			acts := stop()
			if n := writes() - before; acts == 0 || n > contested {
				t.Errorf("%v writes for %d of the rival, want %d at most until it is called a contest", n, acts, contested)
			}
			if testutil.ToFloat64(a.writes.WithLabelValues(c.object, "true")) == 0 {
				t.Error("no contested write is counted")
			}
			k.follow(t, clock, a)
			eventually(t, a.Renewal)
		})
	}
}

// TestSecretOfAnotherHand: whatever is put into the Secret, caBundle stays small, the API server gets through, and the
// Secret comes right.
func TestSecretOfAnotherHand(t *testing.T) {
	for name, change := range map[string]func(*testing.T, map[string][]byte){
		"900 kB of authorities": func(t *testing.T, data map[string][]byte) {
			one := made(t, time.Now()).bundle()
			data[caCert] = append(data[caCert], bytes.Repeat(one, (900_000-len(data[caCert]))/len(one))...)
		},
		"900 kB of authorities before": func(t *testing.T, data map[string][]byte) {
			one := made(t, time.Now()).bundle()
			data[caCert] = append(bytes.Repeat(one, (900_000-len(data[caCert]))/len(one)), data[caCert]...)
		},
		"different authorities": func(t *testing.T, data map[string][]byte) {
			for range 3 * maxRetiring {
				data[caCert] = append(data[caCert], made(t, time.Now()).bundle()...)
			}
		},
		"one enormous authority": func(t *testing.T, data map[string][]byte) {
			data[caCert] = append(data[caCert], encode(foreign(t, func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 99999, 1}, Value: make([]byte, 300_000)}}
			}).ca)...)
		},
		"text": func(t *testing.T, data map[string][]byte) {
			data[caCert] = append([]byte(strings.Repeat("# a comment\n", 50_000)), data[caCert]...)
		},
		"an authority for a century": func(t *testing.T, data map[string][]byte) {
			a := foreign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(100 * 365 * 24 * time.Hour) })
			clear(data)
			for key, value := range stored(t, a) {
				data[key] = value
			}
		},
		"a chain of leaves": func(t *testing.T, data map[string][]byte) {
			data[tlsCert] = bytes.Repeat(data[tlsCert], 500_000/len(data[tlsCert]))
		},
		"garbage": func(t *testing.T, data map[string][]byte) {
			data[caCert], data[tlsKey] = []byte("garbage"), []byte("garbage")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, 1)
			clock := testclock.NewFakeClock(time.Now())
			k.install(t)
			a := k.replica(t, 0, clock)
			k.ready(t, a)
			stop := k.load(t)
			eventually(t, func() error {
				s := k.secret(t)
				change(t, s.Data)
				return k.Update(t.Context(), s)
			})
			spoilt := k.secret(t).ResourceVersion
			// What can be used as it is waits for a minute, by the API server's clock.
			largest := 0
			eventually(t, func() error {
				for _, w := range k.live(t).Webhooks {
					largest = max(largest, len(w.ClientConfig.CABundle))
				}
				clock.Step(5 * time.Second)
				if k.secret(t).ResourceVersion == spoilt {
					return errors.New("the Secret stays as it is")
				}
				return nil
			})
			k.follow(t, clock, a)
			if got := readAuthority(k.secret(t).Data); got.foreign || got.usable(clock.Now(), "127.0.0.1") != nil {
				t.Errorf("the Secret is not as it should be: %s", k.secret(t).Data[caCert])
			}
			stop()
			if most := (maxRetiring + 1) * 1024; largest > most {
				t.Errorf("caBundle had %d bytes, want %d at most", largest, most)
			}
		})
	}
}

// foreign is an authority that somebody else made with the guard's key and name.
func foreign(t *testing.T, change func(*x509.Certificate)) authority {
	t.Helper()
	a := made(t, time.Now())
	template := *a.ca
	template.SerialNumber = big.NewInt(1)
	change(&template)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, a.caKey.Public().(*ecdsa.PublicKey), a.caKey)
	if err != nil {
		t.Fatal(err)
	}
	if a.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if a.leaf, err = a.issue(time.Now(), "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestImmutableSecret: what cannot be repaired is reported long before it matters, with what to type, and the certificate is still served.
func TestImmutableSecret(t *testing.T) {
	for name, spoil := range map[string]func(*corev1.Secret){
		"garbage": func(s *corev1.Secret) { s.Data[caCert] = []byte("garbage") },
		"intact":  func(*corev1.Secret) {},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCluster(t, 1)
			k.install(t)
			clock := testclock.NewFakeClock(time.Now())
			a := k.replica(t, 0, clock)
			k.ready(t, a)
			s := k.secret(t)
			s.Immutable = ptr.To(true)
			spoil(s)
			if err := k.Update(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error {
				want := fmt.Sprintf("Secret %[1]s/guard-tls is immutable, so the certificate cannot be renewed: delete it (kubectl -n %[1]s delete secret guard-tls), and the guard creates another one", k.name)
				if err := a.Renewal(); err == nil || err.Error() != want {
					return fmt.Errorf("Renewal() = %v, want %q", err, want)
				}
				return nil
			})
			if err := firstError(a.Check(), k.edit(t.Context()), metricIs(a, "aws_auth_guard_certificate_renewal_held", 1)); err != nil {
				t.Error(err)
			}
			if err := k.Delete(t.Context(), k.secret(t)); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error {
				clock.Step(time.Second)
				return firstError(a.Renewal(), metricIs(a, "aws_auth_guard_certificate_renewal_held", 0))
			})
			k.follow(t, clock, a)
		})
	}
}

// metricIs compares a gauge without labels.
func metricIs(c prometheus.Collector, name string, want float64) error {
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		return err
	}
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if f.GetName() == name {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != want {
				return fmt.Errorf("%s is %v, want %v", name, got, want)
			}
			return nil
		}
	}
	return fmt.Errorf("no metric %s", name)
}

// TestMountedClock: who only serves files is not ready either by a clock that is wrong.
func TestMountedClock(t *testing.T) {
	skew, own, api := skewed(21*24*time.Hour + time.Minute)
	m := &Mounted{Log: testr.New(t), Skew: skew, serving: newServing(skew, testr.New(t), nil, "")}
	skew.answered(http.StatusOK, dateOf(api), 0)
	if err := m.Check(); err == nil || !strings.Contains(err.Error(), "21 days ahead of") {
		t.Errorf("Check() = %v, want that the clock is wrong", err)
	}
	own.SetTime(api.Now())
	if err := m.Check(); err == nil || strings.Contains(err.Error(), "clock") {
		t.Errorf("Check() = %v, want that there is no configuration yet", err)
	}
}

// TestSuspended: a node whose time went on while nothing ran looks like one whose clock was set. Its replica stays ready, writes
// nothing, and asks; the answer says which of the two it was.
func TestSuspended(t *testing.T) {
	for name, c := range map[string]struct {
		api   time.Duration
		ready bool
	}{
		"suspended":         {8 * time.Hour, true},
		"the clock was set": {0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 1)
			k := w.keepers[0]
			k.lag = 0
			for end := w.passed.Now().Add(5 * time.Minute); w.passed.Now().Before(end); w.passed.Step(again) {
				if !w.passed.Now().Before(k.due) {
					k.look()
				}
			}
			k.offset, w.api = 8*time.Hour, c.api
			ask := make(chan struct{})
			k.serving.live = reader{k.serving.live, ask}
			if err := k.Check(); err != nil {
				t.Errorf("before the API server was asked: Check() = %v", err)
			}
			if err := k.Renewal(); err == nil {
				t.Error("before the API server was asked: Renewal() = nil, want that nothing is written")
			}
			for range 10 {
				_ = k.Check() // does not ask twice at once
			}
			select {
			case ask <- struct{}{}:
			case <-time.After(10 * time.Second):
				t.Fatal("the API server is not asked")
			}
			eventually(t, func() error {
				if wrong, err := k.Skew.judge(); wrong == unsure {
					return err
				}
				return nil
			})
			if err := k.Check(); (err == nil) != c.ready {
				t.Errorf("Check() = %v, want ready: %v", err, c.ready)
			}
			if err := k.Renewal(); (err == nil) != c.ready {
				t.Errorf("Renewal() = %v, want renewed: %v", err, c.ready)
			}
		})
	}
}

// reader answers when the test says so.
type reader struct {
	client.Reader
	answer chan struct{}
}

func (r reader) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	<-r.answer
	return r.Reader.Get(ctx, key, into, options...)
}

// TestMountedFiles: what cannot be served is reported by file and reason, at the start as an error and later beside the
// certificate from before, which goes on being served.
func TestMountedFiles(t *testing.T) {
	good, _, err := authority{}.renewed(time.Now(), "127.0.0.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	data, another := stored(t, good), stored(t, made(t, time.Now()))
	for name, c := range map[string]struct {
		file string
		text []byte
		want string
	}{
		"no certificate":    {tlsCert, []byte("nothing"), "tls.crt and tls.key in DIR: tls: failed to find any PEM data in certificate input"},
		"another's key":     {tlsKey, another[tlsKey], "tls.crt and tls.key in DIR: tls: private key does not match public key"},
		"900 kB":            {tlsCert, bytes.Repeat(data[tlsCert], 900_000/len(data[tlsCert])), "DIR/tls.crt is larger than 32 KiB, want one certificate with its intermediates, or its key"},
		"a key of 900 kB":   {tlsKey, make([]byte, 900_000), "DIR/tls.key is larger than 32 KiB, want one certificate with its intermediates, or its key"},
		"a chain of eleven": {tlsCert, bytes.Repeat(data[tlsCert], maxChain+1), "tls.crt in DIR holds 11 certificates, want the leaf and its intermediates, 10 at most"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(file string, text []byte) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(tlsCert, data[tlsCert])
			write(tlsKey, data[tlsKey])
			want := strings.ReplaceAll(c.want, "DIR", dir)
			write(c.file, c.text)
			spoilt := &Mounted{Dir: dir, Log: testr.New(t), serving: newServing(&Skew{}, testr.New(t), nil, "")}
			if err := spoilt.read(); err == nil || err.Error() != want {
				t.Errorf("at the start: %v, want %q", err, want)
			}

			write(c.file, data[c.file])
			k := newCluster(t, 1)
			k.install(t)
			config := rest.CopyConfig(apiServer)
			m := &Mounted{Dir: dir, ConfigurationName: k.name, Log: testr.New(t), Skew: NewSkew(config, clock.RealClock{}), LookEvery: again}
			k.run(t, config, m, CacheOptions(k.name, "", ""))
			eventually(t, m.Renewal)
			write(c.file, c.text)
			eventually(t, func() error {
				if err := m.Renewal(); err == nil || err.Error() != want {
					return fmt.Errorf("Renewal() = %v, want %q", err, want)
				}
				return metricIs(m, "aws_auth_guard_certificate_renewal_held", 1)
			})
			if leaf, err := m.GetCertificate(nil); err != nil || !leaf.Leaf.Equal(good.leaf.Leaf) {
				t.Errorf("another certificate is served (%v)", err)
			}
			write(c.file, data[c.file])
			eventually(t, m.Renewal)
		})
	}
}
