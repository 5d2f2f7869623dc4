#!/usr/bin/env bash
# versions.sh: the tests that a real API server takes part in, with that of the oldest Kubernetes that the chart names, and of
# the newest. Both are built from Go modules, which takes minutes, once. kubectl is the newest's, whose words the tests
# compare. Goes on after a failure.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
unset KUBEBUILDER_ASSETS # ready programs may be of any version
programs=$("$root/test/cluster/build.sh" etcd kube-apiserver kubectl aws-iam-authenticator helm oldest/kube-apiserver)
export PATH=$programs:$PATH
cd "$root"

KUBEBUILDER_ASSETS=$(mktemp -d)
export KUBEBUILDER_ASSETS
trap 'rm -rf "$KUBEBUILDER_ASSETS"' EXIT
log=$KUBEBUILDER_ASSETS/log
failed=()
# try VERSION ARGUMENT...: go test. What it says is shown only if it fails.
try() {
  local version=$1
  shift
  go test -vet=off -count=1 -v -timeout 30m "$@" >"$log.one" 2>&1 || {
    failed+=("$version")
    grep -vE '^ *(---|===) ' "$log.one" | tail -n 60
  }
  grep -E '^(ok|FAIL|panic)|^ *--- FAIL' "$log.one" || true
  cat "$log.one" >>"$log"
}

# Those of the chart that ask the API server.
chart='^Test(AppliedStrictly|PodSecurity|Floor|Spared|UpgradeWithEverybodySpared|ChartHasNoGaps)'
for of in oldest/ ''; do
  ln -sf "$programs"/{etcd,kubectl,aws-iam-authenticator,helm} "$programs/${of}kube-apiserver" "$KUBEBUILDER_ASSETS/"
  version=$("$KUBEBUILDER_ASSETS/kube-apiserver" --version)
  echo "--- $version"
  : >"$log"
  try "$version" -tags e2e ./test/e2e
  try "$version" -run "$chart" ./deploy/helm
  try "$version" -run '^TestInCluster$' ./cmd/webhook
  echo "measured tests-passed-${version##* } $(grep -cE '^ *--- PASS' "$log")"
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
