#!/usr/bin/env bash
# generate.sh: makes the chart's README.md and values.schema.json from the comments in values.yaml, and from policy.schema.json.
# generate.sh --check: says what would change, changes nothing, and fails if anything would.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=test/tools/toolchain.sh
. ../../test/tools/toolchain.sh

chart=aws-auth-guard
generated=(README.md values.schema.json)
work=$chart
if [ "${1:-}" = --check ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp -R "$chart/." "$work"
fi

tool() { go tool -modfile="$PWD/tools/go.mod" "$@"; }

tool helm-docs --chart-search-root "$work" --sort-values-order file --log-level warning
schema=$(tool -n helm-values-schema-json)
# It says a lot while all is well.
log=$(cd "$work" && "$schema" --config .schema.yaml 2>&1) || { printf '%s\n' "$log" >&2; exit 1; }

[ "$work" != "$chart" ] || exit 0
bad=0
for f in "${generated[@]}"; do
  diff -u "$chart/$f" "$work/$f" || bad=1
done
[ $bad = 0 ] || { echo "the chart's generated files are not what values.yaml says: deploy/helm/generate.sh fixes them" >&2; exit 1; }
