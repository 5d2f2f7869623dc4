package deploy_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/deploy"
)

// TestRenderIsTheTemplate holds Render to what text/template, and so helm, makes of the file.
func TestRenderIsTheTemplate(t *testing.T) {
	t.Parallel()
	file, err := template.ParseFiles(filepath.Join("helm", "aws-auth-guard", "files", "match-conditions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, lists := range [][2][]string{{}, {{"eks:node-manager"}, nil}, {nil, {"a", `"]`}}, {{"{{ .exemptUsernames }}", "ü\t\\"}, {"{{ end }}", "-}}\n"}}} {
		var text bytes.Buffer
		if err := file.Execute(&text, map[string][]string{"exemptUsernames": lists[0], "breakGlassGroups": lists[1]}); err != nil {
			t.Fatal(err)
		}
		var want deploy.MatchConditions
		if err := yaml.UnmarshalStrict(text.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		got, err := deploy.Render(lists[0], lists[1])
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", lists, err, diff)
		}
	}
}
