#!/usr/bin/env bash
# in.sh COMMAND...: runs a command inside the cluster that up.sh started, as its admin and in the current directory. kubectl, helm
# and ctr are in PATH and know the cluster. CLUSTER names the cluster.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test/cluster/state.sh
. "$here/state.sh"
[ $# -gt 0 ] || { echo "in.sh: no command; for instance: in.sh kubectl get nodes" >&2; exit 2; }
pid=$(init) || { echo "cluster \"$CLUSTER\" is not up; test/cluster/up.sh starts it" >&2; exit 1; }
# shellcheck disable=SC2016 # the inner shell expands these
exec nsenter --target "$pid" --mount --net --pid --ipc --uts -- \
  env KUBECONFIG=/run/cluster/admin.kubeconfig CONTAINERD_ADDRESS=/run/cluster/containerd.sock CONTAINERD_NAMESPACE=k8s.io \
  PATH="$(<"$state/programs"):$PATH" sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
