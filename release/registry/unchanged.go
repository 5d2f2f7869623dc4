package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/aws-auth-guard/aws-auth-guard/release/artifacts"
)

// unchanged is an error if the registry has the version with another image or another chart: a version that somebody may have
// installed stays what it is. The same again is what completes a publication that was interrupted.
func (p *Publication) unchanged(ctx context.Context, repository name.Repository, index v1.ImageIndex) error {
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	tag := repository.Tag(p.Version)
	image, err := existing(ctx, tag)
	if err != nil {
		return err
	}
	if image != nil && image.Digest != digest {
		return taken(tag, image)
	}
	charts, err := name.NewRepository(p.Registry + "/charts/aws-auth-guard")
	if err != nil {
		return err
	}
	tag = charts.Tag(p.Version)
	chart, err := existing(ctx, tag)
	if err != nil || chart == nil {
		return err
	}
	same, err := p.sameChart(chart)
	if err != nil {
		return err
	}
	if !same {
		return taken(tag, chart)
	}
	return nil
}

func taken(tag name.Tag, found *remote.Descriptor) error {
	return fmt.Errorf("%s is already published with other content, %s: release another version", tag, found.Digest)
}

// existing is nil if the registry has no such tag.
func existing(ctx context.Context, tag name.Tag) (*remote.Descriptor, error) {
	found, err := remote.Get(tag, remoteOptions(ctx)...)
	var refused *transport.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	return found, err
}

// sameChart compares the file of the chart: what is around it in a registry varies with helm.
func (p *Publication) sameChart(published *remote.Descriptor) (bool, error) {
	var manifest v1.Manifest
	if err := json.Unmarshal(published.Manifest, &manifest); err != nil {
		return false, err
	}
	data, err := os.ReadFile(filepath.Join(p.Dir, artifacts.ChartFile(p.Version)))
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(data)
	file := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	return slices.ContainsFunc(manifest.Layers, func(layer v1.Descriptor) bool { return layer.Digest == file }), nil
}
