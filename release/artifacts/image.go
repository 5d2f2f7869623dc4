package artifacts

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/release/image"
)

// home is where the project is.
const home = "https://github.com/aws-auth-guard/aws-auth-guard"

// image packs the webhook for the platforms of Linux.
func (r *Release) image(ctx context.Context, work string) error {
	var programs []image.Program
	for _, platform := range r.Platforms {
		if !strings.HasPrefix(platform, "linux/") {
			continue
		}
		program, err := r.compile(ctx, "webhook", platform, filepath.Join(work, "webhook", platform))
		if err != nil {
			return err
		}
		if err := r.sbom(ctx, "webhook", program, platform); err != nil {
			return err
		}
		programs = append(programs, image.Program{Platform: platform, File: program})
	}
	index, err := image.Index(programs, image.Config{User: "65532:65532", Labels: map[string]string{
		"org.opencontainers.image.title":    "aws-auth-guard",
		"org.opencontainers.image.version":  r.Version,
		"org.opencontainers.image.revision": r.Commit,
		"org.opencontainers.image.source":   home,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}})
	if err != nil {
		return err
	}
	sizes, err := image.Sizes(index)
	if err != nil {
		return err
	}
	for _, size := range sizes {
		r.note("image %s", size)
		if err := limited("image "+size.Platform, size.Pulled, maxImage); err != nil {
			return err
		}
	}
	return image.Write(index, "aws-auth-guard:"+r.Version, r.path(ImageFile(r.Version)))
}
