package artifacts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// chart packs the Helm chart. Helm gives all of its files the time of SOURCE_DATE_EPOCH.
func (r *Release) chart(ctx context.Context, work string) error {
	cmd := exec.CommandContext(ctx, r.Helm, "package", filepath.Join(r.Root, "deploy", "helm", "aws-auth-guard"),
		"--version", r.Version, "--app-version", r.Version, "--destination", r.Out)
	helm := filepath.Join(work, "helm")
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.Time.Unix(), 10),
		"HELM_CACHE_HOME="+helm, "HELM_CONFIG_HOME="+helm, "HELM_DATA_HOME="+helm)
	_, err := run(cmd)
	return err
}
