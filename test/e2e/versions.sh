#!/usr/bin/env bash
# versions.sh: the tests that a real API server takes part in, with the API server and the kubectl of the oldest Kubernetes
# that the chart names, and of the newest. Both are built from Go modules, which takes minutes, once. Goes on after a failure.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
unset KUBEBUILDER_ASSETS # ready programs may be of any version
programs=$("$root/test/cluster/build.sh" etcd kube-apiserver kubectl aws-iam-authenticator helm \
  oldest/kube-apiserver oldest/kubectl)
export PATH=$programs:$PATH
cd "$root"

KUBEBUILDER_ASSETS=$(mktemp -d)
export KUBEBUILDER_ASSETS
trap 'rm -rf "$KUBEBUILDER_ASSETS"' EXIT
# Those of the chart that ask the API server.
chart='^Test(AppliedStrictly|PodSecurity|Floor|Spared|UpgradeWithEverybodySpared|ChartHasNoGaps)'
failed=()
for of in oldest/ ''; do
  ln -sf "$programs"/{etcd,aws-iam-authenticator,helm} "$programs/$of"{kube-apiserver,kubectl} "$KUBEBUILDER_ASSETS/"
  version=$("$KUBEBUILDER_ASSETS/kube-apiserver" --version)
  echo "--- $version"
  log=$KUBEBUILDER_ASSETS/log
  {
    go test -vet=off -count=1 -v -tags e2e ./test/e2e &&
      go test -vet=off -count=1 -v -run "$chart" ./deploy/helm &&
      go test -vet=off -count=1 -v -run '^TestInCluster$' ./cmd/webhook
  } >"$log" 2>&1 || failed+=("$version")
  grep -E '^(ok|FAIL|panic)|^ *--- FAIL' "$log" || true
  [[ " ${failed[*]} " != *" $version "* ]] || grep -vE '^ *(---|===) ' "$log" | tail -n 60
  echo "measured tests-passed-${version##* } $(grep -cE '^ *--- PASS' "$log")"
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
