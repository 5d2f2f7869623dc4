#!/usr/bin/env bash
# down.sh: ends the cluster that up.sh started, with everything in it, and removes what it left. CLUSTER names the cluster.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test/cluster/state.sh
. "$here/state.sh"

# With its first process, every process of a PID namespace ends; with the last process, its mounts and its network.
if pid=$(init); then
  kill -KILL "$pid"
  for _ in $(seq 100); do init >/dev/null || break; sleep 0.1; done
fi
# Cgroups are the one thing that no namespace takes along. They can be removed as soon as their processes are gone.
cgroups() { find /sys/fs/cgroup -depth -type d \( -path "*/aws-auth-guard-$CLUSTER" -o -path "*/aws-auth-guard-$CLUSTER/*" \) "$@" 2>/dev/null; }
for _ in $(seq 50); do
  cgroups -exec rmdir {} + || true
  [ -n "$(cgroups)" ] || break
  sleep 0.2
done
rm -rf "$state"
