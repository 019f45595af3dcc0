#!/bin/sh
# A server for one copy of the data, as a sidecar: it reads no network and writes no binary log; only this pod's other
# containers reach it, by the socket. It runs until SHUTDOWN; if /work/again is there, it is started again once: a clone
# ends with a server that has stopped. What was cloned takes no writes. With APPLY it is one that applies the relay logs in /scratch/replay: that needs the
# accounts' tables, as rights may be granted there, and so an account, which /work/replay.sql makes.
set -eu
data=/scratch/copy/data
name=${NAME:-mysqld}
trap 'exit 0' TERM
server() {
  mysqld --defaults-file=/etc/mysqlops/my.cnf --datadir="$data" --socket="/work/$name.sock" \
    --pid-file="/work/$name.pid" --skip-networking --skip-replica-start --offline-mode=OFF \
    --ssl-ca= --ssl-cert= --ssl-key= --require-secure-transport=OFF --event-scheduler=OFF --init-connect= \
    --loose-group-replication-start-on-boot=OFF --loose-clone-ssl-ca=/run/ca/ca.crt --innodb-flush-log-at-trx-commit=2 "$@"
}
# Run one; what it says of errors, and its last line, go to files too: the pod's logs are deleted with the pod, and the next
# step reports why a server ended.
heard() {
  {
    ended=$({ { ended=0 && "$@" 2>&1 || ended=$?; echo "$ended" >&4; } | listen >&3; } 4>&1)
  } 3>&1
  return "$ended"
}
listen() {
  while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in *'[ERROR]'*) printf '%s\n' "$line" >>"/work/$name.errors" ;; esac
    printf '%s\n' "$line" >"/work/$name.last"
  done
}
copy() {
  server --skip-log-bin --skip-grant-tables "$@"
}
if [ ! -e "$data" ] && [ -n "${INITIALISE:-}" ]; then
  mkdir -p "$data"
  copy --initialize-insecure
fi
# Of a volume snapshot: as after a loss of power. Transactions that were being committed are decided by the binary log, so
# this start has it; its end writes all GTIDs into the data, and the log is not needed any more.
if [ -n "${RECOVER:-}" ] && [ -e /scratch/data ]; then
  rm -rf /scratch/copy # the member's own, if there is one: only its data is the backup
  mkdir /scratch/copy
  mv /scratch/data "$data"
fi
rm -f "$data/mysqld-auto.cnf" # what was persisted on its member would go before my.cnf
if [ -e "$data/binlog.index" ]; then
  echo 'SHUTDOWN;' >/work/shutdown.sql
  server --log-bin=binlog --super-read-only=ON --init-file=/work/shutdown.sql
  rm -f "$data"/binlog.*
fi
code=0
if [ -e "$dump" ] && [ ! -e "$data" ]; then
  # In the background, as `set -e` is off in a command whose status is looked at.
  (load_dump) &
  wait $! || code=$?
fi
if [ "$code" != 0 ]; then
  echo "mysqld.sh: the dump could not be loaded" >&2
elif [ -e "$data" ] && [ -n "${APPLY:-}" ]; then
  if [ -s /work/logs ]; then
    heard server --skip-log-bin --init-file=/work/replay.sql --super-read-only=OFF --server-id=1000 --relay-log=/scratch/replay/relay \
      --relay-log-index=/scratch/replay/relay.index --relay-log-recovery=OFF || code=$?
  fi
elif [ -e "$data" ]; then
  if [ -n "${DUMP:-}" ]; then dump_when_told & fi
  heard copy --super-read-only="${READ_ONLY:-ON}" || code=$?
  if [ -e /work/again ]; then
    rm /work/again
    code=0
    heard copy --super-read-only=ON ${DUMP:+--max-allowed-packet=1G} || code=$?
  fi
fi
echo "$code" >"/work/$name.stopped"
# A sidecar that ends is started again: it waits until the pod is done.
while :; do sleep 1; done
