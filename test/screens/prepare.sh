#!/usr/bin/env bash
# prepare.sh: the editors of these tests. On Debian and Ubuntu root installs those that are missing; elsewhere it names them.
set -euo pipefail

commands=() packages=()
need() { # COMMAND PACKAGE
  command -v "$1" >/dev/null && return
  commands+=("$1") packages+=("$2")
}
need nano nano
need vi vim-tiny
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing: ${commands[*]}; install them with your system's package manager (Debian: ${packages[*]})" >&2
  exit 1
fi
echo "installing ${packages[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
