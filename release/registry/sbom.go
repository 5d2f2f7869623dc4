package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/aws-auth-guard/aws-auth-guard/release/artifacts"
)

// cycloneDX is what referrers are asked for: oras discover --artifact-type.
const cycloneDX types.MediaType = "application/vnd.cyclonedx+json"

// attachSBOMs pushes, for each platform of the image, the document on its program as an artifact that refers to it, as the OCI
// distribution specification 1.1 has it. It returns the references of these artifacts.
func (p *Publication) attachSBOMs(ctx context.Context, repository name.Repository, index v1.ImageIndex) ([]string, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, m := range manifest.Manifests {
		sbom, err := os.ReadFile(filepath.Join(p.Dir, artifacts.SBOMFile("webhook", p.Version, m.Platform.String())))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the release has no SBOM of the image for %s: %w", m.Platform, err)
		}
		if err != nil {
			return nil, err
		}
		artifact, err := refer(sbom, cycloneDX, v1.Descriptor{MediaType: m.MediaType, Size: m.Size, Digest: m.Digest})
		if err != nil {
			return nil, err
		}
		digest, err := artifact.Digest()
		if err != nil {
			return nil, err
		}
		ref := repository.Digest(digest.String())
		if err := remote.Write(ref, artifact, remoteOptions(ctx)...); err != nil {
			return nil, err
		}
		all = append(all, ref.String())
	}
	return all, nil
}

// refer makes an artifact about another one. Its type is that of its config, where registries look if no other is given.
func refer(data []byte, of types.MediaType, subject v1.Descriptor) (v1.Image, error) {
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), of)
	artifact, err := mutate.AppendLayers(artifact, static.NewLayer(data, of))
	if err != nil {
		return nil, err
	}
	return mutate.Subject(artifact, subject).(v1.Image), nil
}
