// Package registry publishes a release: it pushes the image with its SBOMs and the chart to an OCI registry, and signs them.
package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/aws-auth-guard/aws-auth-guard/release/artifacts"
	"github.com/aws-auth-guard/aws-auth-guard/release/image"
)

// Publication says what is published, and where.
type Publication struct {
	Dir      string // with the files of the release
	Version  string
	Registry string // HOST/PATH: the image becomes HOST/PATH/aws-auth-guard, the chart HOST/PATH/charts/aws-auth-guard
	Helm     string // the program
	Cosign   string // the program; nothing is signed if it is empty
	Log      io.Writer
}

// Published are references by digest.
type Published struct {
	Image, Chart string
	PlainHTTP    bool // the registry has no TLS, as on loopback
}

// Publish pushes everything, then signs it.
func (p *Publication) Publish(ctx context.Context) (Published, error) {
	if err := artifacts.Verify(p.Dir); err != nil {
		return Published{}, err
	}
	if err := p.checkKey(ctx); err != nil {
		return Published{}, err
	}
	repository, err := name.NewRepository(p.Registry + "/aws-auth-guard")
	if err != nil {
		return Published{}, err
	}
	found, err := transport.Ping(ctx, repository.Registry, remote.DefaultTransport)
	if err != nil {
		return Published{}, err
	}
	out := Published{PlainHTTP: found.Insecure} // on loopback and private addresses, unless they have TLS
	dir, err := os.MkdirTemp("", "publish")
	if err != nil {
		return Published{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	index, err := image.Read(filepath.Join(p.Dir, artifacts.ImageFile(p.Version)), dir)
	if err != nil {
		return Published{}, err
	}
	if err := p.unchanged(ctx, repository, index); err != nil {
		return Published{}, err
	}
	signed, err := p.pushImage(ctx, repository, index)
	if err != nil {
		return Published{}, err
	}
	out.Image = signed[0]
	if out.Chart, err = p.pushChart(ctx, out.PlainHTTP); err != nil {
		return Published{}, err
	}
	return out, p.sign(ctx, append(signed, out.Chart), out.PlainHTTP)
}

// remoteOptions use the credentials that docker login or podman login have stored.
func remoteOptions(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
}

// pushImage returns the references of the image and of its SBOMs.
func (p *Publication) pushImage(ctx context.Context, repository name.Repository, index v1.ImageIndex) ([]string, error) {
	digest, err := index.Digest()
	if err != nil {
		return nil, err
	}
	if err := remote.WriteIndex(repository.Tag(p.Version), index, remoteOptions(ctx)...); err != nil {
		return nil, err
	}
	fmt.Fprintf(p.Log, "release: pushed %s:%s\n", repository, p.Version)
	sboms, err := p.attachSBOMs(ctx, repository, index)
	return append([]string{repository.Digest(digest.String()).String()}, sboms...), err
}

// chartDigest is in what helm prints of a push.
var chartDigest = regexp.MustCompile(`(?m)^Digest: (sha256:[0-9a-f]{64})$`)

// pushChart gives the chart the same digest each time: helm push writes the file's time, in the local time zone, into what it
// pushes.
func (p *Publication) pushChart(ctx context.Context, plainHTTP bool) (string, error) {
	file := filepath.Join(p.Dir, artifacts.ChartFile(p.Version))
	packed, err := packedAt(file)
	if err != nil {
		return "", err
	}
	if err := os.Chtimes(file, packed, packed); err != nil {
		return "", err
	}
	args := []string{"push", file, "oci://" + p.Registry + "/charts"}
	if plainHTTP {
		args = append(args, "--plain-http")
	}
	cmd := exec.CommandContext(ctx, p.Helm, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	said, err := run(cmd)
	if err != nil {
		return "", err
	}
	digest := chartDigest.FindStringSubmatch(said)
	if digest == nil {
		return "", fmt.Errorf("helm push printed no digest:\n%s", said)
	}
	chart := p.Registry + "/charts/aws-auth-guard"
	fmt.Fprintf(p.Log, "release: pushed %s:%s\n", chart, p.Version)
	return chart + "@" + digest[1], nil
}

// packedAt is the time that a chart's files have: that of the commit.
func packedAt(file string) (time.Time, error) {
	f, err := os.Open(file)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = f.Close() }()
	content, err := gzip.NewReader(f)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", file, err)
	}
	first, err := tar.NewReader(content).Next()
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", file, err)
	}
	return first.ModTime, nil
}

// Install is the command that installs exactly this chart with exactly this image.
func (p Published) Install() string {
	repository, digest, _ := strings.Cut(p.Image, "@")
	lines := []string{
		"helm install aws-auth-guard oci://" + p.Chart,
		"--namespace aws-auth-guard --create-namespace --wait",
		"--set image.repository=" + repository + " --set image.digest=" + digest,
	}
	if p.PlainHTTP {
		lines[1] += " --plain-http"
	}
	return strings.Join(lines, " \\\n  ")
}

// run returns all that a program says.
func run(cmd *exec.Cmd) (string, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said.String())
	}
	return said.String(), nil
}
