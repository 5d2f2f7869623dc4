#!/usr/bin/env bash
# lint.sh: everything that is checked without running the guard. Goes on after a failure, so that one run shows them all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

files() { git ls-files -co --exclude-standard -- "$@"; }
scripts() { files | while read -r f; do [ -f "$f" ] && head -n 1 "$f" | grep -q '^#!.*bash' && echo "$f"; done; true; }

formatted() {
  local bad
  bad=$(files '*.go' | xargs gofmt -s -l) || return
  [ -z "$bad" ] || { echo "not formatted (make fmt mends it):"; echo "$bad"; return 1; }
}

vet() { go vet -tags e2e,chaos ./... && go vet -C test/tools ./... && go vet -C test/cluster ./...; }

# staticcheck alone, and not a collection of linters: it has next to no false alarms, so every finding of it is mended and
# none is silenced.
static() { go tool -modfile=test/tools/go.mod staticcheck -tags e2e,chaos ./... && (cd test/tools && go tool staticcheck ./...); }

shell() {
  if ! command -v shellcheck >/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
      { apt-get update && apt-get install -y --no-install-recommends shellcheck; } >/dev/null
    else
      echo "shellcheck is missing; install it with your system's package manager"
      return 1
    fi
  fi
  scripts | xargs shellcheck --external-sources
}

# Every go.mod says exactly what its module needs.
tidy() {
  local mod bad=0
  for mod in $(files 'go.mod' '**/go.mod'); do
    (cd "$(dirname "$mod")" && GOWORK=off go mod tidy -diff) || { echo "$mod is not tidy: go mod tidy mends it"; bad=1; }
  done
  return $bad
}

# The chart's generated files are what values.yaml says, and all that it renders is known to the published schemas.
chart() {
  local programs
  programs=$(test/cluster/build.sh helm) && deploy/helm/generate.sh --check && deploy/helm/conform.sh "$programs/helm"
}

# Nothing in the repository hangs on where one developer keeps it.
paths() {
  local hits
  hits=$(files | xargs grep -nIE "(^|[^A-Za-z0-9._~-])(/home/[a-z]|/Users/[A-Za-z]|/root/|$HOME/|$PWD/)" -- || true)
  hits=$(grep -v '^test/tools/lint.sh:' <<<"$hits" || true)
  [ -z "$hits" ] || { echo "these lines name a directory of one machine:"; echo "$hits"; return 1; }
}

failed=()
for check in formatted vet static shell tidy chart paths; do
  printf '%-10s ' "$check" >&2
  start=$SECONDS
  if out=$($check 2>&1); then
    echo "ok $((SECONDS - start)) s" >&2
  else
    echo "FAIL $((SECONDS - start)) s" >&2
    printf '%s\n' "$out" >&2
    failed+=("$check")
  fi
done
[ ${#failed[@]} -eq 0 ] || { echo "lint: failed: ${failed[*]}" >&2; exit 1; }
