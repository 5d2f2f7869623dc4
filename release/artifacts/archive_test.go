package artifacts

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var (
	archived = []file{{"program", 0o755, []byte("runs")}, {"man/man1/page.1", 0o644, bytes.Repeat([]byte("text "), 1000)}}
	modified = time.Date(2026, 11, 30, 12, 30, 42, 0, time.FixedZone("somewhere", 9*3600))
	listed   = []string{"program -rwxr-xr-x 2026-11-30T03:30:42Z 4", "man/man1/page.1 -rw-r--r-- 2026-11-30T03:30:42Z 5000"}
)

func listing(name string, mode os.FileMode, modified time.Time, size int) string {
	return fmt.Sprintf("%s %v %s %d", name, mode, modified.UTC().Format(time.RFC3339), size)
}

// TestArchive holds that an archive has its files as they were given, with one time and no owner, and the same bytes each time.
func TestArchive(t *testing.T) {
	for name, list := range map[string]func(*testing.T, []byte) []string{"a.tar.gz": listTar, "a.zip": listZip} {
		t.Run(name, func(t *testing.T) {
			var packed [2][]byte
			for i := range packed {
				out := filepath.Join(t.TempDir(), name)
				if err := archive(out, archived, modified.In([]*time.Location{time.UTC, modified.Location()}[i])); err != nil {
					t.Fatal(err)
				}
				var err error
				if packed[i], err = os.ReadFile(out); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(packed[0], packed[1]) {
				t.Error("the same files gave different bytes")
			}
			if got := list(t, packed[0]); !slices.Equal(got, listed) {
				t.Errorf("holds %q, want %q", got, listed)
			}
		})
	}
}

func listTar(t *testing.T, data []byte) (all []string) {
	t.Helper()
	content, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "" || header.Gname != "" {
			t.Errorf("%s belongs to %d %q and %d %q", header.Name, header.Uid, header.Uname, header.Gid, header.Gname)
		}
		all = append(all, listing(header.Name, header.FileInfo().Mode(), header.ModTime, size(t, r)))
	}
}

func listZip(t *testing.T, data []byte) (all []string) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, listing(f.Name, f.Mode(), f.Modified, size(t, content)))
	}
	return all
}

func size(t *testing.T, r io.Reader) int {
	t.Helper()
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}
