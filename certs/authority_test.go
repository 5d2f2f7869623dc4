package certs

import (
	"bytes"
	"crypto/x509"
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
				t.Errorf("the leaf is no good: %v", err)
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
