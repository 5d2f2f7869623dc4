package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// ChecksumsFile is what is signed: one line for each other file, as sha256sum -c reads them.
const ChecksumsFile = "checksums.txt"

func (r *Release) checksums(context.Context, string) error {
	files, err := os.ReadDir(r.Out)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, f := range files {
		if f.Name() == notesFile { // the text of the announcement, which gets the digests of what is published
			continue
		}
		sum, err := sum(r.path(f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s  %s\n", sum, f.Name())
	}
	return os.WriteFile(r.path(ChecksumsFile), []byte(lines.String()), 0o644)
}

func sum(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
