//go:build e2e

package screens

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const (
	columns = 80
	edited  = "configmap/aws-auth edited\n"
	// unchanged is what kubectl says of a correction that undoes the whole edit.
	unchanged = "Edit cancelled, no changes made.\n"
	command   = "$ kubectl edit configmap aws-auth -n kube-system\n"
)

// Every mistake is made in `kubectl edit`, shows its screen, and is allowed without a warning once the lines of the
// section type are in its place. Every screen can be read, and says what to type.
func TestScreens(t *testing.T) {
	mistakes := readMistakes(t)
	for _, name := range slices.Sorted(maps.Keys(mistakes)) {
		t.Run(name, func(t *testing.T) {
			m := mistakes[name]
			given(t, base)
			e := begin(t, m)
			said, code := e.kubectl(t)
			screen, terminal := command+wrapped(said), ""
			if len(e.shown) > 1 {
				// kubectl opens the editor again, where the mistake is corrected.
				screen = comments(e.shown[1])
				var before string
				before, said = beforeReopening(said)
				if strings.Contains(before, "Warning: ") {
					terminal = wrapped(before)
				}
			} else {
				if code != 0 {
					t.Errorf("kubectl did not open the editor again, and ended with exit code %d", code)
				}
				said, code = e.kubectl(t)
			}
			wantAllowed(t, e, m, said, code)
			want := m.screen + m.terminal
			m.screen, m.terminal = screen, terminal
			wantReadable(t, m)
			wantFix(t, m)
			if *update {
				if err := m.write(); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, screen+terminal); diff != "" {
				t.Errorf("%s (-want +got; -update writes it):\n%s", m.file, diff)
			}
		})
	}
}

// What the mistakes are made in is sound itself: whoever makes it so by an edit hears nothing. That is the proof for those
// corrections that undo the whole edit, of which kubectl asks nobody.
func TestBase(t *testing.T) {
	first, _, _ := strings.Cut(base, "- rolearn: arn:aws:iam::111122223333:role/on-call\n")
	given(t, first)
	e := begin(t, &mistake{old: behind, wrong: indented(strings.TrimPrefix(base, first)) + behind})
	if said, code := e.kubectl(t); said != edited || code != 0 {
		t.Errorf("kubectl says (exit code %d):\n%s\nwant no findings", code, said)
	}
}

// beforeReopening cuts what kubectl printed where it opened the editor again.
func beforeReopening(said string) (before, after string) {
	const reopened = "error: configmaps \"aws-auth\" is invalid\n"
	if i := strings.LastIndex(said, reopened); i >= 0 {
		return said[:i+len(reopened)], said[i+len(reopened):]
	}
	return "", said
}

// wantAllowed checks that the correction was allowed without a warning, and is what is stored.
func wantAllowed(t *testing.T, e *editing, m *mistake, said string, code int) {
	t.Helper()
	if code != 0 || said != edited && said != unchanged {
		t.Errorf("the correction is not allowed without a warning (exit code %d):\n%s", code, said)
		if len(e.shown) > 2 {
			t.Log(comments(e.shown[2]))
		}
	}
	wantCorrected(t, m)
}

// wantCorrected checks that what is stored is the aws-auth with the correction in it.
func wantCorrected(t *testing.T, m *mistake) {
	t.Helper()
	var want corev1.ConfigMap
	if err := yaml.Unmarshal([]byte(strings.Replace(shown(base), m.old, m.right, 1)), &want); err != nil {
		t.Fatalf("the correction is no YAML: %v", err)
	}
	got, err := configMaps.Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Data, got.Data); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// wrapped is text as a terminal shows it, which breaks lines wherever its right edge is.
func wrapped(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		cells := []rune(strings.TrimSuffix(line, "\n"))
		for len(cells) > columns {
			b.WriteString(string(cells[:columns]) + "\n")
			cells = cells[columns:]
		}
		b.WriteString(string(cells) + "\n")
	}
	return b.String()
}
