package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// target is a file to check. Whoever names a file means that aws-auth is in it; of those in a directory most may hold
// something else.
type target struct {
	name  string
	named bool
}

// manifestEndings are those of files that are looked at in a directory.
var manifestEndings = []string{".yaml", ".yml", ".json"}

// targetsOf are the files that -f names, each once: those of a directory in the order of their names, and those below it
// with recursive.
func targetsOf(names []string, recursive bool) ([]target, error) {
	var all []target
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
		found, err := manifestsIn(name, recursive)
		if err != nil {
			return nil, fileError(name, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("directory %s holds no file that ends in %s%s", name, strings.Join(manifestEndings, ", "),
				map[bool]string{false: "; -R looks into the directories below it, too"}[recursive])
		}
		for _, f := range found {
			add(target{f, false})
		}
	}
	return all, nil
}

// manifestsIn are the files of a directory that may be manifests.
func manifestsIn(dir string, recursive bool) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && !recursive:
			return fs.SkipDir
		case !d.IsDir() && slices.Contains(manifestEndings, strings.ToLower(filepath.Ext(path))):
			found = append(found, path)
		}
		return nil
	})
	return found, err
}

// without are the files of directories in which there is no aws-auth.
type without struct {
	none    []string // manifests of other objects
	unknown []string // no YAML, and no word of aws-auth in them
}

// notes say which files were looked at and not checked, so that nothing is left out in silence.
func (w without) notes() (lines []string) {
	if n := len(w.none); n > 0 {
		lines = append(lines, fmt.Sprintf("%s no aws-auth ConfigMap: %s", counted(n, "file holds", "files hold"), atMostFive(w.none)))
	}
	if n := len(w.unknown); n > 0 {
		lines = append(lines, fmt.Sprintf("%s no valid YAML or JSON, and %s not mention aws-auth: %s",
			counted(n, "file is", "files are"), map[bool]string{true: "does", false: "do"}[n == 1], atMostFive(w.unknown)))
	}
	return lines
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
