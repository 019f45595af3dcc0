#!/bin/sh
# A server that holds no data and applies nothing: it only receives binary logs, as relay logs in /scratch/relay. Nobody
# reaches it but the containers of its own pod, by the socket.
set -eu
data=/scratch/data
small='--innodb-buffer-pool-size=8M --loose-innodb-redo-log-capacity=8M --innodb-log-buffer-size=1M --performance-schema=OFF
  --max-connections=10 --table-open-cache=64 --table-definition-cache=400 --loose-mysqlx=OFF
  --loose-percona-telemetry-disable=ON'
export MALLOC_ARENA_MAX=2
mkdir -p /scratch/relay
if [ ! -e "$data/initialised" ]; then
  rm -rf "$data"
  # shellcheck disable=SC2086
  mysqld --no-defaults --datadir="$data" --tmpdir=/tmp $small --initialize-insecure
  : >"$data/initialised"
fi
# A primary that is gone without a word is left after 5 s; relay logs of over 1 GiB wait until some are stored.
# shellcheck disable=SC2086
exec mysqld --no-defaults --datadir="$data" --tmpdir=/tmp $small --socket=/scratch/mysqld.sock \
  --pid-file=/scratch/mysqld.pid --skip-networking --skip-log-bin --skip-replica-start --skip-grant-tables \
  --gtid-mode=ON --enforce-gtid-consistency=ON --server-id=1000 --replica-net-timeout=5 \
  --relay-log=/scratch/relay/relay --relay-log-index=/scratch/relay/relay.index --max-relay-log-size=64M \
  --relay-log-space-limit=1G --relay-log-purge=OFF
