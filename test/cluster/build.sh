#!/usr/bin/env bash
# build.sh NAME...: builds the named programs from the Go modules pinned beside this script, unless that was done before.
# build.sh --built NAME...: builds nothing, and fails unless all of them are there.
#
# stdout: one line, the directory that holds them. stderr: progress; nothing if there is nothing to do.
# The directory is outside the checkout and named after everything that decides what is built, so a change of a version
# starts a build and a change of the guard does not. A program appears in it whole or not at all, and two builds at once
# wait for each other.
#
# AWS_AUTH_GUARD_CACHE  where built programs are kept (default: aws-auth-guard in the user's cache directory)
# KUBEBUILDER_ASSETS    a directory with ready programs; used instead if it holds all that are named
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "build.sh: $*"; exit 1; }

# shellcheck source=test/tools/toolchain.sh
. "$here/../tools/toolchain.sh"

build=yes
if [ "${1:-}" = --built ]; then
  build=
  shift
fi
[ $# -gt 0 ] || die "no program named; for instance: build.sh etcd kube-apiserver kubectl"

# holds DIR NAME...: does DIR hold all of them?
holds() {
  local dir=$1 name
  shift
  for name in "$@"; do [ -x "$dir/$name" ] || return 1; done
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ] && holds "$KUBEBUILDER_ASSETS" "$@"; then
  echo "$KUBEBUILDER_ASSETS"
  exit
fi

command -v go >/dev/null || die "go is not in PATH; Go 1.21 or later is needed"
cd "$here"
export GOWORK=off
key=$({ go env GOVERSION GOOS GOARCH && grep -e -ldflags build.sh && cat go.mod go.sum authenticator/go.* helm/go.* node/go.* oldest/go.* prometheus/go.* cert-manager/* pause/*.go; } | git hash-object --stdin)
dir=${AWS_AUTH_GUARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aws-auth-guard}/programs-${key:0:16}
if holds "$dir" "$@"; then
  echo "$dir"
  exit
fi
[ -n "$build" ] || exit 1

mkdir -p "$dir"
if command -v flock >/dev/null; then # without it (macOS) the rename alone keeps the programs whole
  exec 9>"$dir/.lock"
  flock -n 9 || { say "waiting for another build of the same programs to end"; flock 9; }
fi
missing=()
for name in "$@"; do [ -x "$dir/$name" ] || missing+=("$name"); done
if [ ${#missing[@]} -eq 0 ]; then
  echo "$dir"
  exit
fi

stage=$(mktemp -d "$dir/.building.XXXXXX")
job=
cleanup() {
  [ -z "$job" ] || kill "$job" 2>/dev/null || true
  rm -rf "$stage"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# compile LABEL DIR GO-BUILD-ARGUMENT... -- PACKAGE...: builds packages of the module in DIR, and says every 15 seconds how far it is.
compile() {
  local label=$1 module=$2 log=$stage/log flags=() total start=$SECONDS next=15
  shift 2
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  shift
  cd "$here/$module"
  say "  $label: fetching modules"
  # Counting the packages fetches the modules, and distinguishes a build without a network from one that does not compile.
  total=$(go list -deps "$@" 2>"$log" | wc -l) || {
    tail -n 20 "$log" >&2
    die "could not fetch the modules of $label; with programs built elsewhere, set KUBEBUILDER_ASSETS to their directory"
  }
  mkdir -p "$stage/out"
  go build -v "${flags[@]}" -o "$stage/out/" "$@" 2>"$log" 9>&- &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    sleep 1
    if [ $((SECONDS - start)) -ge $next ]; then
      next=$((next + 15))
      # go build -v names a package when it compiles it, and does not name what it has in its cache.
      say "  $label: $((SECONDS - start)) s, $(grep -c '^[a-z0-9][^: ]*$' "$log" || true) of at most $((total)) packages compiled; the linking comes after"
    fi
  done
  wait "$job" || {
    job=
    grep -v '^[a-z0-9][^: ]*$' "$log" | tail -n 40 >&2
    die "could not build $label"
  }
  job=
  say "  $label: done in $((SECONDS - start)) s"
}

# keep SUBDIRECTORY: moves what was compiled to its place.
keep() {
  mkdir -p "$dir/$1"
  mv -f "$stage/out/"* "$dir/$1/"
}

kubernetes=()
oldest=()
containerd=()
plugins=()
minutes=0
for name in "${missing[@]}"; do
  case $name in
  kube-apiserver) minutes=$((minutes + 4)) kubernetes+=("k8s.io/kubernetes/cmd/$name") ;;
  kubectl | kube-scheduler | kube-proxy) kubernetes+=("k8s.io/kubernetes/cmd/$name") ;;
  kubelet | kube-controller-manager) minutes=$((minutes + 1)) kubernetes+=("k8s.io/kubernetes/cmd/$name") ;;
  oldest/kube-apiserver) minutes=$((minutes + 4)) oldest+=("k8s.io/kubernetes/cmd/${name#oldest/}") ;;
  containerd) minutes=$((minutes + 1)) containerd+=("github.com/containerd/containerd/v2/cmd/$name") ;;
  containerd-shim-runc-v2 | ctr) containerd+=("github.com/containerd/containerd/v2/cmd/$name") ;;
  cni/host-local) plugins+=("github.com/containernetworking/plugins/plugins/ipam/${name#cni/}") ;;
  cni/bridge | cni/loopback) plugins+=("github.com/containernetworking/plugins/plugins/main/${name#cni/}") ;;
  aws-iam-authenticator | etcd | runc | prometheus | promtool | cert-manager) minutes=$((minutes + 1)) ;;
  pause) ;;
  helm) minutes=$((minutes + 3)) ;;
  *) die "unknown program \"$name\"" ;;
  esac
done

say "building ${missing[*]} from Go modules: about $((minutes > 0 ? minutes : 1)) min on two cores, once"
export CGO_ENABLED=0
for name in "${missing[@]}"; do
  case $name in
  aws-iam-authenticator)
    compile "$name" authenticator -ldflags "-s -w" -- "sigs.k8s.io/aws-iam-authenticator/cmd/$name"
    keep .
    ;;
  etcd)
    compile etcd . -ldflags "-s -w" -- go.etcd.io/etcd/server/v3
    mv "$stage/out/server" "$stage/out/etcd" # go build names it after its directory
    keep .
    ;;
  helm)
    version=$(cd "$here/helm" && go list -m -f '{{.Version}}' helm.sh/helm/v4)
    compile helm helm -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version" -- helm.sh/helm/v4/cmd/helm
    keep .
    ;;
  prometheus | promtool)
    # The tests scrape addresses that they know: of the ways to discover some, only the one of Kubernetes is of use.
    compile "$name" prometheus -tags netgo,remove_all_sd,enable_kubernetes_sd -ldflags "-s -w" -- "github.com/prometheus/prometheus/cmd/$name"
    keep .
    ;;
  cert-manager)
    compile "$name" cert-manager -ldflags "-s -w" -- .
    keep .
    ;;
  pause)
    compile pause . -ldflags "-s -w" -- ./pause
    keep .
    ;;
  runc)
    pkg-config --exists libseccomp 2>/dev/null || die "runc needs a C compiler, pkg-config and libseccomp's headers; test/cluster/prepare.sh installs them"
    CGO_ENABLED=1 compile runc node -tags seccomp -ldflags "-s -w" -- github.com/opencontainers/runc
    keep .
    ;;
  esac
done
cd "$here"
# kubernetes MODULE PACKAGE...: Without these flags the programs say that they are v0.0.0, and kubectl and helm refuse to work with them.
kubernetes() {
  local module=$1 version minor p=k8s.io/component-base/version
  shift
  version=$(cd "$module" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
  minor=${version#v1.}
  compile "Kubernetes $version" "$module" -ldflags "-s -w -X $p.gitVersion=$version -X $p.gitMajor=1 -X $p.gitMinor=${minor%%.*} -X $p.gitTreeState=clean -X $p.gitCommit=0000000000000000000000000000000000000000 -X $p.buildDate=1970-01-01T00:00:00Z" -- "$@"
}
if [ ${#kubernetes[@]} -gt 0 ]; then
  kubernetes . "${kubernetes[@]}"
  keep .
fi
if [ ${#oldest[@]} -gt 0 ]; then
  cd "$here"
  kubernetes oldest "${oldest[@]}"
  keep oldest
fi
if [ ${#containerd[@]} -gt 0 ]; then
  version=$(cd node && go list -m -f '{{.Version}}' github.com/containerd/containerd/v2)
  compile containerd node -tags no_btrfs,no_zfs,no_devmapper,netgo,osusergo -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$version" -- "${containerd[@]}"
  keep .
fi
if [ ${#plugins[@]} -gt 0 ]; then
  compile "CNI plugins" node -ldflags "-s -w" -- "${plugins[@]}"
  keep cni
fi
echo "$dir"
