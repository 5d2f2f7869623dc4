#!/usr/bin/env bash
# sbom.sh DIR: builds the webhook and the kubectl plugin into DIR, with their symbols, and writes beside each what it is made
# of: a CycloneDX document.
set -euo pipefail
mkdir -p "$1"
dir=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/tools/toolchain.sh
. test/tools/toolchain.sh

tool() { go tool -modfile=test/tools/go.mod cyclonedx-gomod "$@"; }

version=$(git describe --always --dirty 2>/dev/null || echo dev)
CGO_ENABLED=0 go build -trimpath -o "$dir/" ./cmd/...
tool version >/dev/null # builds it, for which it may need the network
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in cmd/*; do
  program=$dir/$(basename "$program")
  # The modules are on this machine since the build. The main module is nowhere to be had by a version, and not asked for.
  GOPROXY=off tool bin -json -noserial -notimestamp -version "$version" -output "$program.cdx.json" "$program" 2>"$log" ||
    { cat "$log" >&2; exit 1; }
  echo "$program.cdx.json"
done
