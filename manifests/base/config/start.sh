#!/bin/sh
# Starts this member's mysqld as process 1, read-only and outside the group: the agent decides what follows.
# shellcheck disable=SC3028 # the container runtime sets HOSTNAME
set -eu
ordinal=${HOSTNAME##*-}
host=$HOSTNAME.$MYSQLOPS_CLUSTER.$MYSQLOPS_NAMESPACE.svc
rm -f /run/mysqlops/left
# Each arena of glibc's allocator keeps what threads freed; by default there are eight per core.
export MALLOC_ARENA_MAX=4
# Messages of the group go back to the system at once; otherwise the threshold grows to 32 MiB, and they stay as holes.
export MALLOC_MMAP_THRESHOLD_=262144
# mysqld inherits this and does not know it: the kernel closes it when the process has ended, and the agent learns at
# once (docs/adr/0037). Without mkfifo, the group finds out by itself, as it did before.
life=/run/mysqlops/life
[ -p "$life" ] || mkfifo -m 600 "$life" || true
if [ -p "$life" ]; then
  exec 9<>"$life"
fi
exec mysqld --defaults-file=/etc/mysqlops/my.cnf \
  --server-id=$((100 + ordinal)) \
  --report-host="$host" \
  --report-port=3306 \
  --loose-group-replication-local-address="$host:3306"
