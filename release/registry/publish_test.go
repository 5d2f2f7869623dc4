package registry

import (
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/aws-auth-guard/aws-auth-guard/release/artifacts"
	"github.com/aws-auth-guard/aws-auth-guard/release/image"
)

func TestInstall(t *testing.T) {
	p := Published{Image: "example.com/a/aws-auth-guard@sha256:1", Chart: "example.com/a/charts/aws-auth-guard@sha256:2"}
	want := `helm install aws-auth-guard oci://example.com/a/charts/aws-auth-guard@sha256:2 \
  --namespace aws-auth-guard --create-namespace --wait \
  --set image.repository=example.com/a/aws-auth-guard --set image.digest=sha256:1`
	if got := p.Install(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	p.PlainHTTP = true
	if got, want := p.Install(), strings.Replace(want, "--wait", "--wait --plain-http", 1); got != want {
		t.Errorf("without TLS: got\n%s\nwant\n%s", got, want)
	}
}

// publication is one of an image and a chart to a registry on loopback. make release-test publishes all of a release to a real one.
func publication(t *testing.T) (*Publication, name.Repository) {
	t.Helper()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	p := &Publication{Dir: t.TempDir(), Version: "0.1.0", Helm: "false", Log: io.Discard,
		Registry: strings.TrimPrefix(server.URL, "http://") + "/a"}
	writeImage(t, p, "a program")
	writeFile(t, p, artifacts.ChartFile("0.1.0"), "a chart")
	writeChecksums(t, p)
	repository, err := name.NewRepository(p.Registry + "/aws-auth-guard")
	if err != nil {
		t.Fatal(err)
	}
	return p, repository
}

func writeFile(t *testing.T, p *Publication, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeImage writes one with this program.
func writeImage(t *testing.T, p *Publication, text string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(program, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	index, err := image.Index([]image.Program{{Platform: "linux/amd64", File: program}}, image.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Write(index, "aws-auth-guard:0.1.0", filepath.Join(p.Dir, artifacts.ImageFile("0.1.0"))); err != nil {
		t.Fatal(err)
	}
}

func writeChecksums(t *testing.T, p *Publication) {
	t.Helper()
	text, err := artifacts.Checksums(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, p, artifacts.ChecksumsFile, text)
}

// packed is the image that is published.
func packed(t *testing.T, p *Publication) v1.ImageIndex {
	t.Helper()
	index, err := image.Read(filepath.Join(p.Dir, artifacts.ImageFile("0.1.0")), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// TestPushImage holds that the image can be pulled by its tag and by the digest that is returned, and has its SBOM beside it, also
// in a registry that does not list referrers.
func TestPushImage(t *testing.T) {
	p, repository := publication(t)
	writeFile(t, p, artifacts.SBOMFile("webhook", "0.1.0", "linux/amd64"), "{}")
	pushed, err := p.pushImage(t.Context(), repository, packed(t, p))
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := remote.Index(repository.Tag("0.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := tagged.Digest()
	if err != nil || len(pushed) != 2 || pushed[0] != repository.Digest(digest.String()).String() {
		t.Fatalf("pushed %q, the tag is %s, %v", pushed, digest, err)
	}
	manifest, err := tagged.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	referrers, err := remote.Referrers(repository.Digest(manifest.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := referrers.IndexManifest()
	if err != nil || len(list.Manifests) != 1 || list.Manifests[0].ArtifactType != string(cycloneDX) {
		t.Fatalf("referrers %+v, %v", list, err)
	}
	if got := repository.Digest(list.Manifests[0].Digest.String()).String(); got != pushed[1] {
		t.Errorf("the SBOM is %s, want %s", got, pushed[1])
	}
}

func TestMissingSBOM(t *testing.T) {
	p, repository := publication(t)
	if _, err := p.pushImage(t.Context(), repository, packed(t, p)); err == nil || !strings.Contains(err.Error(), "no SBOM of the image for linux/amd64") {
		t.Errorf("an image without an SBOM is published: %v", err)
	}
}

// TestOtherContent holds that a version that is published keeps its image and its chart, and that the same may be published again.
func TestOtherContent(t *testing.T) {
	for what, change := range map[string]func(*testing.T, *Publication){
		"/aws-auth-guard:0.1.0 is already published":        func(t *testing.T, p *Publication) { writeImage(t, p, "another program") },
		"/charts/aws-auth-guard:0.1.0 is already published": func(t *testing.T, p *Publication) { writeFile(t, p, artifacts.ChartFile("0.1.0"), "another") },
	} {
		p, repository := publication(t)
		pushAll(t, p, repository)
		if err := p.unchanged(t.Context(), repository, packed(t, p)); err != nil {
			t.Errorf("the same again: %v", err)
		}
		change(t, p)
		writeChecksums(t, p)
		if _, err := p.Publish(t.Context()); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("got %v, want %q", err, what)
		}
	}
}

// pushAll pushes image and chart without SBOMs, signatures and helm.
func pushAll(t *testing.T, p *Publication, repository name.Repository) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.Dir, artifacts.ChartFile("0.1.0")))
	if err != nil {
		t.Fatal(err)
	}
	chart, err := mutate.AppendLayers(empty.Image, static.NewLayer(data, "application/vnd.cncf.helm.chart.content.v1.tar+gzip"))
	if err != nil {
		t.Fatal(err)
	}
	charts, err := name.NewRepository(p.Registry + "/charts/aws-auth-guard")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(remote.WriteIndex(repository.Tag("0.1.0"), packed(t, p)), remote.Write(charts.Tag("0.1.0"), chart)); err != nil {
		t.Fatal(err)
	}
}

// TestIncomplete holds that nothing is pushed of a release that was interrupted, or changed afterwards.
func TestIncomplete(t *testing.T) {
	for want, change := range map[string]func(t *testing.T, p *Publication){
		"is not a complete release": func(t *testing.T, p *Publication) {
			if err := os.Remove(filepath.Join(p.Dir, artifacts.ChecksumsFile)); err != nil {
				t.Fatal(err)
			}
		},
		"are not those of its checksums.txt": func(t *testing.T, p *Publication) { writeImage(t, p, "another program") },
	} {
		p, repository := publication(t)
		change(t, p)
		if _, err := p.Publish(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := remote.Head(repository.Tag("0.1.0")); err == nil {
			t.Errorf("%q, and yet it was pushed", want)
		}
	}
}
