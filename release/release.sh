#!/usr/bin/env bash
# release.sh VERSION DIR PLATFORM...: makes the files of a release of this commit in DIR, in place of those of a release before.
# docs/releasing.md says what each is.
#
# COSIGN_PRIVATE_KEY, COSIGN_PASSWORD  the key that signs the checksums; without, nothing is signed
# RELEASE_GOCACHE                      GOCACHE of what is shipped; an empty directory compiles everything again
set -euo pipefail
[ $# -ge 3 ] || { echo "release.sh: want VERSION DIR PLATFORM..., such as 0.1.0 bin/release linux/amd64" >&2; exit 2; }
version=$1 platforms=("${@:3}")
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=test/tools/toolchain.sh
. test/tools/toolchain.sh
export GOWORK=off # a workspace around the checkout

commit=$(git rev-parse HEAD)
flags=()
if [ "$(git rev-parse -q --verify "refs/tags/v$version^{commit}" || true)" = "$commit" ]; then
  flags+=(-tagged)
else
  echo "release: a rehearsal: this commit has no tag v$version" >&2
fi
# Files that git does not know are compiled as well, and the settings of a user can hide them from git status.
if [ -n "$(git status --porcelain --untracked-files=no; git ls-files --others --exclude-per-directory=.gitignore)" ]; then
  if [ ${#flags[@]} -gt 0 ]; then
    echo "release: the checkout of v$version has changes that are not committed: git stash -u puts them away" >&2
    exit 1
  fi
  commit+=-modified
fi

helm=$(test/cluster/build.sh helm)/helm
(cd release && go run . build -root "$PWD/.." -out "$out" -version "$version" -commit "$commit" \
  -time "$(git -c log.showSignature=false log -1 --format=%ct)" -helm "$helm" -gocache "${RELEASE_GOCACHE:-}" "${flags[@]}" "${platforms[@]}")

if [ -n "${COSIGN_PRIVATE_KEY:-}" ]; then
  cosign=$(go tool -modfile=release/tools/go.mod -n cosign)
  # Without the public log: the key says who signed, and nothing is contacted.
  "$cosign" sign-blob --key env://COSIGN_PRIVATE_KEY --yes --use-signing-config=false --tlog-upload=false \
    --bundle "$out/checksums.txt.sigstore.json" "$out/checksums.txt" >/dev/null
else
  echo "release: checksums.txt is not signed: COSIGN_PRIVATE_KEY is not set" >&2
fi
ls "$out"
