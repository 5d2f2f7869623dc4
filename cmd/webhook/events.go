package main

import (
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientevents "k8s.io/client-go/tools/events"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
)

// maxNote is what an Event's note may hold.
const maxNote = 1024

// events tells the cluster what an operator would want to come across.
type events struct {
	recorder  clientevents.EventRecorder
	namespace string
}

// policyChanged tells of a reload at the guard's own pod.
func (e *events) policyChanged(err error) {
	name := os.Getenv("POD_NAME")
	if name == "" {
		return // not in a pod
	}
	pod := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: e.namespace, Name: name}
	if err != nil {
		e.recorder.Eventf(pod, nil, corev1.EventTypeWarning, "PolicyRejected", "Reload", "%s",
			clip(fmt.Sprintf("the changed policy is no good, so the last good one stays in force: %s", err)))
		return
	}
	e.recorder.Eventf(pod, nil, corev1.EventTypeNormal, "PolicyReloaded", "Reload", "the changed policy is in force")
}

// excused tells at aws-auth of an edit that was let in though it would be refused otherwise.
func (e *events) excused(x admission.Excused) {
	object := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: admission.Namespace, Name: admission.Name, UID: x.UID}}
	note := fmt.Sprintf("%s by %q was let in (%s); it would be refused otherwise: %s", x.Operation, x.Username, x.Why, x.Rules)
	if n := len(x.Nodes); n > 0 {
		note += fmt.Sprintf("; it costs %d live node(s) their access, which turn NotReady within minutes: %s", n, strings.Join(x.Nodes, ", "))
	}
	e.recorder.Eventf(object, nil, corev1.EventTypeWarning, "LetIn", string(x.Operation), "%s", clip(note))
}

func clip(s string) string {
	if len(s) <= maxNote {
		return s
	}
	return s[:maxNote-3] + "..."
}
