// Package events writes Kubernetes Events for operators.
package events

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientevents "k8s.io/client-go/tools/events"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
)

// What an Event's note and its action may hold.
const maxNote, maxAction = 1024, 128

// Events writes Events.
type Events struct {
	recorder  clientevents.EventRecorder
	namespace string
	log       logr.Logger
	// pace limits how often an Event is written: a client that reaches the port can claim to be exempt, each time under
	// another name.
	pace *rate.Limiter
}

// New writes Events as the guard in that namespace.
func New(recorder clientevents.EventRecorder, namespace string, log logr.Logger) *Events {
	return &Events{recorder: recorder, namespace: namespace, log: log, pace: rate.NewLimiter(rate.Every(5*time.Second), 60)}
}

// PolicyChanged reports a reload at the guard's own pod.
func (e *Events) PolicyChanged(err error) {
	name := os.Getenv("POD_NAME")
	if name == "" {
		return // not in a pod
	}
	pod := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: e.namespace, Name: name}
	if err != nil {
		e.recorder.Eventf(pod, nil, corev1.EventTypeWarning, "PolicyRejected", "Reload", "%s",
			clip(fmt.Sprintf("the new policy is invalid, keeping the previous one: %s", err), maxNote))
		return
	}
	e.recorder.Eventf(pod, nil, corev1.EventTypeNormal, "PolicyReloaded", "Reload", "the new policy is in force")
}

// Excused reports at aws-auth an edit that was allowed and would be denied otherwise. The action names the user and the
// nodes that lose access: Events that differ only in their note are counted as one, under the first one's note.
func (e *Events) Excused(x admission.Excused) {
	if !e.pace.Allow() {
		e.log.Info("too many edits were allowed that would be denied otherwise: no Event is written for this one", "why", x.Why)
		return
	}
	object := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: admission.Namespace, Name: admission.Name, UID: x.UID}}
	username := clip(x.Username, maxNote)
	action := fmt.Sprintf("%s by %q", x.Operation, username) // a name may hold what a terminal obeys
	note := fmt.Sprintf("%s by %q was allowed (%s) and would be denied otherwise: %s", x.Operation, username, x.Why, x.Rules)
	if n := len(x.Nodes); n > 0 {
		nodes := strings.Join(x.Nodes, ", ")
		action += ", cuts off " + nodes
		lose := fmt.Sprintf("%d nodes lose access and turn", n)
		if n == 1 {
			lose = "1 node loses access and turns"
		}
		note += fmt.Sprintf("; %s NotReady within minutes: %s", lose, nodes)
	}
	e.recorder.Eventf(object, nil, corev1.EventTypeWarning, "AllowedDespiteError", clip(action, maxAction), "%s", clip(note, maxNote))
}

func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-3], "") + "..."
}
