#!/bin/sh
# Dumps and loads as SQL, for a backup that any version can read; part of mysqld.sh. Tables go several at a time: the
# server of the copy takes no writes, so that all dumps are of one moment.
at_once=4
dump=/scratch/copy/dump
# Names are data: each comes after `--`, and from a file that only printf decodes. In binary mode a client reads no commands
# of its own (`\!` is a shell) out of what it loads, and leaves \r as it is. A comment could end at a newline in a name.
sql() {
  mysql --no-defaults --socket="/work/$name.sock" --user=root --default-character-set=utf8mb4 --binary-mode \
    --loose-comments --max-allowed-packet=1G "$@"
}
dump_sql() {
  mysqldump --no-defaults --socket="/work/$name.sock" --user=mysqlops_dump --default-character-set=utf8mb4 --quick \
    --hex-blob --skip-lock-tables --set-gtid-purged=OFF --no-tablespaces --skip-comments --max-allowed-packet=1G "$@"
}
# At the word of /work/dump: the databases in /work/databases, the tables in /work/tables ("DATABASE TABLE"), each name
# with all but letters and digits as \0OCTAL.
dump_when_told() {
  while [ ! -e /work/dump ]; do sleep 0.2; done
  code=0
  (dump_all) >/work/dump.log 2>&1 &
  wait $! || code=$?
  echo "$code" >/work/dumped.part
  mv /work/dumped.part /work/dumped
}
# The name that $1 encodes, in $decoded; a substitution alone would cut newlines off its end.
decode() {
  decoded=$(printf '%bx' "$1")
  decoded=${decoded%x}
}
dump_all() {
  set -e
  command -v mysqldump >/dev/null || { echo 'the image has no mysqldump; images of mysql have it' >&2; exit 1; }
  mkdir -p "$dump/tables"
  set --
  while read -r encoded; do
    decode "$encoded"
    set -- "$@" "$decoded"
  done </work/databases
  # Triggers come after the rows, which they must not change again.
  dump_sql --no-data --routines --events --skip-triggers --databases -- "$@" >"$dump/schema.sql"
  dump_sql --no-data --no-create-info --no-create-db --triggers --databases -- "$@" >"$dump/triggers.sql"
  number=0 running=''
  while read -r database table; do
    number=$((number + 1))
    decode "$database" && database=$decoded
    decode "$table" && table=$decoded
    file=$dump/tables/$number.sql
    # shellcheck disable=SC2016
    { printf 'USE `%s`;\n' "$(printf %s "$database" | sed 's/`/``/g')" &&
      dump_sql --no-create-info --skip-triggers -- "$database" "$table"; } >"$file" &
    running="$running $!"
    if [ $((number % at_once)) -eq 0 ]; then wait_all; fi
  done </work/tables
  wait_all
}
wait_all() {
  for one in $running; do wait "$one" || return $?; done
  running=''
}
# A new data directory of this image's version with everything that was dumped, its GTIDs and accounts; it counts when all
# is in it. A failed load ends with a status that says whether the dump is why (agent/jobs/local.py, `blames`).
load_dump() {
  name=loading # by its own socket: the next steps wait for the server that comes after it
  if [ -e "$dump/begun" ]; then
    echo 'logical.sh: this container was killed while it loaded the dump, of which a part is gone: fetch it again' >&2
    exit 137
  fi
  : >"$dump/begun"
  rm -rf "$data.half"
  mkdir -p "$data.half"
  copy --datadir="$data.half" --initialize-insecure
  # Not every shell notices by `kill -0` that a process has ended: it leaves a file.
  {
    ended=0
    copy --datadir="$data.half" --super-read-only=OFF --max-allowed-packet=1G || ended=$?
    : >"/work/$name.ended"
    exit "$ended"
  } &
  loading=$!
  until sql -e 'SELECT 1' >/dev/null 2>&1; do
    [ ! -e "/work/$name.ended" ] || end_load 1
    sleep 0.3
  done
  code=0
  load_all || code=$?
  [ "$code" = 0 ] || end_load "$code"
  wait "$loading"
  mv "$data.half" "$data"
}
# Ends with the server's status if it was killed or crashed, as its clients fail too then; else with the client's, $1.
end_load() {
  if [ ! -e "/work/$name.ended" ]; then
    pid=$(cat "/work/$name.pid" 2>/dev/null) || true
    [ -n "$pid" ] || exit "$1" # it would be waited for until the Job's time limit
    kill "$pid" 2>/dev/null || true
  fi
  wait "$loading" || exit $?
  exit "$1"
}
load_all() {
  sql <"$dump/schema.sql" 2>>/work/load.log || return $?
  running='' number=0
  for file in "$dump"/tables/*.sql; do
    [ -e "$file" ] || continue
    number=$((number + 1))
    { sql <"$file" 2>>/work/load.log && rm "$file"; } &
    running="$running $!"
    if [ $((number % at_once)) -eq 0 ]; then wait_all || return $?; fi
  done
  wait_all || return $?
  sql <"$dump/triggers.sql" 2>>/work/load.log || return $?
  # Rights can be changed only once their tables are loaded; this connection keeps its own.
  # The errors of this step may repeat a password's hash: for the log only, except for their numbers.
  { echo 'FLUSH PRIVILEGES;' && cat "$dump/accounts.sql" && echo 'SHUTDOWN;'; } | sql 2>/tmp/accounts.log || {
    failed=$?
    cat /tmp/accounts.log >&2
    sed -n 's/^\(ERROR [0-9]*\).*/\1/p' /tmp/accounts.log >>/work/load.log
    return "$failed"
  }
}
