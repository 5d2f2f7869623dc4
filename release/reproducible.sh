#!/usr/bin/env bash
# reproducible.sh PLATFORM...: makes a release of the last commit twice, from two clones in directories with different names, the
# second with another build cache, time zone, umask and language, and fails unless all files are the same, byte for byte.
set -euo pipefail
[ $# -gt 0 ] || { echo "reproducible.sh: want PLATFORM..., such as linux/amd64" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset COSIGN_PRIVATE_KEY # a signature is different each time
first=$work/a second=$work/another/directory/with/a/longer/name
for clone in "$first" "$second"; do git clone -q "$root" "$clone"; done

"$first/release/release.sh" 0.0.0-reproducible "$work/1" "$@" >/dev/null
(
  umask 077
  export TZ=Asia/Tokyo LC_ALL=C TMPDIR=$work/tmp RELEASE_GOCACHE=$work/cache
  mkdir "$TMPDIR"
  "$second/release/release.sh" 0.0.0-reproducible "$work/2" "$@" >/dev/null
)
diff -r "$work/1" "$work/2" || { echo "reproducible.sh: two builds of one commit differ" >&2; exit 1; }
echo "two builds of $(git -C "$first" rev-parse --short HEAD) in different directories are the same, byte for byte:"
cat "$work/1/checksums.txt"
