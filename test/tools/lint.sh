#!/usr/bin/env bash
# lint.sh: everything that is checked without running the guard. Goes on after a failure, so that one run shows them all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/tools/toolchain.sh
. test/tools/toolchain.sh

files() { git ls-files -co --exclude-standard -- "$@"; }
scripts() { files | while read -r f; do [ -f "$f" ] && head -n 1 "$f" | grep -q '^#!.*bash' && echo "$f"; done; true; }

formatted() {
  local bad
  bad=$(files '*.go' | xargs gofmt -s -l) || return
  [ -z "$bad" ] || { echo "not formatted (make fmt fixes it):"; echo "$bad"; return 1; }
}

# .golangci.yml says which linters, and why each.
static() {
  local linter module
  linter=$(go tool -modfile=test/tools/go.mod -n golangci-lint) || return
  for module in . test/tools test/cluster/envtest release; do
    (cd "$module" && "$linter" run --config "$OLDPWD/.golangci.yml" ./...) || return
  done
}

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

# GitHub's workflows and the action, with shellcheck of their scripts. What they use of others is named by its commit, which nobody can move.
workflows() {
  local loose
  go tool -modfile=test/tools/actionlint/go.mod actionlint || return
  loose=$(grep -nE '^ *(- )?uses: ' .github/workflows/*.yml action.yml | grep -vE 'uses: (\./|[^@ ]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$)' || true)
  [ -z "$loose" ] || { echo "not named by a commit, with the version behind it (OWNER/NAME@COMMIT # v1.2.3):"; echo "$loose"; return 1; }
}

# Every go.mod says exactly what its module needs.
tidy() {
  local mod bad=0
  for mod in $(files 'go.mod' '**/go.mod'); do
    (cd "$(dirname "$mod")" && GOWORK=off go mod tidy -diff) || { echo "$mod is not tidy: go mod tidy fixes it"; bad=1; }
  done
  return $bad
}

# One Go release for everything: that of go.mod.
toolchain() {
  local other
  other=$(
    files 'go.mod' '**/go.mod' | xargs grep -L "^go ${GOTOOLCHAIN#go}\$" --
    grep -LF "golang:${GOTOOLCHAIN#go} " Dockerfile
  ) || true
  [ -z "$other" ] || { echo "these do not name Go ${GOTOOLCHAIN#go}, which is go.mod's:"; echo "$other"; return 1; }
}

# What the guard and the programs of its tests have in common, they have in one version: a fresh machine compiles it once.
# The linters keep to versions of their own.
shared() {
  local differ
  differ=$(awk '$1 == "require" { sub("require ", "") }
    $2 ~ /^v[0-9]/ && $2 != "v0.0.0" && !/=>/ { files[$1, $2] = files[$1, $2] " " FILENAME; if (!seen[$1, $2]++) versions[$1] = versions[$1] " " $2 }
    END { for (m in versions) if (split(versions[m], v, " ") > 1) for (i in v) print m "@" v[i] ":" files[m, v[i]] }
  ' go.mod test/cluster/go.mod test/cluster/envtest/go.mod test/cluster/authenticator/go.mod test/cluster/helm/go.mod test/cluster/node/go.mod test/bench/opa/go.mod)
  [ -z "$differ" ] || { echo "different versions of one module (go get MODULE@VERSION in the directory of the older one, then go mod tidy, fixes it):"; sort <<<"$differ"; return 1; }
}

# The chart's generated files are what values.yaml says, and all that it renders is known to the published schemas.
chart() {
  local programs
  programs=$(test/cluster/build.sh helm) && deploy/helm/generate.sh --check && deploy/helm/conform.sh "$programs/helm"
}

cache=${AWS_AUTH_GUARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aws-auth-guard}

# Every module on this machine is, byte for byte, what go.sum says. That takes a minute, and outside of CI it is asked once
# for each go.sum.
verified() {
  local mod sum
  mkdir -p "$cache/verified"
  for mod in $(files 'go.mod' '**/go.mod'); do
    sum=$(sha256sum "${mod%.mod}.sum")
    [ -n "${CI:-}" ] || [ ! -e "$cache/verified/${sum%% *}" ] || continue
    (cd "$(dirname "$mod")" && GOWORK=off go mod verify >/dev/null) || { echo "$mod: a module was changed after it was downloaded"; return 1; }
    touch "$cache/verified/${sum%% *}"
  done
}

# What is shipped: the programs with their symbols, and what they are made of.
shipped=bin/sbom
licences() {
  local programs=()
  test/tools/sbom.sh "$shipped" || return
  for program in cmd/*; do programs+=("$PWD/$shipped/$(basename "$program")"); done
  go run -C test/tools ./licences "${programs[@]}"
}

# Known vulnerabilities of what is shipped. The advisories are pinned in test/tools/vulndb, so that the answer does not
# change overnight and needs no network; GOVULNDB=https://vuln.go.dev asks for the newest instead.
vulnerabilities() {
  local module program db=${GOVULNDB:-} bad=0 version
  if [ -z "$db" ]; then
    read -r version module < <(cd test/tools/vulndb && go mod download golang.org/x/vulndb && go list -m -f '{{.Version}} {{.Dir}}' golang.org/x/vulndb)
    db=$cache/vulndb-$version
    if [ ! -f "$db/index/db.json" ]; then
      rm -rf "$db.new"
      go tool -modfile=test/tools/vulndb/go.mod indexdb -vulns "$module/data/osv" -out "$db.new" && mv -T "$db.new" "$db"
    fi
    echo "note: advisories of golang.org/x/vulndb $version"
    db=file://$db
  fi
  for program in cmd/*; do
    echo "note: $program"
    go tool -modfile=test/tools/vulndb/go.mod govulncheck -db "$db" -mode binary -format json "$shipped/$(basename "$program")" |
      go run -C test/tools ./vulnerabilities || bad=1
  done
  return $bad
}

# Nothing in the repository hangs on where one developer keeps it.
paths() {
  local hits
  hits=$(files | xargs grep -nIE "(^|[^A-Za-z0-9._~-])(/home/[a-z]|/Users/[A-Za-z]|/root/|$HOME/|$PWD/)" -- || true)
  hits=$(grep -v '^test/tools/lint.sh:' <<<"$hits" || true)
  [ -z "$hits" ] || { echo "these lines name a directory of one machine:"; echo "$hits"; return 1; }
}

# test/tools/words/main.go says which words, exceptions.txt which uses stay.
words() {
  local program
  program=$(mktemp) && go build -C test/tools -o "$program" ./words && files | while read -r f; do [ ! -f "$f" ] || echo "$f"; done | "$program"
  local status=$?
  rm -f "$program"
  return $status
}

failed=()
for check in formatted static shell workflows tidy toolchain shared verified licences vulnerabilities chart paths words; do
  printf '%-15s ' "$check" >&2
  start=$SECONDS
  if out=$($check 2>&1); then
    echo "ok $((SECONDS - start)) s" >&2
    grep '^note: ' <<<"$out" >&2 || true
  else
    echo "FAIL $((SECONDS - start)) s" >&2
    printf '%s\n' "$out" >&2
    failed+=("$check")
  fi
done
[ ${#failed[@]} -eq 0 ] || { echo "lint: failed: ${failed[*]}" >&2; exit 1; }
