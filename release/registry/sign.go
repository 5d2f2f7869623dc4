package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/aws-auth-guard/aws-auth-guard/release/artifacts"
)

const key = "env://COSIGN_PRIVATE_KEY"

// checkKey reports before anything is pushed that the key cannot be used, or is not the one that signed the checksums.
func (p *Publication) checkKey(ctx context.Context) error {
	if p.Cosign == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "publish")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	public := filepath.Join(dir, "cosign.pub")
	if _, err := run(exec.CommandContext(ctx, p.Cosign, "public-key", "--key", key, "--outfile", public)); err != nil {
		return fmt.Errorf("nothing was pushed: COSIGN_PRIVATE_KEY cannot be read with COSIGN_PASSWORD: %w", err)
	}
	checksums, bundle := filepath.Join(p.Dir, artifacts.ChecksumsFile), filepath.Join(p.Dir, artifacts.SignatureFile)
	if _, err := os.Stat(bundle); errors.Is(err, fs.ErrNotExist) {
		return nil // a rehearsal: made without a key
	}
	verify := exec.CommandContext(ctx, p.Cosign, "verify-blob", "--key", public, "--insecure-ignore-tlog", "--bundle", bundle, checksums)
	if _, err := run(verify); err != nil {
		return fmt.Errorf("nothing was pushed: COSIGN_PRIVATE_KEY is not the key that signed %s: %w", artifacts.ChecksumsFile, err)
	}
	return nil
}

// sign stores a signature for each reference beside it, with the key in COSIGN_PRIVATE_KEY. --recursive is for the image, whose
// platforms can be pulled by their own digests. The public log of signatures is not used: a key is, and nothing else is contacted.
func (p *Publication) sign(ctx context.Context, references []string, plainHTTP bool) error {
	if p.Cosign == "" {
		fmt.Fprintln(p.Log, "release: not signed: COSIGN_PRIVATE_KEY is not set")
		return nil
	}
	for _, ref := range references {
		args := []string{"sign", "--key", key, "--yes", "--recursive",
			"--use-signing-config=false", "--tlog-upload=false"}
		if plainHTTP {
			args = append(args, "--allow-http-registry")
		}
		if _, err := run(exec.CommandContext(ctx, p.Cosign, append(args, ref)...)); err != nil {
			return err
		}
		fmt.Fprintf(p.Log, "release: signed %s\n", ref)
	}
	return nil
}
