#!/usr/bin/env bash
# build.sh: builds OPA from the Go modules pinned beside this script, unless that was done before.
#
# stdout: one line, the program. stderr: progress; nothing if there is nothing to do. It is kept outside the checkout, under a
# name made of everything that decides what is built.
#
# AWS_AUTH_GUARD_CACHE  where built programs are kept (default: aws-auth-guard in the user's cache directory)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=test/tools/toolchain.sh
. ../../tools/toolchain.sh

command -v go >/dev/null || { echo "build.sh: go is not in PATH; Go 1.21 or later is needed" >&2; exit 1; }
export GOWORK=off CGO_ENABLED=0
key=$({ go env GOVERSION GOOS GOARCH && cat go.mod go.sum; } | git hash-object --stdin)
dir=${AWS_AUTH_GUARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aws-auth-guard}/opa-${key:0:16}
if [ ! -x "$dir/opa" ]; then
  mkdir -p "$dir"
  stage=$(mktemp -d "$dir/.building.XXXXXX")
  job=
  trap '[ -z "$job" ] || kill "$job" 2>/dev/null || true; rm -rf "$stage"' EXIT
  echo "building OPA from Go modules: about 3 min on two cores, once" >&2
  # The program finds its own version in the path of its module, so nothing is set by the linker.
  go build -trimpath -ldflags '-s -w' -o "$stage/opa" github.com/open-policy-agent/opa >&2 &
  job=$!
  for ((second = 1; ; second++)); do
    sleep 1
    kill -0 "$job" 2>/dev/null || break
    [ $((second % 15)) -ne 0 ] || echo "  OPA: $second s" >&2
  done
  wait "$job" || { job=; echo "build.sh: could not build OPA" >&2; exit 1; }
  job=
  mv -f "$stage/opa" "$dir/opa"
fi
echo "$dir/opa"
