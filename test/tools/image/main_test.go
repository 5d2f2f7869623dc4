package main

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
)

func TestImage(t *testing.T) {
	dir := t.TempDir()
	args := make([]string, 0, 2)
	for _, arch := range []string{"amd64", "arm64"} {
		program := filepath.Join(dir, arch, "webhook")
		if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, []byte("a program for "+arch), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "linux/"+arch+"="+program)
	}
	out, again := filepath.Join(dir, "image.tar"), filepath.Join(dir, "again.tar")
	for _, file := range []string{out, again} {
		if err := run("example.test/aws-auth-guard:dev", "65532:65532", file, args); err != nil {
			t.Fatal(err)
		}
	}
	first, second := read(t, out), read(t, again)
	if !bytes.Equal(first, second) {
		t.Error("the same programs gave different bytes")
	}

	unpacked := filepath.Join(dir, "layout")
	unpack(t, first, unpacked)
	root, err := layout.ImageIndexFromPath(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	top, err := root.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(top.Manifests) != 1 || top.Manifests[0].Annotations["io.containerd.image.name"] != "example.test/aws-auth-guard:dev" {
		t.Fatalf("want one image, named for containerd; got %+v", top.Manifests)
	}
	index, err := root.ImageIndex(top.Manifests[0].Digest)
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
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		check(t, image, m.Platform)
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms %q, want %q", platforms, want)
	}
}

// check holds one platform's image against what a node makes of it: who it runs as, what it starts, and that it can.
func check(t *testing.T, image v1.Image, platform *v1.Platform) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != platform.Architecture {
		t.Errorf("%s: architecture %q", platform, config.Architecture)
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/webhook"}) {
		t.Errorf("%s: runs %q as %q", platform, config.Config.Entrypoint, config.Config.User)
	}
	layers, err := image.Layers()
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

func TestImageSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		name, out string
		programs  []string
		want      string
	}{
		"no name":       {out: "x.tar", programs: []string{"linux/amd64=x"}, want: "want -name"},
		"no file":       {name: "example.test/x:1", programs: []string{"linux/amd64=x"}, want: "want -name"},
		"no program":    {name: "example.test/x:1", out: "x.tar", want: "want -name"},
		"no platform":   {name: "example.test/x:1", out: "x.tar", programs: []string{"webhook"}, want: `"webhook" is not PLATFORM=PROGRAM`},
		"missing file":  {name: "example.test/x:1", out: "x.tar", programs: []string{"linux/amd64=missing"}, want: "missing: no such file"},
		"odd platform":  {name: "example.test/x:1", out: "x.tar", programs: []string{"a/b/c/d=x"}, want: "too many slashes"},
		"missing place": {name: "example.test/x:1", out: filepath.Join("missing", "x.tar"), programs: []string{"linux/amd64=main.go"}, want: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(tc.name, "0:0", tc.out, tc.programs)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func unpack(t *testing.T, archive []byte, dir string) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, filepath.FromSlash(header.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
