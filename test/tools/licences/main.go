// Command licences lists the licences of the modules that some programs are built from, and exits with 1 if one of them is
// not allowed, or none was found. It reads the programs' own lists of modules, and the licence files in the module cache,
// which holds them since the build.
package main

import (
	"cmp"
	"debug/buildinfo"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	"golang.org/x/mod/module"
)

// allowed are the licences under which a module may be in what we ship, by their SPDX ids, each with its reason.
var allowed = map[string]string{
	"Apache-2.0":   "permissive, with a grant of patents",
	"BSD-2-Clause": "permissive",
	"BSD-3-Clause": "permissive",
	"ISC":          "permissive",
	"MIT":          "permissive",
	"MPL-2.0":      "copyleft of single files, and we change none of them",
	"Unlicense":    "dedicated to the public domain",
}

// licenceFile are the names of files that hold a licence. Of a module that is one directory of a repository, Go takes the
// repository's.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-.].*)?$`)

// enough is how much of a file must be a known licence, in percent: the rest is whose it is, and to what it applies.
const enough = 75

func main() {
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err == nil {
		err = run(os.DirFS(strings.TrimSpace(string(cache))), os.Args[1:], os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(cache fs.FS, programs []string, out io.Writer) error {
	modules := map[string]*debug.Module{}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			modules[m.Path+" "+m.Version] = m
		}
	}
	if len(modules) == 0 {
		return fmt.Errorf("no modules in %q", programs)
	}
	under := map[string]int{}
	bad := 0
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		ids, err := licences(cache, modules[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		key := cmp.Or(strings.Join(ids, " and "), "no known licence")
		under[key]++
		if len(ids) == 0 || slices.ContainsFunc(ids, func(id string) bool { return allowed[id] == "" }) {
			bad++
			fmt.Fprintf(out, "%s: %s, which is not allowed; use another module, or allow it with a reason in test/tools/licences\n", name, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(under)) {
		fmt.Fprintf(out, "note: %d modules under %s\n", under[key], key)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d modules without a licence that is allowed", bad, len(modules))
	}
	return nil
}

// licences are the SPDX ids of what a module's licence files hold.
func licences(cache fs.FS, m *debug.Module) ([]string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return nil, err
	}
	version, err := module.EscapeVersion(m.Version)
	if err != nil {
		return nil, err
	}
	dir := path + "@" + version
	files, err := fs.ReadDir(cache, dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, f := range files {
		if f.IsDir() || !licenceFile.MatchString(f.Name()) {
			continue
		}
		text, err := fs.ReadFile(cache, filepath.ToSlash(filepath.Join(dir, f.Name())))
		if err != nil {
			return nil, err
		}
		coverage := licensecheck.Scan(text)
		if coverage.Percent < enough {
			continue
		}
		for _, match := range coverage.Match {
			if !match.IsURL {
				ids = append(ids, match.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
