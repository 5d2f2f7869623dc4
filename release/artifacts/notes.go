package artifacts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const notesFile = "release-notes.md"

// notes cuts the version's section out of the changelog. What is not tagged yet is a rehearsal, which may show the section of
// what is unreleased.
func (r *Release) notes(context.Context, string) error {
	changelog, err := os.ReadFile(filepath.Join(r.Root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	text, ok := section(string(changelog), r.Version)
	if ok && r.Tagged && strings.TrimSpace(text) == "" {
		return fmt.Errorf("the section \"## [%s]\" of CHANGELOG.md is empty: say there what changed", r.Version)
	}
	if !ok && r.Tagged {
		return fmt.Errorf("CHANGELOG.md has no section \"## [%s]\": rename \"## [Unreleased]\" before the tag is made", r.Version)
	}
	if !ok {
		r.note("CHANGELOG.md has no section \"## [%s]\" yet; the notes are those of [Unreleased]", r.Version)
		if text, ok = section(string(changelog), "Unreleased"); !ok {
			return fmt.Errorf("CHANGELOG.md has no section \"## [%s]\" nor \"## [Unreleased]\"", r.Version)
		}
	}
	return os.WriteFile(r.path(notesFile), []byte(absolute(text, r.Commit)), 0o644)
}

// section is what the changelog says below the heading of a version.
func section(changelog, version string) (string, bool) {
	_, text, ok := strings.Cut("\n"+changelog, "\n## ["+version+"]")
	if !ok {
		return "", false
	}
	_, text, _ = strings.Cut(text, "\n") // the rest of the heading: its date
	text, _, _ = strings.Cut("\n"+text, "\n## ")
	return strings.TrimSpace(text) + "\n", true
}

// relative are links to files of the repository: neither a URL nor a place in the same text.
var relative = regexp.MustCompile(`\]\(([^):#][^):]*)\)`)

// absolute makes links to files of the repository work outside of it.
func absolute(text, commit string) string {
	return relative.ReplaceAllString(text, "]("+home+"/blob/"+commit+"/$1)")
}
