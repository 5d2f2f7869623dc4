//go:build e2e

package acceptance

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// published are the references in the command that publish.sh prints.
func published(t *testing.T) (image, chart string) {
	t.Helper()
	found := regexp.MustCompile(`(?s)^helm install aws-auth-guard oci://(\S+@sha256:[0-9a-f]{64}) .*` +
		`--set image\.repository=(\S+) --set image\.digest=(sha256:[0-9a-f]{64})\n$`).FindStringSubmatch(install)
	if found == nil {
		t.Fatalf("publish.sh printed no command that installs by digest:\n%s", install)
	}
	return found[2] + "@" + found[3], found[1]
}

// pull is the image of one platform, as a node pulls it.
func pull(t *testing.T, ref string) v1.Image {
	t.Helper()
	digest, err := name.NewDigest(ref)
	if err != nil {
		t.Fatal(err)
	}
	platform, err := v1.ParsePlatform(linux)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(digest, remote.WithContext(t.Context()), remote.WithPlatform(*platform))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// TestImage pulls the image and runs the program in it.
func TestImage(t *testing.T) {
	ref, _ := published(t)
	image := pull(t, ref)
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(content)
	if header, err := files.Next(); err != nil || header.Name != "webhook" {
		t.Fatalf("%+v, %v", header, err)
	}
	program, err := io.ReadAll(files)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		return // the image's program is one of Linux
	}
	file := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(file, program, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := run(t, file, "--version"); !strings.Contains(got, "v"+version) {
		t.Errorf("webhook --version prints %q, want v%s", got, version)
	}
}

// sbomOf is the reference of the SBOM that the registry has for an image.
func sbomOf(t *testing.T, repository name.Repository, image v1.Image) name.Digest {
	t.Helper()
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Referrers(repository.Digest(digest.String()), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifest.Manifests {
		if m.ArtifactType == "application/vnd.cyclonedx+json" {
			return repository.Digest(m.Digest.String())
		}
	}
	t.Fatalf("no SBOM refers to %s: %+v", digest, manifest.Manifests)
	return name.Digest{}
}

// TestImageSBOM holds that the registry has the SBOM beside the image of each platform.
func TestImageSBOM(t *testing.T) {
	ref, _ := published(t)
	digest, err := name.NewDigest(ref)
	if err != nil {
		t.Fatal(err)
	}
	artifact, err := remote.Image(sbomOf(t, digest.Context(), pull(t, ref)), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := artifact.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Compressed() // as it is
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "webhook_"+version+"_"+strings.ReplaceAll(linux, "/", "_")+".cdx.json"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the registry has another SBOM than the release: %d bytes, want %d, %v", len(got), len(want), err)
	}
}

// TestInstallCommand gives the arguments of the printed command to helm template: helm reads the chart from the registry, and what
// it renders pulls the image by its digest.
func TestInstallCommand(t *testing.T) {
	image, _ := published(t)
	rendered := template(t, install)
	for _, want := range []string{"image: " + image, "app.kubernetes.io/version: " + version, "helm.sh/chart: aws-auth-guard-" + version} {
		if !strings.Contains(strings.ReplaceAll(rendered, `"`, ""), want+"\n") {
			t.Errorf("the published chart renders without %q", want)
		}
	}
}

// template is what helm makes of the arguments of a command that installs.
func template(t *testing.T, install string) string {
	t.Helper()
	args := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(install, "helm install"), "\\\n", " "))
	cmd := exec.CommandContext(t.Context(), programs["helm"], append([]string{"template"}, args...)...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	rendered, err := said(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// TestWrongKey holds that nothing is pushed with a key that did not sign the checksums, or cannot be opened.
func TestWrongKey(t *testing.T) {
	other, err := os.ReadFile(filepath.Join(filepath.Dir(otherKey(t)), "cosign.key"))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ variable, value, want string }{
		"another key":      {"COSIGN_PRIVATE_KEY", string(other), "is not the key that signed checksums.txt"},
		"another password": {"COSIGN_PASSWORD", "another", "cannot be read with COSIGN_PASSWORD"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			_, err := said(exec.Command("../publish.sh", version, dir, address+"/wrong-key"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			repository, err := name.NewRepository(address + "/wrong-key/aws-auth-guard")
			if err != nil {
				t.Fatal(err)
			}
			if tags, err := remote.List(repository); err == nil {
				t.Errorf("the registry has %v", tags)
			}
		})
	}
}

// TestPublishedAgain holds that a second push changes nothing, also in another time zone and of files that were copied.
func TestPublishedAgain(t *testing.T) {
	now := time.Now()
	if err := os.Chtimes(filepath.Join(dir, "aws-auth-guard-"+version+".tgz"), now, now); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TZ", "Asia/Tokyo")
	again, err := publish(address)
	if err != nil {
		t.Fatal(err)
	}
	if again != install {
		t.Errorf("published again as\n%swant\n%s", again, install)
	}
}
