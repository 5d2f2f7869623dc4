package registry

import (
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

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

// publication is one of an image to a registry on loopback. make release-test publishes all of a release to a real one.
func publication(t *testing.T) (*Publication, name.Repository) {
	t.Helper()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	p := &Publication{Dir: t.TempDir(), Version: "0.1.0", Registry: strings.TrimPrefix(server.URL, "http://") + "/a", Log: io.Discard}
	program := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(program, []byte("a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	index, err := image.Index([]image.Program{{Platform: "linux/amd64", File: program}}, image.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Write(index, "aws-auth-guard:0.1.0", filepath.Join(p.Dir, artifacts.ImageFile("0.1.0"))); err != nil {
		t.Fatal(err)
	}
	repository, err := name.NewRepository(p.Registry + "/aws-auth-guard")
	if err != nil {
		t.Fatal(err)
	}
	return p, repository
}

// TestPushImage holds that the image can be pulled by its tag and by the digest that is returned, and has its SBOM beside it, also
// in a registry that does not list referrers.
func TestPushImage(t *testing.T) {
	p, repository := publication(t)
	sbom := filepath.Join(p.Dir, artifacts.SBOMFile("webhook", "0.1.0", "linux/amd64"))
	if err := os.WriteFile(sbom, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	pushed, err := p.pushImage(t.Context(), repository)
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
	if _, err := p.pushImage(t.Context(), repository); err == nil || !strings.Contains(err.Error(), "no SBOM of the image for linux/amd64") {
		t.Errorf("an image without an SBOM is published: %v", err)
	}
}
