package certs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
)

const host = "aws-auth-guard.aws-auth-guard.svc"

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// made is a fresh authority.
func made(t *testing.T, now time.Time, trusted ...*x509.Certificate) authority {
	t.Helper()
	a, done, err := authority{}.renewed(now, host, trusted)
	if err != nil || done != "new authority" {
		t.Fatalf("renewed() = %q, %v, want a new authority", done, err)
	}
	return a
}

func stored(t *testing.T, a authority) map[string][]byte {
	t.Helper()
	data, err := a.data()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRenewed goes through what can be found in a Secret.
func TestRenewed(t *testing.T) {
	fresh := made(t, start)
	retiring := made(t, start, made(t, start).ca)
	other := made(t, start)
	with := func(a authority, change func(map[string][]byte)) map[string][]byte {
		data := stored(t, a)
		change(data)
		return data
	}
	for name, c := range map[string]struct {
		data map[string][]byte
		host string
		at   time.Time
		want string
		// authorities is how many the bundle holds afterwards.
		authorities int
	}{
		"no secret":                     {data: nil, want: "new authority", authorities: 1},
		"fresh":                         {data: stored(t, fresh), want: "", authorities: 1},
		"leaf just before it is due":    {data: stored(t, fresh), at: renewAt(fresh.leaf.Leaf).Add(-time.Second), want: "", authorities: 1},
		"leaf is due":                   {data: stored(t, fresh), at: renewAt(fresh.leaf.Leaf), want: "new certificate", authorities: 1},
		"leaf has ended":                {data: stored(t, fresh), at: fresh.leaf.Leaf.NotAfter.Add(time.Hour), want: "new certificate", authorities: 1},
		"authority is due":              {data: stored(t, fresh), at: renewAt(fresh.ca), want: "new authority", authorities: 2},
		"authority has ended":           {data: stored(t, fresh), at: fresh.ca.NotAfter, want: "new authority", authorities: 1},
		"old authority still trusted":   {data: stored(t, retiring), at: start.Add(retireAfter - time.Second), want: "", authorities: 2},
		"old authority retires":         {data: stored(t, retiring), at: start.Add(retireAfter), want: "old authority retired", authorities: 1},
		"another host":                  {data: stored(t, fresh), host: "guard.kube-system.svc", want: "new certificate", authorities: 1},
		"an IP address":                 {data: stored(t, fresh), host: "127.0.0.1", want: "new certificate", authorities: 1},
		"leaf missing":                  {data: with(fresh, func(d map[string][]byte) { delete(d, tlsCert) }), want: "new certificate", authorities: 1},
		"leaf of another authority":     {data: with(fresh, func(d map[string][]byte) { d[tlsCert], d[tlsKey] = stored(t, other)[tlsCert], stored(t, other)[tlsKey] }), want: "new certificate", authorities: 1},
		"key of another leaf":           {data: with(fresh, func(d map[string][]byte) { d[tlsKey] = stored(t, other)[tlsKey] }), want: "new certificate", authorities: 1},
		"key of another authority":      {data: with(fresh, func(d map[string][]byte) { d[caKey] = stored(t, other)[caKey] }), want: "new authority", authorities: 1},
		"authority garbled":             {data: with(fresh, func(d map[string][]byte) { d[caCert] = []byte("garbled") }), want: "new authority", authorities: 1},
		"authority that is no such":     {data: with(fresh, func(d map[string][]byte) { d[caCert], d[caKey] = d[tlsCert], d[tlsKey] }), want: "new authority", authorities: 1},
		"emptied by who templated it":   {data: map[string][]byte{}, want: "new authority", authorities: 1},
		"made by a clock that ran fast": {data: stored(t, fresh), at: start.Add(-2 * time.Hour), want: "new authority", authorities: 2},
	} {
		t.Run(name, func(t *testing.T) {
			if c.host == "" {
				c.host = host
			}
			if c.at.IsZero() {
				c.at = start
			}
			got, done, err := readAuthority(c.data).renewed(c.at, c.host, nil)
			if err != nil || done != c.want {
				t.Fatalf("renewed() = %q, %v, want %q", done, err, c.want)
			}
			bundle, err := cert.ParseCertsPEM(got.bundle())
			if err != nil || len(bundle) != c.authorities {
				t.Errorf("the bundle holds %d authorities (%v), want %d", len(bundle), err, c.authorities)
			}
			if err := verify(got.leaf, got.bundle(), c.host, c.at); err != nil {
				t.Errorf("the leaf is invalid: %v", err)
			}
			if next := got.nextChange(); !next.After(c.at) {
				t.Errorf("nextChange() = %v, not after %v", next, c.at)
			}
			if again, done, err := readAuthority(stored(t, got)).renewed(c.at, c.host, nil); done != "" || err != nil {
				t.Errorf("renewed() once more = %q, %v, want nothing to do", done, err)
			} else if !bytes.Equal(again.bundle(), got.bundle()) {
				t.Error("the bundle changes when it is stored and read")
			}
		})
	}
}

// TestNewAuthorityTrustsTheLiveOnes: what replicas serve stays good when the Secret is lost.
func TestNewAuthorityTrustsTheLiveOnes(t *testing.T) {
	lost, ended := made(t, start), made(t, start.Add(-2*caLifetime))
	fresh := made(t, start, lost.ca, lost.ca, ended.ca, lost.leaf.Leaf)
	if err := verify(lost.leaf, fresh.bundle(), host, start); err != nil {
		t.Errorf("the leaf of the lost authority: %v", err)
	}
	if n := len(fresh.retiring); n != 1 {
		t.Errorf("%d authorities retire, want the one that is valid, once", n)
	}
}

func TestNewAuthorityTakesOverAFew(t *testing.T) {
	var many []*x509.Certificate
	for range 2 * maxRetiring {
		many = append(many, made(t, start).ca)
	}
	if n := len(made(t, start, many...).retiring); n != maxRetiring {
		t.Errorf("%d authorities retire, want %d", n, maxRetiring)
	}
}

// settled is what a Secret with data becomes: the guard writes what is due until nothing is. Two writes are enough: what is served,
// then what is to go from the bundle.
func settled(t *testing.T, data map[string][]byte, host string) {
	t.Helper()
	var log []string
	for range 3 {
		a, done, err := readAuthority(data).renewed(start, host, nil)
		if err != nil {
			t.Fatalf("after %q: %v", log, err)
		}
		if done == "" {
			if err := a.usable(start, host); err != nil {
				t.Errorf("nothing is due, and nobody can serve: %v", err)
			}
			if n := len(a.bundle()); n > (maxRetiring+1)*2*maxCertificate {
				t.Errorf("the bundle has %d bytes", n)
			}
			return
		}
		log = append(log, done)
		if data, err = a.data(); err != nil {
			t.Fatalf("after %q: it cannot be written: %v", log, err)
		}
	}
	t.Errorf("something is due again and again: %q", log)
}

// TestSecretOfTheSameKey: somebody who has the authority's key, or writes a Secret of their own, can make what looks like the guard's and
// is none that the guard can go on with.
func TestSecretOfTheSameKey(t *testing.T) {
	for name, change := range map[string]func(*x509.Certificate){
		"for clients only": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"for other hosts": func(c *x509.Certificate) {
			c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
		},
		"not for this host": func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"svc"} },
		"a critical extension": func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}}
		},
		"no subject key":        func(c *x509.Certificate) { c.SubjectKeyId = nil },
		"ends before it begins": func(c *x509.Certificate) { c.NotBefore, c.NotAfter = c.NotAfter, c.NotBefore },
		"begins in a day":       func(c *x509.Certificate) { c.NotBefore = start.Add(24 * time.Hour) },
		"valid for two minutes": func(c *x509.Certificate) { c.NotBefore, c.NotAfter = start.Add(-time.Minute), start.Add(time.Minute) },
		"a long serial number":  func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 150) },
	} {
		t.Run(name, func(t *testing.T) {
			key, err := newAuthority(start)
			if err != nil {
				t.Fatal(err)
			}
			template := *key.ca
			change(&template)
			der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.caKey.Public(), key.caKey)
			if err != nil {
				t.Fatal(err)
			}
			if key.ca, err = x509.ParseCertificate(der); err != nil {
				t.Fatal(err)
			}
			if key.leaf, err = key.issue(start, host); err != nil {
				t.Fatal(err)
			}
			settled(t, stored(t, key), host)
		})
	}
	t.Run("a leaf with a key of another kind", func(t *testing.T) {
		a := made(t, start, made(t, start).ca)
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, a.leaf.Leaf, a.ca, public, a.caKey)
		if err != nil {
			t.Fatal(err)
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		data := stored(t, a)
		data[tlsCert] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		data[tlsKey] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
		data[caCert] = append(data[caCert], "# so that something is due"...)
		settled(t, data, host)
	})
}

