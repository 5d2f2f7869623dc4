#!/usr/bin/env bash
# conform.sh HELM: lints the chart, and checks what it renders against the published schemas, strictly: an unknown field is
# an error. The schemas come from Go modules, so that no web site has to be asked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=test/tools/toolchain.sh
. ../../test/tools/toolchain.sh
helm=${1:-helm}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HELM_CACHE_HOME=$work HELM_CONFIG_HOME=$work HELM_DATA_HOME=$work

# module PATH@VERSION: the directory with its source.
module() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p'; }
kubernetes=$(module "k8s.io/kubernetes@$(cd ../../test/cluster && GOWORK=off go list -m -f '{{.Version}}' k8s.io/kubernetes)")
prometheus=$(module github.com/prometheus-operator/prometheus-operator@v0.85.0)
certmanager=$(module github.com/cert-manager/cert-manager@v1.21.2)

mkdir "$work/schemas"
(cd tools && GOWORK=off go run ./schemas "$work/schemas" "$kubernetes/api/openapi-spec/swagger.json" \
  "$certmanager"/deploy/crds/cert-manager.io_{certificates,issuers}.yaml \
  "$prometheus"/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,prometheusrules}.yaml)
kubeconform=$(go tool -modfile="$PWD/tools/go.mod" -n kubeconform)

"$helm" lint --strict --quiet aws-auth-guard
for golden in testdata/*.yaml testdata/tests/*.yaml; do # what the rendering tests hold the chart to, with all kinds of values
  "$kubeconform" -strict -summary -schema-location "$work/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json" "$golden" ||
    { echo "conform.sh: $golden does not conform" >&2; exit 1; }
done
