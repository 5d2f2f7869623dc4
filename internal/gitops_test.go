package internal_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestGitOpsValues: the chart takes the values that docs/gitops.md shows, by themselves and in the objects of Argo CD and Flux.
func TestGitOpsValues(t *testing.T) {
	page, err := os.ReadFile("../docs/gitops.md")
	if err != nil {
		t.Fatal(err)
	}
	schema := chartSchema(t)
	shown := 0
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		for text := range strings.SplitSeq(block[1], "\n---\n") {
			var object map[string]any
			if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			values := object
			switch object["kind"] {
			case "Application":
				values = objectAt(object, "spec", "source", "helm", "valuesObject")
			case "HelmRelease":
				values = objectAt(object, "spec", "values")
			case "OCIRepository", "Kustomization":
				continue
			}
			if values == nil {
				continue // the Application of aws-auth
			}
			shown++
			if err := schema.Validate(overChart(t, values)); err != nil {
				t.Errorf("the chart rejects these values: %v\n%s", err, text)
			}
		}
	}
	if shown != 3 {
		t.Errorf("docs/gitops.md shows values %d times, want 3", shown)
	}
}

// objectAt is the object at a path of keys, nil if there is none.
func objectAt(object map[string]any, path ...string) map[string]any {
	for _, key := range path {
		object, _ = object[key].(map[string]any)
	}
	return object
}
