package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompletionByKubectl completes as kubectl does when somebody presses Tab: it looks for kubectl_complete-awsauth on
// PATH, which is the plugin by another name.
func TestCompletionByKubectl(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		t.Skip("KUBEBUILDER_ASSETS has no kubectl")
	}
	if err := os.Symlink(program(t), filepath.Join(filepath.Dir(program(t)), CompletionName)); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"wh":           "whois\tShow what an ARN is in the cluster\n:4",
		"explain AA20": "AA203\trole-arn-path\n",
		"check -o j":   "json\n",
		"access --kubeconfig testdata/in/nowhere.kubeconfig --context n":       "nowhere\n:4",
		"whois -f testdata/in/templates.yaml arn:aws:iam::111122223333:role/n": "arn:aws:iam::111122223333:role/nodes\tsystem:node:{{EC2PrivateDNSName}}\n:4",
		"access -f t": "yaml\nyml\njson\n:8",
	} {
		t.Run(typed, func(t *testing.T) {
			cmd := exec.Command(filepath.Join(assets, "kubectl"), append([]string{"__complete", "awsauth"}, strings.Fields(typed)...)...)
			cmd.Env = append(os.Environ(), "PATH="+programDir+string(os.PathListSeparator)+os.Getenv("PATH"))
			out, err := cmd.Output()
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%v\n%s, want %q in it", err, out, want)
			}
		})
	}
}

// TestCompletionScripts holds that every shell's script can be had.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if text, code := kubectl("completion", shell); code != exitAdmitted || !strings.Contains(text, "__complete") {
			t.Errorf("completion %s: exit code %d, %d bytes", shell, code, len(text))
		}
	}
}

func TestArguments(t *testing.T) {
	for name, want := range map[string][]string{
		"/usr/bin/kubectl-awsauth":          {"check", ""},
		"kubectl_complete-awsauth":          {"__complete", "check", ""},
		"/usr/bin/kubectl_complete-awsauth": {"__complete", "check", ""},
		"kubectl_complete-awsauth.exe":      {"__complete", "check", ""},
	} {
		if got := arguments([]string{name, "check", ""}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
