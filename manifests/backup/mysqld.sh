#!/bin/sh
# A server for one copy of the data, as a sidecar: it reads no network and writes no binary log; only this pod's other
# containers reach it, by the socket. It runs until SHUTDOWN; if /work/again is there, it is started again once: a clone
# ends with a server that has stopped.
set -eu
data=${DATA:-/scratch/copy/data}
trap 'exit 0' TERM
server() {
  mysqld --defaults-file=/etc/mysqlops/my.cnf --datadir="$data" --socket=/work/mysqld.sock \
    --pid-file=/work/mysqld.pid --skip-networking --skip-log-bin --skip-replica-start --skip-grant-tables \
    --ssl-ca= --ssl-cert= --ssl-key= --require-secure-transport=OFF --event-scheduler=OFF \
    --loose-group-replication-start-on-boot=OFF --loose-clone-ssl-ca=/run/ca/ca.crt --innodb-flush-log-at-trx-commit=2 "$@"
}
if [ ! -e "$data" ] && [ -n "${INITIALISE:-}" ]; then
  mkdir -p "$data"
  server --initialize-insecure
fi
code=0
if [ -e "$data" ]; then
  server --super-read-only="${READ_ONLY:-ON}" || code=$?
  if [ -e /work/again ]; then
    rm /work/again
    code=0
    server --super-read-only="${READ_ONLY:-ON}" || code=$?
  fi
fi
echo "$code" >/work/stopped
# A sidecar that ends is started again: it waits until the pod is done.
while :; do sleep 1; done
