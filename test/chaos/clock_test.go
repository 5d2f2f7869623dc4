//go:build chaos

package chaos

import (
	"encoding/pem"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/cert"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestClock: the clock jumps to and fro over the moment at which an approval expires, and every verdict follows at once.
// A process has no clock of its own, so this guard runs in the test's, behind the same API server.
func TestClock(t *testing.T) {
	expires := time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)
	p, err := policy.Parse([]byte(strings.Replace(approving, "reason:", "expires: 2027-06-30, reason:", 1)))
	if err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[time.Time]
	jump := func(to time.Time) { now.Store(&to) }
	jump(expires)
	v, err := validate.New(p, validate.WithClock(func() time.Time { return *now.Load() }))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(admission.Webhook(&admission.Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard(),
		Metrics: admission.NewMetrics(prometheus.NewRegistry())}))
	defer server.Close()
	begin(t, setting{})
	repoint(t, func(c *admissionregistrationv1.WebhookClientConfig) {
		c.URL = new(server.URL + admission.Path)
		c.CABundle = pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: server.Certificate().Raw})
	})
	ctx := t.Context()
	given(t, nodes)
	// The API server has heard of the other address once the approval, expired by this clock alone, is none.
	eventually(t, func() error { return refused(try(ctx, base), "AA401") })

	moments := []time.Time{expires, expires.Add(-time.Nanosecond), expires.Add(time.Nanosecond), {}, time.Unix(0, 0), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
	jumps := share(500, 50)
	for i := range jumps {
		at := expires.Add(time.Duration(rand.Int64N(int64(40*365*24*time.Hour))) - 20*365*24*time.Hour)
		if i < len(moments) {
			at = moments[i]
		}
		jump(at)
		err := try(ctx, base)
		if at.Before(expires) && err != nil {
			t.Errorf("at %v, before the approval expires: %v", at, err)
		}
		if !at.Before(expires) {
			if err := refused(err, "AA401"); err != nil {
				t.Errorf("at %v, after the approval expired: %v", at, err)
			}
		}
	}
	measured("clock-jumps", jumps)

	// What was mapped by an approval stays when it expires, and blocks nothing.
	given(t, base)
	jump(expires)
	if err := try(ctx, good); err != nil {
		t.Errorf("an edit beside a standing grant: %v", err)
	}
}
