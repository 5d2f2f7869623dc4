// Package image packs static Linux programs into container images FROM scratch, without a container engine. The same programs
// give the same bytes: an image holds no time of its own.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Program is a static program for one platform, such as linux/arm64.
type Program struct {
	Platform string
	File     string
}

// Config is what all platforms have in common.
type Config struct {
	User   string // uid:gid that the program runs as
	Labels map[string]string
}

// Index packs programs into one image for each platform, behind one index.
func Index(programs []Program, config Config) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range programs {
		platform, err := v1.ParsePlatform(p.Platform)
		if err != nil {
			return nil, err
		}
		image, err := pack(p.File, platform, config)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index, nil
}

// pack makes an image that holds nothing but the program, in its root.
func pack(program string, platform *v1.Platform, config Config) (v1.Image, error) {
	layer, err := layerOf(program)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant,
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{User: config.User, Entrypoint: []string{"/" + filepath.Base(program)}, Labels: config.Labels},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(image, layer)
}

func layerOf(program string) (v1.Layer, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: filepath.Base(program), Mode: 0o755, Size: int64(len(data))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}

// Size is how large the image of one platform is, in bytes.
type Size struct {
	Platform       string
	Stored, Pulled int64 // Pulled is compressed
}

func (s Size) String() string {
	const mb = 1e6
	return fmt.Sprintf("%s: %.1f MB, %.1f MB compressed", s.Platform, float64(s.Stored)/mb, float64(s.Pulled)/mb)
}

// Sizes measures each platform of an index.
func Sizes(index v1.ImageIndex) ([]Size, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var sizes []Size
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			return nil, err
		}
		size, err := sizeOf(image)
		if err != nil {
			return nil, err
		}
		size.Platform = m.Platform.String()
		sizes = append(sizes, size)
	}
	return sizes, nil
}

func sizeOf(image v1.Image) (Size, error) {
	layers, err := image.Layers()
	if err != nil {
		return Size{}, err
	}
	var total Size
	for _, l := range layers {
		pulled, err := l.Size()
		if err != nil {
			return Size{}, err
		}
		content, err := l.Uncompressed()
		if err != nil {
			return Size{}, err
		}
		stored, err := io.Copy(io.Discard, content)
		if err != nil {
			return Size{}, err
		}
		total.Stored, total.Pulled = total.Stored+stored, total.Pulled+pulled
	}
	return total, nil
}
