#!/usr/bin/env bash
# run.sh [IMAGE KUBECONFIG]: runs the tests of this directory. Without arguments: on a node of its own on this machine, which is
# gone afterwards, with a release of this checkout, published to a registry in that cluster and installed by the command that
# publishing prints (Linux, root). With them: on that cluster, whose nodes have IMAGE or can pull it.
#
# TESTS    regular expression of the tests to run (default: all)
# TAGS     build tags of tests beside those of make e2e: prometheus, certmanager
# CLUSTER  name of the cluster on this machine (default: one that no other run has)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
# shellcheck source=test/tools/toolchain.sh
. "$root/test/tools/toolchain.sh"
flags=(-test.v -test.timeout 25m -test.run "${TESTS:-.}")
compile() {
  echo "compiling the tests" >&2
  (cd "$root" && CGO_ENABLED=0 go test -c -tags "e2e ${TAGS:-}" -o bin/installed.test ./test/e2e/installed)
}

if [ $# -gt 0 ]; then
  image=$1 kubeconfig=$2
  [ -r "$kubeconfig" ] || { echo "KUBECONFIG \"$kubeconfig\" cannot be read" >&2; exit 1; }
  programs=$("$root/test/cluster/build.sh" kubectl helm)
  compile
  cd "$here"
  KUBECONFIG=$kubeconfig PATH=$programs:$PATH exec "$root/bin/installed.test" "${flags[@]}" -image "$image"
fi

version=0.0.0-e2e address=127.0.0.1:5000 release=$root/bin/e2e
export HELM_CACHE_HOME=$root/bin/helm HELM_CONFIG_HOME=$root/bin/helm HELM_DATA_HOME=$root/bin/helm
inside() { "$root/test/cluster/in.sh" "$@"; }

"$root/test/cluster/prepare.sh"
export CLUSTER=${CLUSTER:-e2e-$$}
case ${TAGS:-} in
prometheus) "$root/test/cluster/build.sh" prometheus promtool >/dev/null ;;
certmanager)
  "$root/test/cluster/build.sh" cert-manager >/dev/null
  flags+=(-cert-manager-crds "$(cd "$root/test/cluster/cert-manager" && go list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)/deploy/crds")
  ;;
esac
"$root/release/release.sh" "$version" "$release" "linux/$(go env GOARCH)"
(cd "$root/release" && GOWORK=off CGO_ENABLED=0 go build -o "$root/bin/release-program" .)
registry=$(go tool -modfile="$root/release/tools/go.mod" -n registry)
helm=$("$root/test/cluster/build.sh" helm)/helm
compile
"$root/test/cluster/up.sh"
trap '"$root/test/cluster/down.sh"' EXIT

# In there is no go, and no way out. The registry ends with the cluster.
printf 'version: 0.1\nstorage: {inmemory: {}}\nhttp: {addr: %s}\n' "$address" >"$root/bin/registry.yaml"
OTEL_TRACES_EXPORTER=none inside "$registry" serve "$root/bin/registry.yaml" >"$root/bin/registry.log" 2>&1 &
for _ in {1..300}; do
  inside bash -c "exec 3<>/dev/tcp/${address/://}" 2>/dev/null && break
  sleep 0.1
done
install=$(inside "$root/bin/release-program" publish -dir "$release" -version "$version" -helm "$helm" "$address") ||
  { tail -n 20 "$root/bin/registry.log" >&2; exit 1; }
printf '%s\n' "$install"
inside bash -c "$install"
inside helm uninstall aws-auth-guard --namespace aws-auth-guard --wait
inside kubectl delete namespace aws-auth-guard
inside helm pull "oci://$address/charts/aws-auth-guard" --version "$version" --plain-http --destination "$root/bin"

# The tests find their testdata by the directory that they run in.
cd "$here"
inside "$root/bin/installed.test" "${flags[@]}" -image "$address/aws-auth-guard:$version" -chart "$root/bin/aws-auth-guard-$version.tgz" \
  -image-tar "$release/aws-auth-guard-image_$version.tar" || {
  status=$?
  for log in kube-apiserver kubelet; do
    printf '\n--- the last lines of %s.log\n' "$log"
    tail -n 20 "${AWS_AUTH_GUARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aws-auth-guard}/clusters/$CLUSTER/log/$log.log" | cut -c 1-300
  done >&2
  exit $status
}
