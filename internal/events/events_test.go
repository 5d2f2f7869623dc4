package events

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientevents "k8s.io/client-go/tools/events"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
)

// actions keeps the action of each Event, which the fake recorder leaves out.
type actions struct {
	clientevents.EventRecorder
	all []string
}

func (a *actions) Eventf(_, _ runtime.Object, _, _, action, note string, args ...any) {
	a.all = append(a.all, action, fmt.Sprintf(note, args...))
}

// A username is whatever an identity provider says. An Event is read on a terminal.
func TestEventsArePrintable(t *testing.T) {
	for _, name := range []string{"a\nb", "\x1b[31mred", "\u202eevil", "\u2028", "zero\u200bwidth", "%s%d", strings.Repeat("\u202e", 1000)} {
		recorder := &actions{}
		e := New(recorder, "guard", logr.Discard())
		e.Excused(admission.Excused{Operation: "UPDATE", Username: name, Why: "audit", Rules: "AA203", Nodes: []string{"node1"}})
		if len(recorder.all) != 2 {
			t.Fatalf("%q: %d texts of an Event, want its action and its note", name, len(recorder.all))
		}
		for _, text := range recorder.all {
			if at := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 || strings.Contains(text, "%!") {
				t.Errorf("%q: the Event says %q", name, text)
			}
		}
		if len(recorder.all[0]) > maxAction || len(recorder.all[1]) > maxNote {
			t.Errorf("%.20q: the texts have %d and %d bytes", name, len(recorder.all[0]), len(recorder.all[1]))
		}
	}
}

// A client that claims to be exempt, under a thousand names, does not fill the cluster with Events.
func TestEventsHaveAPace(t *testing.T) {
	recorder := clientevents.NewFakeRecorder(2000)
	e := New(recorder, "guard", logr.Discard())
	for i := range 1000 {
		e.Excused(admission.Excused{Operation: "UPDATE", Username: fmt.Sprint(i, strings.Repeat("x", 100_000)), Why: "audit", Rules: "AA203"})
	}
	if n := len(recorder.Events); n < 60 || n > 65 {
		t.Errorf("%d Events", n)
	}
	for len(recorder.Events) > 0 {
		if event := <-recorder.Events; len(event) > 2*maxNote {
			t.Fatalf("an Event of %d bytes", len(event))
		}
	}
}
