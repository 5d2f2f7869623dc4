package cli

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/fatih/color"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// TestVersion holds that all ways of asking for the version say the same.
func TestVersion(t *testing.T) {
	want := build{version.Version(), version.Commit(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	for form, parse := range map[string]func([]byte, any) error{
		"json": json.Unmarshal, "yaml": func(data []byte, into any) error { return yaml.UnmarshalStrict(data, into) },
	} {
		var got build
		text, code := kubectl("version", "-o", form)
		if err := parse([]byte(text), &got); err != nil || code != exitAdmitted || got != want {
			t.Errorf("-o %s: exit code %d, %v: %+v, want %+v", form, code, err, got, want)
		}
	}
	text, _ := kubectl("version")
	for _, part := range []string{want.ClientVersion, want.Commit, want.GoVersion, want.Platform} {
		if !strings.Contains(text, " "+part+"\n") {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	for _, args := range [][]string{{"--version"}, {"-v"}, {"check", "--version"}, {"explain", "--version", "AA203"}, {"whois", "--version"}} {
		if text, code := kubectl(args...); code != exitAdmitted || text != want.ClientVersion+"\n" {
			t.Errorf("%q: exit code %d, %q", args, code, text)
		}
	}
}

// TestColor holds that --color is obeyed, whatever the terminal and NO_COLOR say, and only in the command that has it.
func TestColor(t *testing.T) {
	const escape = "\x1b["
	for _, tt := range []struct {
		args string
		want bool
	}{
		{"explain AA203 --color always", true}, {"rules --color=always", true}, {"--color always check -f testdata/in/path.json", true},
		{"explain AA203 --color never", false}, {"explain AA203 --color auto", false}, {"explain AA203", false},
	} {
		t.Run(tt.args, func(t *testing.T) {
			defer func() { color.NoColor = true }()
			text, _ := kubectl(strings.Fields(tt.args)...)
			if got := strings.Contains(text, escape); got != tt.want || strings.Contains(text, `\x1b`) {
				t.Errorf("colours: %t, want %t:\n%q", got, tt.want, text)
			}
		})
	}
}
