package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ChecksumsFile is what is signed: one line for each other file, as sha256sum -c reads them.
const ChecksumsFile = "checksums.txt"

// SignatureFile is its signature, a Sigstore bundle.
const SignatureFile = ChecksumsFile + ".sigstore.json"

func (r *Release) checksums(context.Context, string) error {
	text, err := Checksums(r.Out)
	if err != nil {
		return err
	}
	return os.WriteFile(r.path(ChecksumsFile), []byte(text), 0o644)
}

// unlisted are the checksums, what signs them, and the text of the announcement, which gets the digests of what is published.
var unlisted = []string{ChecksumsFile, SignatureFile, notesFile}

// Checksums has a line for each file of a release.
func Checksums(dir string) (string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	for _, f := range files {
		if slices.Contains(unlisted, f.Name()) {
			continue
		}
		sum, err := sum(filepath.Join(dir, f.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&lines, "%s  %s\n", sum, f.Name())
	}
	return lines.String(), nil
}

// Verify is an error unless dir has the files that its checksums list, and no others: a release that was interrupted has no
// checksums.
func Verify(dir string) error {
	want, err := os.ReadFile(filepath.Join(dir, ChecksumsFile))
	if err != nil {
		return fmt.Errorf("%s is not a complete release: %w", dir, err)
	}
	got, err := Checksums(dir)
	if err != nil {
		return err
	}
	if got != string(want) {
		return fmt.Errorf("the files in %s are not those of its %s: make release again", dir, ChecksumsFile)
	}
	return nil
}

func sum(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
