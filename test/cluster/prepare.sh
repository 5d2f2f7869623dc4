#!/usr/bin/env bash
# prepare.sh: what a cluster with a node needs of the machine, beside Go: Linux, root, and a few programs. On Debian and
# Ubuntu it installs the programs that are missing; elsewhere it names them. It changes nothing else.
#
# Root, because a node mounts file systems, makes cgroups and sets up a network. All of that but the cgroups happens in
# namespaces of its own, and is gone with them.
set -euo pipefail

elsewhere='elsewhere, run the tests against any cluster you may break, for instance one of kind: make e2e KUBECONFIG=FILE'
[ "$(uname -s)" = Linux ] || { echo "a node of our own runs on Linux alone; $elsewhere" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "a node of our own needs root (sudo -E make ...); $elsewhere" >&2; exit 1; }

commands=() packages=()
need() { # COMMAND PACKAGE
  command -v "$1" >/dev/null && return
  commands+=("$1") packages+=("$2")
}
need nft nftables      # kube-proxy's rules for Services
need ip iproute2       # the node's network
need openssl openssl   # the key that signs service account tokens
need unshare util-linux
need nsenter util-linux
need gcc gcc           # runc has a part in C
need pkg-config pkg-config
if ! pkg-config --exists libseccomp 2>/dev/null; then
  commands+=("libseccomp's headers") packages+=(libseccomp-dev libc6-dev)
fi
[ ${#packages[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  (IFS=,; echo "missing: ${commands[*]}; install them with your system's package manager" >&2)
  exit 1
fi
echo "installing ${packages[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
