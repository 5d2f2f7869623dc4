//go:build e2e

package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unpacked is a directory with the plugin's archive, unpacked by tar.
func unpacked(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	run(t, "tar", "-xzf", archive(), "-C", to)
	return to
}

// TestPlugin holds that kubectl finds the plugin of the archive and asks it for completions, and that it says its version.
func TestPlugin(t *testing.T) {
	to := unpacked(t)
	t.Setenv("PATH", to+":"+os.Getenv("PATH"))
	t.Setenv("KUBECONFIG", os.DevNull)
	if got := run(t, programs["kubectl"], "awsauth", "--version"); !strings.Contains(got, "v"+version) {
		t.Errorf("kubectl awsauth --version prints %q, want v%s", got, version)
	}
	if got := run(t, programs["kubectl"], "__complete", "awsauth", "whoi"); !strings.HasPrefix(got, "whois\t") {
		t.Errorf("kubectl completes awsauth whoi to %q, want whois", got)
	}
	for _, name := range []string{"LICENSE", "completions/kubectl-awsauth.bash", "completions/_kubectl-awsauth",
		"completions/kubectl-awsauth.fish", "completions/kubectl-awsauth.ps1", "man/man1/kubectl-awsauth-check.1"} {
		if info, err := os.Stat(filepath.Join(to, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := os.ReadFile(filepath.Join(to, "man/man1/kubectl-awsauth-check.1"))
	if err != nil || !bytes.Contains(page, []byte("aws-auth-guard v"+version)) {
		t.Errorf("the man page of check does not say the version: %v\n%.200s", err, page)
	}
}

// required is a line of go version -m about a module that was compiled in.
var required = regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`)

// TestSBOM holds that the document names each module of the program, and the Go that built it.
func TestSBOM(t *testing.T) {
	data, err := os.ReadFile(strings.TrimSuffix(archive(), ".tar.gz") + ".cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	var sbom struct {
		Format   string `json:"bomFormat"`
		Metadata struct {
			Component struct{ Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(data, &sbom); err != nil {
		t.Fatal(err)
	}
	if sbom.Format != "CycloneDX" || sbom.Metadata.Component.Version != "v"+version {
		t.Errorf("format %q of version %q", sbom.Format, sbom.Metadata.Component.Version)
	}
	has := map[string]string{}
	for _, c := range sbom.Components {
		has[c.Name] = c.Version
	}
	info := run(t, "go", "version", "-m", filepath.Join(unpacked(t), "kubectl-awsauth"))
	modules := required.FindAllStringSubmatch(info, -1)
	if len(modules) == 0 {
		t.Fatalf("go version names no module:\n%s", info)
	}
	for _, m := range modules {
		if has[m[1]] != m[2] {
			t.Errorf("%s %s is compiled in, the SBOM has version %q", m[1], m[2], has[m[1]])
		}
	}
	if built := regexp.MustCompile(`: (go\S+)\n`).FindStringSubmatch(info); built == nil || has["std"] != built[1] {
		t.Errorf("the SBOM has Go's library %q, want that of %q", has["std"], built)
	}
}

// krew runs the real one, which keeps everything in a directory of the test.
func krew(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), programs["krew"], args...)
	cmd.Env = append(os.Environ(), "KREW_ROOT="+root, "KREW_NO_UPGRADE_CHECK=1", "HOME="+root)
	return said(cmd)
}

// TestKrew installs the plugin from the release's files, without the network.
func TestKrew(t *testing.T) {
	root := t.TempDir()
	manifest := filepath.Join(dir, "awsauth.yaml")
	if out, err := krew(t, root, "install", "--manifest="+manifest, "--archive="+archive()); err != nil {
		t.Fatal(err, out)
	}
	if got := run(t, filepath.Join(root, "bin", "kubectl-awsauth"), "--version"); !strings.Contains(got, "v"+version) {
		t.Errorf("the installed plugin prints %q, want v%s", got, version)
	}
}

func TestKrewRejectsAnotherArchive(t *testing.T) {
	data, err := os.ReadFile(archive())
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "changed.tar.gz")
	if err := os.WriteFile(changed, append(data, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := krew(t, t.TempDir(), "install", "--manifest="+filepath.Join(dir, "awsauth.yaml"), "--archive="+changed)
	if err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("krew installs an archive with other bytes: %v\n%s", err, out)
	}
}
