#!/usr/bin/env bash
# publish.sh VERSION DIR REGISTRY: pushes image and chart of the release in DIR to an OCI registry, and prints the command that
# installs them by their digests. Credentials are those of docker login. On loopback and private addresses it speaks HTTP, unless
# they have TLS. A version that the registry has with other content is an error.
#
# COSIGN_PRIVATE_KEY, COSIGN_PASSWORD  the key that signs them in the registry; without, nothing is signed
set -euo pipefail
[ -n "${1:+${3:-}}" ] || { echo "publish.sh: want VERSION DIR REGISTRY, such as 0.1.0 bin/release ghcr.io/aws-auth-guard" >&2; exit 2; }
out=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=test/tools/toolchain.sh
. test/tools/toolchain.sh
export GOWORK=off
cosign=
[ -z "${COSIGN_PRIVATE_KEY:-}" ] || cosign=$(go tool -modfile=release/tools/go.mod -n cosign)
helm=$(test/cluster/build.sh helm)/helm
cd release
go run . publish -dir "$out" -version "$1" -helm "$helm" -cosign "$cosign" "$3"
