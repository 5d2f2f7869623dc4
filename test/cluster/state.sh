# shellcheck shell=bash
# Sourced by up.sh, in.sh and down.sh: which cluster, and where it keeps what is seen from outside of it.
CLUSTER=${CLUSTER:-default}
[[ $CLUSTER =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$ ]] || {
  echo "CLUSTER \"$CLUSTER\" is no name; want lower-case letters, digits and hyphens" >&2
  exit 1
}
state=${AWS_AUTH_GUARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aws-auth-guard}/clusters/$CLUSTER

# init prints the id of the cluster's first process; fails if the cluster is not up. The namespace is compared as well,
# since the system may have given the id to another process.
init() {
  local pid namespace
  { read -r pid namespace <"$state/init"; } 2>/dev/null || return
  [ "$(readlink "/proc/$pid/ns/pid" 2>/dev/null)" = "$namespace" ] || return
  echo "$pid"
}
