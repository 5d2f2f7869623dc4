// Package artifacts makes the files of a release: the kubectl plugin for each platform, the guard's image, its chart, what
// they are made of, krew's manifest, the release notes and the checksums. The same commit and the same Go give the same bytes.
package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of what a user downloads, in bytes.
const (
	maxImage  = 25e6 // one platform, compressed
	maxPlugin = 20e6 // one archive
)

// Release says what is released, and where its files go.
type Release struct {
	Root      string // the checkout
	Out       string // a directory: missing, empty, or with a release before, which is removed
	Version   string // without a v
	Commit    string
	Time      time.Time // the commit's
	Tagged    bool      // the commit has the version's tag
	Platforms []string  // of the plugin, such as darwin/arm64; those of Linux are the image's, too
	Helm      string    // the program
	Cache     string    // GOCACHE of what is shipped; the usual one if empty
	Log       io.Writer
}

// semver is what helm takes for a version, without build metadata, which no tag of an image can have. No number of a
// pre-release begins with 0.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-` + identifier + `(\.` + identifier + `)*)?$`)

const identifier = `(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)`

// ImageFile and ChartFile are the names of the image and the chart of a version.
func ImageFile(version string) string { return "aws-auth-guard-image_" + version + ".tar" }
func ChartFile(version string) string { return "aws-auth-guard-" + version + ".tgz" }

// SBOMFile is the name of the document on a program: webhook or kubectl-awsauth.
func SBOMFile(program, version, platform string) string {
	return program + "_" + version + "_" + strings.ReplaceAll(platform, "/", "_") + ".cdx.json"
}

// Build makes all files.
func (r *Release) Build(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	steps := []func(ctx context.Context, work string) error{r.experiments, r.notes, r.plugins, r.image, r.chart, r.krew, r.checksums}
	for _, step := range steps {
		if err := step(ctx, work); err != nil {
			return err
		}
	}
	return nil
}

func (r *Release) check() error {
	if !semver.MatchString(r.Version) {
		return fmt.Errorf("version %q is not MAJOR.MINOR.PATCH, such as 0.1.0 or 0.2.0-rc.1", r.Version)
	}
	if len(r.Platforms) == 0 {
		return errors.New("no platform is named; for instance linux/amd64")
	}
	for _, p := range r.Platforms {
		if goos, arch, ok := strings.Cut(p, "/"); !ok || goos == "" || arch == "" || strings.Contains(arch, "/") {
			return fmt.Errorf("platform %q is not OS/ARCH, such as linux/amd64", p)
		}
	}
	return r.empty()
}

// empty removes the files of a release before, which may have been interrupted, and nothing else: a mistyped directory may be
// anybody's. The notes are the first file of a release.
func (r *Release) empty() error {
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return err
	}
	found, err := os.ReadDir(r.Out)
	if err != nil || len(found) == 0 {
		return err
	}
	if !slices.ContainsFunc(found, func(f os.DirEntry) bool { return f.Name() == notesFile }) {
		return fmt.Errorf("%s holds files that are not of a release: name another directory, or remove it", r.Out)
	}
	for _, f := range found {
		if err := os.Remove(r.path(f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (r *Release) path(name string) string { return filepath.Join(r.Out, name) }

// note reports something to the person who makes the release.
func (r *Release) note(format string, args ...any) {
	fmt.Fprintf(r.Log, "release: "+format+"\n", args...)
}

// limited is an error if a user would have to download more than is promised.
func limited(what string, size int64, limit float64) error {
	if float64(size) > limit {
		return fmt.Errorf("%s has %.1f MB compressed, the limit is %.0f MB", what, float64(size)/1e6, limit/1e6)
	}
	return nil
}
