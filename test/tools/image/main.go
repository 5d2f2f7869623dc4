// Command image packs static Linux programs into a container image FROM scratch, without a container engine.
//
//	image -name example.test/aws-auth-guard:dev -o image.tar linux/amd64=bin/linux-amd64/webhook linux/arm64=...
//
// The result is a tar file of an OCI image layout, one image a platform behind one name, as containerd, skopeo, crane and
// podman read it. The same programs give the same bytes: it holds no time of its own. On stdout it says, a line for each
// platform, how large the image is to store and to pull.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	name := flag.String("name", "", "name of the image, with a tag")
	user := flag.String("user", "65532:65532", "uid:gid that the program runs as")
	out := flag.String("o", "", "tar file to write")
	flag.Parse()
	if err := run(*name, *user, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(name, user, out string, programs []string) error {
	if name == "" || out == "" || len(programs) == 0 {
		return errors.New("want -name NAME:TAG, -o FILE and at least one PLATFORM=PROGRAM")
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arg := range programs {
		p, program, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not PLATFORM=PROGRAM, such as linux/arm64=bin/webhook", arg)
		}
		platform, err := v1.ParsePlatform(p)
		if err != nil {
			return err
		}
		image, err := pack(program, user, platform)
		if err != nil {
			return err
		}
		if err := describe(image, p); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	// containerd takes the image's name from the first of these, others from the second.
	err = l.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          name,
		"org.opencontainers.image.ref.name": name,
	}))
	if err != nil {
		return err
	}
	return archive(dir, out)
}

// pack makes an image that holds nothing but the program, in its root.
func pack(program, user string, platform *v1.Platform) (v1.Image, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	path := filepath.Base(program)
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o755, Size: int64(len(data))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant,
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{User: user, Entrypoint: []string{"/" + path}},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(image, layer)
}

func describe(image v1.Image, platform string) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	var stored, pulled int64
	for _, l := range layers {
		size, err := l.Size()
		if err != nil {
			return err
		}
		content, err := l.Uncompressed()
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, content)
		if err != nil {
			return err
		}
		stored, pulled = stored+n, pulled+size
	}
	const mb = 1e6
	fmt.Printf("%s: %.1f MB, %.1f MB compressed\n", platform, float64(stored)/mb, float64(pulled)/mb)
	return nil
}

// archive writes the files under dir into a tar file, in the order of their names.
func archive(dir, out string) error {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // for what fails on the way
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
