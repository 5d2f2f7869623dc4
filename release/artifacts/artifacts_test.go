package artifacts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck holds that what cannot be released is an error before anything is built.
func TestCheck(t *testing.T) {
	linux := []string{"linux/amd64"}
	for what, c := range map[string]struct {
		version   string
		platforms []string
		want      string
	}{
		"a v in front":      {"v0.1.0", linux, `version "v0.1.0" is not MAJOR.MINOR.PATCH`},
		"two numbers":       {"0.1", linux, `version "0.1" is not`},
		"a directory":       {"../x", linux, `version "../x" is not`},
		"a leading zero":    {"0.1.0-rc.01", linux, `version "0.1.0-rc.01" is not`},
		"two lines":         {"0.1.0\n", linux, `is not MAJOR`},
		"nothing":           {"", linux, `version "" is not`},
		"build metadata":    {"0.1.0+1", linux, `version "0.1.0+1" is not`},
		"no platform":       {"0.1.0", nil, "no platform"},
		"no architecture":   {"0.1.0", []string{"linux"}, `platform "linux" is not OS/ARCH`},
		"too much":          {"0.1.0", []string{"linux/arm/v7"}, `platform "linux/arm/v7" is not OS/ARCH`},
		"a pre-release":     {"0.1.0-rc.1", linux, ""},
		"a version":         {"10.20.30", linux, ""},
		"an empty platform": {"0.1.0", []string{"/amd64"}, "is not OS/ARCH"},
	} {
		r := &Release{Version: c.version, Platforms: c.platforms, Out: filepath.Join(t.TempDir(), "new")}
		err := r.check()
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
	}
}

// TestDirectory holds that the files of a release before are removed, and those of nobody else.
func TestDirectory(t *testing.T) {
	for what, c := range map[string]struct {
		version string
		files   []string
		want    string
		left    int
	}{
		"of a release":       {"0.1.0", []string{notesFile, "old"}, "", 0},
		"of somebody else":   {"0.1.0", []string{"letter"}, "holds files that are not of a release", 1},
		"of a wrong version": {"v0.1.0", []string{notesFile, "old"}, "is not MAJOR", 2},
	} {
		r := &Release{Version: c.version, Platforms: []string{"linux/amd64"}, Out: t.TempDir()}
		for _, name := range c.files {
			if err := os.WriteFile(r.path(name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := r.check()
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
		if left, err := os.ReadDir(r.Out); err != nil || len(left) != c.left {
			t.Errorf("%s: left %v, %v; want %d files", what, left, err, c.left)
		}
	}
}

// TestExperiments holds that the settings of Go on this machine do not decide what is shipped: all but one are overridden.
func TestExperiments(t *testing.T) {
	r := &Release{Root: ".", Out: t.TempDir(), Version: "0.1.0", Platforms: []string{"linux/amd64"}}
	t.Setenv("GOEXPERIMENT", "jsonv2")
	if err := r.experiments(t.Context(), ""); err != nil {
		t.Errorf("an environment that is overridden: %v", err)
	}
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("GOEXPERIMENT=jsonv2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOENV", file)
	if err := r.Build(t.Context()); err == nil || !strings.Contains(err.Error(), `GOEXPERIMENT to "jsonv2"`) {
		t.Errorf("go env -w GOEXPERIMENT=jsonv2: %v", err)
	}
}

// TestTool holds that an SBOM, which has the hash of the program that writes it, does not vary with the environment.
func TestTool(t *testing.T) {
	var hashes [2]string
	for i, cgo := range []string{"0", "1"} {
		t.Setenv("CGO_ENABLED", cgo)
		r := &Release{Root: filepath.Join("..", "..")}
		file, err := run(r.goTool(t.Context(), "-n", "cyclonedx-gomod"))
		if err != nil {
			t.Fatal(err)
		}
		if hashes[i], err = sum(strings.TrimSpace(string(file))); err != nil {
			t.Fatal(err)
		}
	}
	if hashes[0] != hashes[1] {
		t.Errorf("built as %s and as %s", hashes[0], hashes[1])
	}
}

// TestLimits holds the promise of docs/releasing.md: 25 MB for the image, 20 MB for the plugin.
func TestLimits(t *testing.T) {
	for what, c := range map[string]struct {
		size  int64
		limit float64
		want  string
	}{
		"image at the limit":  {25e6, maxImage, ""},
		"image above it":      {25e6 + 100e3, maxImage, "x has 25.1 MB compressed, the limit is 25 MB"},
		"plugin at the limit": {20e6, maxPlugin, ""},
		"plugin above it":     {21e6, maxPlugin, "x has 21.0 MB compressed, the limit is 20 MB"},
	} {
		got := ""
		if err := limited("x", c.size, c.limit); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
}
