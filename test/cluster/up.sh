#!/usr/bin/env bash
# up.sh [IMAGE.tar...]: starts a cluster of one node on this machine, in namespaces of its own, with these images on it, and
# returns when the node is Ready. Builds the programs first if need be. See README.md for the rest.
#
# CLUSTER          name of the cluster (default: default); several can be up side by side
# APISERVER_FLAGS  further flags for kube-apiserver
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test/cluster/state.sh
. "$here/state.sh"
# shellcheck source=test/tools/toolchain.sh
. "$here/../tools/toolchain.sh"

"$here/prepare.sh"
if init >/dev/null; then
  echo "cluster \"$CLUSTER\" is up already; test/cluster/down.sh ends it" >&2
  exit 1
fi
programs=$("$here/build.sh" etcd kube-apiserver kubectl aws-iam-authenticator kube-controller-manager kube-scheduler kubelet kube-proxy \
  containerd containerd-shim-runc-v2 ctr runc cni/bridge cni/host-local cni/loopback pause helm)

rm -rf "$state"
mkdir -p "$state/log" "$state/images"
echo "$programs" >"$state/programs"
(cd "$here/../../release" && go run . image -name example.test/pause:dev -user 65535:65535 -o "$state/images/pause.tar" \
  "linux/$(go env GOARCH)=$programs/pause") >/dev/null
[ $# -eq 0 ] || cp -- "$@" "$state/images/"

start=$SECONDS
# setsid and the closed streams let the cluster outlive the caller; killing unshare ends everything in it.
setsid unshare --mount --net --pid --ipc --uts --fork --kill-child --mount-proc --propagation private \
  "$here/node.sh" "$programs" "$state" "aws-auth-guard-$CLUSTER" >"$state/log/node.log" 2>&1 </dev/null &
unshare=$!
trap 'kill -KILL "$unshare" 2>/dev/null || true' EXIT # until it is up

fail() {
  echo "cluster \"$CLUSTER\": $1; the last lines of the logs in $state/log:" >&2
  tail -n 8 "$state"/log/*.log >&2
  exit 1
}
until [ -e "$state/ready" ]; do
  kill -0 "$unshare" 2>/dev/null || fail "ended before its node was Ready"
  [ $((SECONDS - start)) -lt 300 ] || fail "no node Ready after 300 s"
  sleep 0.1
done
# The cluster's first process is the only child of unshare.
pid=$(basename "$(dirname "$(grep -l "^PPid:[[:space:]]*$unshare\$" /proc/[0-9]*/status 2>/dev/null | head -n 1)")")
echo "$pid $(readlink "/proc/$pid/ns/pid")" >"$state/init"
trap - EXIT
echo "cluster \"$CLUSTER\": node Ready after $((SECONDS - start)) s; try test/cluster/in.sh kubectl get nodes" >&2
