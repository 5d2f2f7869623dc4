package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// target is a file to check. A file that is named should have aws-auth in it; of those in a directory most may hold
// something else.
type target struct {
	name  string
	named bool
}

// manifestEndings are those of files that are looked at in a directory.
var manifestEndings = []string{".yaml", ".yml", ".json"}

// targetsOf are the files that -f names, each once: those of a directory in the order of their names, and those below
// it with recursive. Passed is what a directory has that is not looked into.
func targetsOf(names []string, recursive bool) (all []target, passed []string, err error) {
	seen := map[string]bool{}
	add := func(t target) {
		if key := filepath.Clean(t.name); !seen[key] {
			seen[key] = true
			all = append(all, t)
		}
	}
	for _, name := range names {
		if info, err := os.Stat(name); name == "-" || err != nil || !info.IsDir() {
			add(target{name, true})
			continue
		}
		found, other, err := manifestsIn(name, recursive)
		if err != nil {
			return nil, nil, fileError(name, err)
		}
		passed = append(passed, other...)
		if len(found) == 0 {
			return nil, nil, fmt.Errorf("directory %s holds no file that ends in %s%s", name, strings.Join(manifestEndings, ", "),
				map[bool]string{false: "; -R looks into the directories below it, too"}[recursive])
		}
		for _, f := range found {
			add(target{f, false})
		}
	}
	return all, passed, nil
}

// manifestsIn are the files of a directory that may be manifests, and what would have to be followed or waited for:
// links to directories, which may lead back, and pipes. A directory that cannot be read is a file that cannot.
func manifestsIn(dir string, recursive bool) (found, passed []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, unread error) error {
		manifest := slices.Contains(manifestEndings, strings.ToLower(filepath.Ext(path)))
		switch {
		case unread != nil && path == dir:
			return unread
		case unread != nil: // its reader says why
		case d.IsDir() && path != dir && !recursive:
			return fs.SkipDir
		case d.IsDir(), !manifest && d.Type()&fs.ModeSymlink == 0:
			return nil
		}
		switch info, err := os.Stat(path); {
		case unread != nil, manifest && (err != nil || info.Mode().IsRegular()):
			found = append(found, path)
		case manifest, err == nil && info.IsDir() && recursive:
			passed = append(passed, path)
		}
		return nil
	})
	return found, passed, err
}

// without are the files of directories in which there is no aws-auth.
type without struct {
	none    []string // manifests of other objects
	unknown []string // no YAML, and no word of aws-auth in them
	passed  []string // not read at all
}

// notes say which files were looked at and not checked, so that nothing is left out in silence.
func (w without) notes() (lines []string) {
	if n := len(w.none); n > 0 {
		lines = append(lines, fmt.Sprintf("%s no aws-auth ConfigMap: %s", counted(n, "file holds", "files hold"), atMostFive(w.none)))
	}
	if n := len(w.unknown); n > 0 {
		files := counted(n, "file is no valid YAML or JSON, and does", "files are no valid YAML or JSON, and do")
		lines = append(lines, fmt.Sprintf("%s not mention aws-auth: %s", files, atMostFive(w.unknown)))
	}
	if n := len(w.passed); n > 0 {
		lines = append(lines, fmt.Sprintf("%s: links to directories, or no regular files: %s",
			counted(n, "path is not looked into", "paths are not looked into"), atMostFive(w.passed)))
	}
	return lines
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
