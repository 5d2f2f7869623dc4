#!/usr/bin/env bash
# programs.sh NAME...: the programs that `make test` and `make demo` run. etcd, kube-apiserver and kubectl are downloaded
# as setup-envtest does (envtest/), in a pinned version. build.sh builds the others, and all if that is not possible or
# was done before.
#
# stdout: one line, the directory that holds them. stderr: which control plane it is, where it comes from, and progress.
#
# AWS_AUTH_GUARD_ENVTEST_INDEX  URL of another index than setup-envtest's own; "none" builds everything
# AWS_AUTH_GUARD_CACHE          as for build.sh
# KUBEBUILDER_ASSETS            as for build.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test/tools/toolchain.sh
. "$here/../tools/toolchain.sh"
cache=${AWS_AUTH_GUARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aws-auth-guard}
index=${AWS_AUTH_GUARD_ENVTEST_INDEX:-}
pinned=$(sed -n 's/^\tk8s\.io\/kubernetes \(v[^ ]*\).*/\1/p' "$here/go.mod")

say() { printf '%s\n' "$*" >&2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# download prints the directory with what was downloaded, now or before.
download() {
  [ "$index" != none ] || return
  (cd "$here/envtest" && GOWORK=off go build -o "$work/envtest" .) || return
  "$work/envtest" ${index:+--index "$index"} "$cache"
}

if dir=$("$here/build.sh" --built "$@"); then
  case $dir in
  "${KUBEBUILDER_ASSETS:-}") say "control plane: KUBEBUILDER_ASSETS, $dir" ;;
  *) say "control plane: Kubernetes $pinned, built from Go modules" ;;
  esac
  echo "$dir"
  exit
fi

if ! downloaded=$(download); then
  say "control plane: Kubernetes $pinned, to be built from Go modules"
  "$here/build.sh" "$@"
  exit
fi

others=()
for name in "$@"; do [ -x "$downloaded/$name" ] || others+=("$name"); done
built=
[ ${#others[@]} -eq 0 ] || built=$("$here/build.sh" "${others[@]}")
# A directory of links, since all programs have to be in one.
dir=${built:-$cache}/with-$(basename "$downloaded")
mkdir -p "$dir"
for name in "$@"; do
  from=$built
  [ ! -x "$downloaded/$name" ] || from=$downloaded
  ln -sfn "$from/$name" "$dir/$name"
done
version=$(basename "$downloaded" | sed 's/^envtest-\(v[^-]*\).*/\1/')
say "control plane: Kubernetes $version (test/cluster/go.mod: $pinned), downloaded from $(<"$downloaded/index")"
echo "$dir"
