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
exec mysqld --defaults-file=/etc/mysqlops/my.cnf \
  --server-id=$((100 + ordinal)) \
  --report-host="$host" \
  --report-port=3306 \
  --loose-group-replication-local-address="$host:3306"
