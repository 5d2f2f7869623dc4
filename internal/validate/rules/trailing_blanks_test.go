package rules

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The library by which kubectl writes YAML decides what is shown as a string.
func TestQuotedByKubectl(t *testing.T) {
	for _, text := range []string{
		"a: b\nc\n", "a: b\nc", "a: b\n\nc\n", "  a: b\nc\n", "a: b\nc\n\n",
		"a: b \nc\n", "a: b\nc ", "a: b\nc\n ", "a\n  \nc\n", "a: b\t\nc\n", "# c \na: b\n",
	} {
		shown, err := yaml.Marshal(map[string]string{"mapRoles": text})
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.HasPrefix(string(shown), `mapRoles: "`); quotedByKubectl(text) != want {
			t.Errorf("%q: got %v, want %v: %s", text, !want, want, shown)
		}
	}
}
