//go:build e2e

package acceptance

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

// TestChecksums holds that each file is listed with its checksum, but for the notes, and what lists and signs.
func TestChecksums(t *testing.T) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range files {
		if slices.Contains([]string{"checksums.txt", "checksums.txt.sigstore.json", "release-notes.md"}, f.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%x  %s", sha256.Sum256(data), f.Name()))
	}
	got, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil || string(got) != strings.Join(want, "\n")+"\n" {
		t.Errorf("checksums.txt is\n%swant\n%s\n%v", got, strings.Join(want, "\n"), err)
	}
}

// otherKey is one that signed nothing.
func otherKey(t *testing.T) string {
	t.Helper()
	other, err := keyPair(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(other, "cosign.pub")
}

// cosign has the flags of a user who verifies: docs/releasing.md.
func cosign(t *testing.T, args ...string) error {
	t.Helper()
	_, err := said(exec.CommandContext(t.Context(), programs["cosign"], args...))
	return err
}

func verifyFile(t *testing.T, key, file string) error {
	t.Helper()
	bundle := filepath.Join(dir, "checksums.txt.sigstore.json")
	return cosign(t, "verify-blob", "--key", key, "--insecure-ignore-tlog", "--bundle", bundle, file)
}

func TestSignedChecksums(t *testing.T) {
	key, checksums := filepath.Join(keys, "cosign.pub"), filepath.Join(dir, "checksums.txt")
	if err := verifyFile(t, key, checksums); err != nil {
		t.Error(err)
	}
	if err := verifyFile(t, otherKey(t), checksums); err == nil {
		t.Error("verified with another key")
	}
	text, err := os.ReadFile(checksums)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "checksums.txt")
	if err := os.WriteFile(changed, bytes.Replace(text, []byte("  "), []byte(" *"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := verifyFile(t, key, changed); err == nil {
		t.Error("verified with other checksums")
	}
}

// TestSignedInRegistry verifies what can be pulled: the image, that of one platform, its SBOM, and the chart.
func TestSignedInRegistry(t *testing.T) {
	image, chart := published(t)
	digest, err := name.NewDigest(image)
	if err != nil {
		t.Fatal(err)
	}
	one := pull(t, image)
	hash, err := one.Digest()
	if err != nil {
		t.Fatal(err)
	}
	key, other := filepath.Join(keys, "cosign.pub"), otherKey(t)
	for what, ref := range map[string]string{
		"image": image, "image of one platform": digest.Context().Digest(hash.String()).String(),
		"SBOM": sbomOf(t, digest.Context(), one).String(), "chart": chart,
	} {
		if err := cosign(t, "verify", "--key", key, "--insecure-ignore-tlog", "--allow-http-registry", ref); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := cosign(t, "verify", "--key", other, "--insecure-ignore-tlog", "--allow-http-registry", ref); err == nil {
			t.Errorf("%s: verified with another key", what)
		}
	}
}
