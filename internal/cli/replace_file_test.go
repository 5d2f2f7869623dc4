package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file is written whole or stays as it was, and nothing is left beside it.
func TestReplaceFile(t *testing.T) {
	for name, tt := range map[string]struct {
		mode   os.FileMode
		was    string // what was read
		target func(dir string) string
		says   string
	}{
		"a file":                      {mode: 0o640, was: "old"},
		"by a link":                   {mode: 0o600, was: "old", target: func(dir string) string { return filepath.Join(dir, "link") }},
		"that changed in between":     {mode: 0o600, was: "older", says: "changed in the meantime"},
		"a directory":                 {mode: 0o600, was: "old", target: func(dir string) string { return dir }, says: "not a regular file"},
		"that is gone":                {mode: 0o600, was: "old", target: func(dir string) string { return filepath.Join(dir, "none") }, says: "no such file"},
		"a link to a file of nothing": {mode: 0o600, was: "old", target: func(string) string { return os.DevNull }, says: "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "aws-auth.yaml")
			if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("aws-auth.yaml", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			target := file
			if tt.target != nil {
				target = tt.target(dir)
			}
			err := replaceFile(target, []byte(tt.was), []byte("new"))
			want := "new"
			if tt.says != "" {
				want = "old"
			}
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %q", err, tt.says)
			}
			text, err := os.ReadFile(file)
			if err != nil || string(text) != want {
				t.Errorf("%q, want %q (%v)", text, want, err)
			}
			info, err := os.Lstat(file)
			if err != nil || info.Mode() != tt.mode {
				t.Errorf("mode %v, want %v (%v)", info.Mode(), tt.mode, err)
			}
			link, err := os.Lstat(filepath.Join(dir, "link"))
			if err != nil || link.Mode()&os.ModeSymlink == 0 {
				t.Error("the link is none any more")
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
				t.Errorf("%d files, want 2 (%v)", len(left), err)
			}
		})
	}
}
