//go:build chaos

package chaos

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// limit is the chart's memory limit in MiB (resources.limits.memory).
const limit = 256

// stranger is somebody who reaches the guard's ports, from an address of his own or, for every fourth, from the API server's.
type stranger struct {
	ctx    context.Context
	host   string
	number int
}

func (s stranger) dial(address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if s.number%4 != 0 {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+s.number%3))}
	}
	conn, err := d.DialContext(s.ctx, "tcp", address)
	if err == nil {
		context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	}
	return conn, err
}

// open is a connection after the handshake.
func (s stranger) open(protocols ...string) (net.Conn, error) {
	conn, err := s.dial(s.host)
	if err != nil {
		return nil, err
	}
	t := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}) // he does not care whom he talks to
	if err := t.HandshakeContext(s.ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return t, nil
}

const postHead = "POST /validate-aws-auth?timeout=10s HTTP/1.1\r\nHost: guard\r\nContent-Type: application/json\r\n"

// post sends a whole review, and reads the answer unless it is to be slow.
func (s stranger) post(body []byte, slow bool) {
	conn, err := s.open()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // his loss
	if _, err := fmt.Fprintf(conn, postHead+"Content-Length: %d\r\n\r\n", len(body)); err != nil {
		return
	}
	if _, err := conn.Write(body); err != nil {
		return
	}
	if slow {
		<-s.ctx.Done()
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	_, _ = io.CopyN(io.Discard, conn, 100)
}

// hold sends some text and then nothing, until he is shown out.
func (s stranger) hold(text string) {
	conn, err := s.open()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // his loss
	if _, err := io.WriteString(conn, text); err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// hostile is a review in which anything can be changed.
func hostile(change func(*admissionv1.AdmissionReview)) []byte {
	var r admissionv1.AdmissionReview
	if err := json.Unmarshal(review(admissionv1.Update, base, good), &r); err != nil {
		panic(err) // of constants
	}
	change(&r)
	return marshal(r)
}

// object is aws-auth with that mapRoles.
func object(mapRoles string) runtime.RawExtension {
	return runtime.RawExtension{Raw: marshal(map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "metadata": map[string]string{"name": "aws-auth", "namespace": "kube-system"},
		"data": map[string]string{"mapRoles": mapRoles}})}
}

func pair(text string) []byte {
	return hostile(func(r *admissionv1.AdmissionReview) {
		r.Request.OldObject, r.Request.Object = object(text+"# a\n"), object(text+"# b\n")
	})
}

// TestStarvation: whatever strangers send, however many they are, the guard stays below the chart's memory limit and answers the
// API server meanwhile.
func TestStarvation(t *testing.T) {
	t.Setenv("GOMEMLIMIT", strconv.Itoa(limit<<20)) // as the chart has it
	t.Setenv("GOGC", "")
	u, err := url.Parse(guard.URL)
	if err != nil {
		t.Fatal(err)
	}
	many := share(2000, 400)
	type kind struct {
		strangers int
		do        func(s stranger)
	}
	posts := func(strangers int, bodies ...[]byte) kind {
		return kind{strangers, func(s stranger) { s.post(bodies[s.number%len(bodies)], false) }}
	}
	large := strings.Repeat("x", 15<<20)
	broken := "\tx\n" + strings.Repeat("- rolearn: [\n", 36_000)
	fields := "- {" + strings.Repeat("a: 1, ", 90_000) + "}\n"
	kinds := map[string]kind{
		"operations": posts(8, hostile(func(r *admissionv1.AdmissionReview) { r.Request.Operation = admissionv1.Operation(large[:500_000]) }),
			hostile(func(r *admissionv1.AdmissionReview) { r.Request.Operation = admissionv1.Operation(large) })),
		"callers": posts(16, hostile(func(r *admissionv1.AdmissionReview) { r.Request.UserInfo.Username = large }),
			hostile(func(r *admissionv1.AdmissionReview) { r.Request.UserInfo.Username = large[:900_000] }),
			hostile(func(r *admissionv1.AdmissionReview) {
				r.Request.UserInfo.Groups = strings.Split(strings.Repeat("g,", 1<<20), ",")
			}),
			hostile(func(r *admissionv1.AdmissionReview) {
				r.Request.UserInfo.Extra = map[string]authenticationv1.ExtraValue{"x": {large}}
			})),
		"small bodies":  posts(200, pair(strings.Repeat("- {}\n", 2800)), pair("\tx\n"+broken[3:14_000]), pair(fields[:14_000]+"}\n")),
		"medium bodies": posts(24, pair(strings.Repeat("- {}\n", 22_000)), hostile(func(r *admissionv1.AdmissionReview) { r.Request.Object = object(broken) }), pair("- groups: ["+strings.Repeat("g,", 80_000)+"]\n")),
		"large bodies": posts(16, pair(strings.Repeat("- {}\n", 47_000)), pair("- groups: ["+strings.Repeat("g,", 97_000)+"]\n"), pair(fields),
			pair("- {}\n# "+strings.Repeat("<", 900_000)+"\n"), pair(strings.Repeat("- {}\n", 190_000))),
		"lists": posts(8, []byte(strings.Replace(string(pair("")), `"metadata":{`, `"metadata":{"ownerReferences":[{}`+strings.Repeat(",{}", 5<<20)+`],`, 1)),
			[]byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","response":{"status":{"details":{"causes":[{}`+strings.Repeat(",{}", 5<<20)+`]}}}}`)),
		"YAML": posts(200, []byte("kind: AdmissionReview\nx: ["+strings.Repeat("{a},", 7500)+"]\n"),
			[]byte("a: &a ["+strings.Repeat("x,", 600)+"]\nb: &b ["+strings.Repeat("*a,", 600)+"]\nc: ["+strings.Repeat("*b,", 600)+"]\n"),
			[]byte(strings.Repeat("- ", 4000))),
		"no reviews": posts(32, []byte(strings.Repeat("[", 15<<20)), []byte(large), []byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"object":`+strings.Repeat(`{"a":`, 1<<20)),
			[]byte(strings.Repeat(" ", 31<<10)), hostile(func(r *admissionv1.AdmissionReview) {
				r.APIVersion = "admission.k8s.io/v1beta1"
				r.Request.Operation = "A" + admissionv1.Operation(large[:6<<20])
			})),
		"slow readers": {many / 4, func(s stranger) { s.post(review(admissionv1.Update, base, broken[:20_000]), true) }},
		"half-sent bodies": {many, func(s stranger) {
			size := []int{30 << 10, 500_000, 15_000_000}[s.number%3]
			s.hold(postHead + fmt.Sprintf("Content-Length: %d\r\n\r\n", size) + strings.Repeat(" ", min(size-1, 100_000)))
		}},
		"chunks": {many / 4, func(s stranger) {
			s.hold(postHead + "Transfer-Encoding: chunked\r\n\r\n8000\r\n" + strings.Repeat(" ", 0x8000) + "\r\n")
		}},
		"headers": {many / 2, func(s stranger) { s.hold(postHead + strings.Repeat("X-Long: "+strings.Repeat("l", 1000)+"\r\n", 1000)) }},
		"connections": {many, func(s stranger) {
			if conn, err := s.dial(s.host); err == nil {
				_, _ = io.Copy(io.Discard, conn)
			}
		}},
		"handshakes": {64, func(s stranger) {
			if conn, err := s.open(); err == nil {
				_ = conn.Close()
			}
		}},
		"HTTP/2": {64, func(s stranger) {
			conn, err := s.open("h2")
			if err == nil {
				_ = conn.Close()
				t.Error("the guard speaks HTTP/2")
			}
			time.Sleep(10 * time.Millisecond)
			s.hold("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 1000))
		}},
		"other ports": {many / 4, func(s stranger) {
			address := []string{guard.Health(), strings.TrimSuffix(strings.TrimPrefix(metrics, "http://"), "/metrics")}[s.number%2]
			if conn, err := s.dial(address); err == nil {
				_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: guard\r\n"+strings.Repeat("X-Long: "+strings.Repeat("l", 1000)+"\r\n", 900))
				_, _ = io.Copy(io.Discard, conn)
			}
		}},
	}
	length := time.Duration(share(10_000, 1200)) * time.Millisecond
	begin(t, setting{})
	series := exposed(t)
	var all []time.Duration
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		kind := kinds[name]
		ctx, cancel := context.WithTimeout(t.Context(), length)
		var group sync.WaitGroup
		for n := range kind.strangers {
			group.Go(func() {
				for ctx.Err() == nil {
					kind.do(stranger{ctx, u.Host, n})
				}
			})
		}
		var took []time.Duration
		for ctx.Err() == nil || len(took) < 2 {
			started := time.Now()
			if err := errors.Join(try(t.Context(), good), refused(try(t.Context(), bad), "AA203")); err != nil {
				t.Errorf("beside %s: %v", name, err)
			}
			took = append(took, time.Since(started)/2)
		}
		cancel()
		group.Wait()
		slices.Sort(took)
		all = append(all, took...)
		peak, err := guard.Peak()
		if err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		as := "starvation-" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "/", "")
		measured(as+"-edit-p50", took[len(took)/2])
		measured(as+"-edit-slowest", took[len(took)-1])
		measured(as+"-peak-so-far-MiB", peak)
		if peak > limit {
			t.Errorf("after %s the guard has had %d MiB, want %d at most", name, peak, limit)
		}
		if slowest := took[len(took)-1]; slowest > 2*time.Second {
			t.Errorf("beside %s an edit took %v, want 2 s at most", name, slowest)
		}
	}
	slices.Sort(all)
	measured("starvation-edit-p99", all[len(all)*99/100])
	eventually(t, func() error {
		if now := exposed(t); now > series+100 {
			return fmt.Errorf("/metrics had %d lines, it has %d", series, now)
		}
		return nil
	})
}

// exposed is how many lines /metrics has.
func exposed(t *testing.T) int {
	t.Helper()
	return strings.Count(scrape(t), "\n")
}
