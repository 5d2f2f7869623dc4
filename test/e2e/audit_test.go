package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// The annotations that the two webhooks leave in the audit log.
const (
	guardDecision   = guarded.GuardWebhook + "/decision"
	guardRules      = guarded.GuardWebhook + "/rules"
	witnessDecision = guarded.WitnessWebhook + "/decision"
	witnessRules    = guarded.WitnessWebhook + "/rules"
)

// mark is a place in the audit log.
type mark int64

// auditMark is where the audit log ends now.
func auditMark(t *testing.T) mark {
	t.Helper()
	info, err := os.Stat(cluster.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	return mark(info.Size())
}

// event is what matters here of an audit.k8s.io/v1 Event.
type event struct {
	Verb      string `json:"verb"`
	ObjectRef struct {
		Namespace string `json:"namespace"`
		Resource  string `json:"resource"`
	} `json:"objectRef"`
	Annotations map[string]string `json:"annotations"`
}

// want waits until the audit log says of a write since m what the guard decided. A nil want: that no webhook was asked.
func (m mark) want(t *testing.T, want map[string]string) {
	t.Helper()
	var got []map[string]string
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
		var err error
		got, err = m.decisions()
		for _, annotations := range got {
			if maps.Equal(annotations, want) {
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		t.Errorf("no write in the audit log has the annotations %v: %v\nthose there: %v", want, err, got)
	}
}

// decisions are the annotations of the two webhooks on every write to ConfigMaps of kube-system since m.
func (m mark) decisions() ([]map[string]string, error) {
	log, err := os.ReadFile(cluster.AuditLog)
	if err != nil {
		return nil, err
	}
	var all []map[string]string
	lines := bufio.NewScanner(bytes.NewReader(log[m:]))
	lines.Buffer(nil, len(log)+1)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the last line is still being written
		}
		if e.Verb == "get" || e.Verb == "list" || e.Verb == "watch" || e.ObjectRef.Namespace != "kube-system" {
			continue
		}
		annotations := map[string]string{}
		for _, key := range []string{guardDecision, guardRules, witnessDecision, witnessRules} {
			if value, ok := e.Annotations[key]; ok {
				annotations[key] = value
			}
		}
		all = append(all, annotations)
	}
	return all, lines.Err()
}
