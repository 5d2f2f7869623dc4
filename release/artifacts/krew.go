package artifacts

import (
	"context"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// KrewFile is the manifest by which krew installs the plugin: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
const KrewFile = "awsauth.yaml"

const (
	description = `Check edits of kube-system/aws-auth on Amazon EKS before you apply them, as
the admission webhook aws-auth-guard does: what EKS would ignore, who loses
access, and who becomes cluster-admin. Show who can authenticate, as what, and
change single entries. Works with and without the webhook.
`
	caveats = `For the completion of arguments by kubectl:
  ln -s kubectl-awsauth "${KREW_ROOT:-$HOME/.krew}/bin/kubectl_complete-awsauth"
`
)

// krew writes the manifest of all platforms.
func (r *Release) krew(context.Context, string) error {
	var platforms []any
	for _, platform := range r.Platforms {
		archive := r.pluginFile(platform)
		sha256, err := sum(r.path(archive))
		if err != nil {
			return err
		}
		goos, arch, _ := strings.Cut(platform, "/")
		bin := "kubectl-awsauth"
		if goos == "windows" {
			bin += ".exe"
		}
		platforms = append(platforms, map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"os": goos, "arch": arch}},
			"uri":      home + "/releases/download/v" + r.Version + "/" + archive,
			"sha256":   sha256,
			"bin":      bin,
		})
	}
	manifest, err := yaml.Marshal(map[string]any{
		"apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
		"kind":       "Plugin",
		"metadata":   map[string]any{"name": "awsauth"},
		"spec": map[string]any{
			"version":          "v" + r.Version,
			"homepage":         home,
			"shortDescription": "Check and change aws-auth of EKS clusters",
			"description":      description,
			"caveats":          caveats,
			"platforms":        platforms,
		},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(r.path(KrewFile), manifest, 0o644)
}
