#!/bin/sh
# Starts this member's mysqld as process 1, read-only and outside the group: the agent decides what follows.
set -eu
ordinal=${HOSTNAME##*-}
host=$HOSTNAME.$MYSQLOPS_CLUSTER.$MYSQLOPS_NAMESPACE.svc
seeds=
i=0
while [ "$i" -lt "$MYSQLOPS_MAX_MEMBERS" ]; do
  seeds=$seeds${seeds:+,}$MYSQLOPS_CLUSTER-$i.$MYSQLOPS_CLUSTER.$MYSQLOPS_NAMESPACE.svc:3306
  i=$((i + 1))
done
rm -f /run/mysqlops/left
exec mysqld --defaults-file=/etc/mysqlops/my.cnf \
  --server-id=$((100 + ordinal)) \
  --report-host="$host" \
  --report-port=3306 \
  --loose-group-replication-local-address="$host:3306" \
  --loose-group-replication-group-seeds="$seeds"
