#!/usr/bin/env bash
# run.sh IMAGE [KUBECONFIG]: runs the tests of this directory. Without KUBECONFIG: on a node of its own on this machine, which is
# gone afterwards, with an image of this checkout (Linux, root). With it: on that cluster, whose nodes have IMAGE or can pull it.
#
# TESTS    regular expression of the tests to run (default: all)
# TAGS     build tags of tests beside those of make e2e: prometheus, certmanager
# CLUSTER  name of the cluster on this machine (default: one that no other run has)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
# shellcheck source=test/tools/toolchain.sh
. "$root/test/tools/toolchain.sh"
image=$1 kubeconfig=${2:-}
flags=(-test.v -test.timeout 25m -test.run "${TESTS:-.}" -image "$image")
compile() {
  echo "compiling the tests" >&2
  (cd "$root" && CGO_ENABLED=0 go test -c -tags "e2e ${TAGS:-}" -o bin/installed.test ./test/e2e/installed)
}

if [ -n "$kubeconfig" ]; then
  [ -r "$kubeconfig" ] || { echo "KUBECONFIG \"$kubeconfig\" cannot be read" >&2; exit 1; }
  programs=$("$root/test/cluster/build.sh" kubectl helm)
  compile
  cd "$here"
  KUBECONFIG=$kubeconfig PATH=$programs:$PATH exec "$root/bin/installed.test" "${flags[@]}"
fi

"$root/test/cluster/prepare.sh"
export CLUSTER=${CLUSTER:-e2e-$$}
case ${TAGS:-} in
prometheus) "$root/test/cluster/build.sh" prometheus promtool >/dev/null ;;
certmanager)
  "$root/test/cluster/build.sh" cert-manager >/dev/null
  flags+=(-cert-manager-crds "$(cd "$root/test/cluster/cert-manager" && go list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)/deploy/crds")
  ;;
esac
make -C "$root" image IMAGE="$image" PLATFORMS="$(go env GOARCH)"
compile
"$root/test/cluster/up.sh" "$root/bin/aws-auth-guard.tar"
trap '"$root/test/cluster/down.sh"' EXIT
# In there is no go, and no way out. The tests find the chart by the directory that they run in.
cd "$here"
"$root/test/cluster/in.sh" "$root/bin/installed.test" "${flags[@]}" -image-tar "$root/bin/aws-auth-guard.tar" || {
  status=$?
  for log in kube-apiserver kubelet; do
    printf '\n--- the last lines of %s.log\n' "$log"
    tail -n 20 "${AWS_AUTH_GUARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aws-auth-guard}/clusters/$CLUSTER/log/$log.log" | cut -c 1-300
  done >&2
  exit $status
}
