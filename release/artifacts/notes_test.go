package artifacts

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const changelog = `# Changelog

## [Unreleased]

### Added

- Something new, [described](docs/cli.md#changes), also [in Japanese](README.ja.md). [Elsewhere](https://example.com/a), [below](#b).

## [0.2.0] - 2026-12-01

### Fixed

- A fault of 0.1.0.

## [0.1.1] - 2026-11-02

## [0.1.0] - 2026-11-01

The first.
`

// unreleased is the first section, with links for a reader elsewhere.
const unreleased = "### Added\n\n- Something new, [described](" + home + "/blob/abc/docs/cli.md#changes), also [in Japanese](" +
	home + "/blob/abc/README.ja.md). [Elsewhere](https://example.com/a), [below](#b).\n"

func TestNotes(t *testing.T) {
	for what, c := range map[string]struct {
		version string
		tagged  bool
		want    string // the notes, or what the error says
		fails   bool
	}{
		"a version":              {"0.2.0", true, "### Fixed\n\n- A fault of 0.1.0.\n", false},
		"the last section":       {"0.1.0", true, "The first.\n", false},
		"a rehearsal":            {"0.3.0", false, unreleased, false},
		"a rehearsal of a known": {"0.2.0", false, "### Fixed\n\n- A fault of 0.1.0.\n", false},
		"a tag without section":  {"0.3.0", true, `no section "## [0.3.0]"`, true},
		"an empty section":       {"0.1.1", true, `the section "## [0.1.1]" of CHANGELOG.md is empty`, true},
		"part of a version":      {"0.2", true, `no section "## [0.2]"`, true},
	} {
		t.Run(what, func(t *testing.T) {
			r := &Release{Root: t.TempDir(), Out: t.TempDir(), Log: io.Discard,
				Version: c.version, Tagged: c.tagged, Commit: "abc"}
			if err := os.WriteFile(filepath.Join(r.Root, "CHANGELOG.md"), []byte(changelog), 0o600); err != nil {
				t.Fatal(err)
			}
			err := r.notes(t.Context(), "")
			if (err != nil) != c.fails || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if c.fails {
				return
			}
			got, err := os.ReadFile(r.path(notesFile))
			if err != nil || string(got) != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}
