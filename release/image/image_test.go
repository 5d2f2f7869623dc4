package image_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/aws-auth-guard/aws-auth-guard/release/image"
)

const name = "example.test/aws-auth-guard:dev"

// programs writes one for each platform.
func programs(t *testing.T) []image.Program {
	t.Helper()
	var all []image.Program
	for _, arch := range []string{"amd64", "arm64"} {
		file := filepath.Join(t.TempDir(), "webhook")
		if err := os.WriteFile(file, []byte("a program for "+arch), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, image.Program{Platform: "linux/" + arch, File: file})
	}
	return all
}

// written is the file of an image of these programs.
func written(t *testing.T, all []image.Program) string {
	t.Helper()
	index, err := image.Index(all, image.Config{User: "65532:65532", Labels: map[string]string{"key": "value"}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := image.Write(index, name, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSamePrograms(t *testing.T) {
	all := programs(t)
	var bytesOf [2][]byte
	for i := range bytesOf {
		var err error
		if bytesOf[i], err = os.ReadFile(written(t, all)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(bytesOf[0], bytesOf[1]) {
		t.Error("the same programs gave different bytes")
	}
}

func TestImage(t *testing.T) {
	dir := t.TempDir()
	index, err := image.Read(written(t, programs(t)), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		one, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		check(t, one, m.Platform)
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms %q, want %q", platforms, want)
	}
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := root.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := top.Manifests[0].Annotations["io.containerd.image.name"]; got != name {
		t.Errorf("containerd reads the name %q, want %q", got, name)
	}
}

// check holds one platform's image against what a node makes of it: who it runs as, what it starts, and that it can.
func check(t *testing.T, one v1.Image, platform *v1.Platform) {
	t.Helper()
	config, err := one.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != platform.Architecture {
		t.Errorf("%s: architecture %q", platform, config.Architecture)
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/webhook"}) {
		t.Errorf("%s: runs %q as %q", platform, config.Config.Entrypoint, config.Config.User)
	}
	if config.Config.Labels["key"] != "value" {
		t.Errorf("%s: labels %q", platform, config.Config.Labels)
	}
	layers, err := one.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 1 {
		t.Fatalf("%s: %d layers, want one", platform, len(layers))
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(content)
	header, err := files.Next()
	if err != nil {
		t.Fatal(err)
	}
	if header.Name != "webhook" || header.Mode != 0o755 {
		t.Errorf("%s: file %q with mode %o", platform, header.Name, header.Mode)
	}
	if data, _ := io.ReadAll(files); string(data) != "a program for "+platform.Architecture {
		t.Errorf("%s: holds %q", platform, data)
	}
	if _, err := files.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%s: holds more than the program: %v", platform, err)
	}
}

func TestSizes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(file, bytes.Repeat([]byte("a"), 3e6), 0o600); err != nil {
		t.Fatal(err)
	}
	index, err := image.Index([]image.Program{{Platform: "linux/amd64", File: file}}, image.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := image.Sizes(index)
	if err != nil {
		t.Fatal(err)
	}
	if got := sizes[0].String(); got != "linux/amd64: 3.0 MB, 0.0 MB compressed" {
		t.Errorf("3 MB of one letter are %q", got)
	}
}

func TestErrors(t *testing.T) {
	for what, c := range map[string]struct {
		program image.Program
		want    string
	}{
		"missing file": {image.Program{Platform: "linux/amd64", File: "missing"}, "missing: no such file"},
		"odd platform": {image.Program{Platform: "a/b/c/d", File: "image.go"}, "too many slashes"},
	} {
		if _, err := image.Index([]image.Program{c.program}, image.Config{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", what, err, c.want)
		}
	}
	index, err := image.Index(programs(t), image.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Write(index, name, filepath.Join("missing", "x.tar")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a directory that is missing: %v", err)
	}
	if _, err := image.Read("image.go", t.TempDir()); err == nil || !strings.Contains(err.Error(), "image.go") {
		t.Errorf("a file that is no image: %v", err)
	}
}