// TestNoCertificateForTheHost: a host that no certificate can be for is an error that names it, and nothing is written again and
// again.
func TestNoCertificateForTheHost(t *testing.T) {
	for _, host := range []string{"exämple.com", "."} {
		for name, data := range map[string]map[string][]byte{"no Secret": nil, "one for another host": stored(t, made(t, start))} {
			want := fmt.Sprintf("no certificate can be made for the host %q of the ValidatingWebhookConfiguration: ", host)
			if _, done, err := readAuthority(data).renewed(start, host, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: renewed() = %q, %v, want %q...", name, done, err, want)
			}
		}
	}
}

// TestDamagedSecret damages a Secret by chance, in its text and in what the text encodes.
func TestDamagedSecret(t *testing.T) {
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	dice := mathrand.New(mathrand.NewPCG(seed, 0))
	sound := [2]map[string][]byte{stored(t, made(t, start, made(t, start).ca, made(t, start).ca)), stored(t, made(t, start))}
	keys := []string{caCert, caKey, tlsCert, tlsKey}
	damage := func(text []byte) []byte {
		text = slices.Clone(text)
		at := dice.IntN(len(text))
		switch dice.IntN(4) {
		case 0:
			return text[:at]
		case 1:
			return slices.Concat(text[:at], text)
		case 2:
			text[at] ^= 1 << dice.IntN(8)
			return text
		}
		block, rest := pem.Decode(text)
		block.Bytes[dice.IntN(len(block.Bytes))] ^= 1 << dice.IntN(8)
		return append(pem.EncodeToMemory(block), rest...)
	}
	for range 1000 {
		data := map[string][]byte{}
		for _, key := range keys {
			data[key] = sound[0][key]
		}
		for range 1 + dice.IntN(2) {
			switch key := keys[dice.IntN(4)]; dice.IntN(8) {
			case 0:
				data[key] = sound[1][key]
			case 1:
				data[key] = data[keys[dice.IntN(4)]]
			case 2:
				delete(data, key)
			default:
				data[key] = damage(sound[0][key])
			}
		}
		if settled(t, data, host); t.Failed() {
			t.Fatalf("the Secret: %q", data)
		}
	}
}
