// Package version says which build of aws-auth-guard a program is.
package version

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	collector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
)

// Unreleased is the version of a build without version information.
const Unreleased = "unreleased"

// Version is what -ldflags "-X github.com/prometheus/common/version.Version=v1.2.3" says, or the version of the main module as
// the go command recorded it: a tag, or a pseudo-version between two tags.
func Version() string {
	if version.Version != "" {
		return version.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return Unreleased
}

// Commit is the revision of git as -ldflags or the go command recorded it, with "-modified" behind it if the checkout had
// changes, or "unknown".
func Commit() string { return version.GetRevision() }

// Register adds aws_auth_guard_build_info to a registry.
func Register(r prometheus.Registerer) {
	version.Version = Version()
	r.MustRegister(collector.NewCollector("aws_auth_guard"))
}
