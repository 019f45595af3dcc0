#!/bin/sh
# Dumps and loads as SQL, for a backup that any version can read; part of mysqld.sh. Tables go several at a time: the
# server of the copy takes no writes, so that all dumps are of one moment.
at_once=4
dump=/scratch/copy/dump
sql() {
  mysql --no-defaults --socket="/work/$name.sock" --user=root --default-character-set=utf8mb4 "$@"
}
dump_sql() {
  mysqldump --no-defaults --socket="/work/$name.sock" --user=root --default-character-set=utf8mb4 --quick --hex-blob \
    --skip-lock-tables --set-gtid-purged=OFF --no-tablespaces "$@"
}
# At the word of /work/dump: the databases in /work/databases, the tables in /work/tables ("database<TAB>table").
dump_when_told() {
  while [ ! -e /work/dump ]; do sleep 0.2; done
  code=0
  (dump_all) >/work/dump.log 2>&1 &
  wait $! || code=$?
  echo "$code" >/work/dumped.part
  mv /work/dumped.part /work/dumped
}
dump_all() {
  set -e
  command -v mysqldump >/dev/null || { echo 'the image has no mysqldump; images of mysql have it' >&2; exit 1; }
  mkdir -p "$dump/tables"
  set --
  while IFS= read -r database; do set -- "$@" "$database"; done </work/databases
  # Triggers come after the rows, which they must not change again.
  dump_sql --no-data --routines --events --skip-triggers --databases "$@" >"$dump/schema.sql"
  dump_sql --no-data --no-create-info --no-create-db --triggers --databases "$@" >"$dump/triggers.sql"
  number=0 running=''
  while IFS='	' read -r database table; do
    number=$((number + 1))
    file=$dump/tables/$number.sql
    # shellcheck disable=SC2016
    { printf 'USE `%s`;\n' "$(printf %s "$database" | sed 's/`/``/g')" &&
      dump_sql --no-create-info --skip-triggers "$database" "$table"; } >"$file" &
    running="$running $!"
    if [ $((number % at_once)) -eq 0 ]; then wait_all; fi
  done </work/tables
  wait_all
}
wait_all() {
  for one in $running; do wait "$one" || return 1; done
  running=''
}
# A new data directory of this image's version with everything that was dumped, its GTIDs and accounts; it counts when all
# is in it.
load_dump() {
  name=loading # by its own socket: the next steps wait for the server that comes after it
  rm -rf "$data.half"
  mkdir -p "$data.half"
  copy --datadir="$data.half" --initialize-insecure
  copy --datadir="$data.half" --super-read-only=OFF &
  loading=$!
  until sql -e 'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$loading"
    sleep 0.3
  done
  if ! load_all; then
    kill "$loading"
    exit 1
  fi
  wait "$loading"
  mv "$data.half" "$data"
}
load_all() {
  sql <"$dump/schema.sql" || return 1
  running='' number=0
  for file in "$dump"/tables/*.sql; do
    [ -e "$file" ] || continue
    number=$((number + 1))
    { sql <"$file" && rm "$file"; } &
    running="$running $!"
    if [ $((number % at_once)) -eq 0 ]; then wait_all || return 1; fi
  done
  wait_all || return 1
  sql <"$dump/triggers.sql" || return 1
  # Rights can be changed only once their tables are loaded; this connection keeps its own.
  { echo 'FLUSH PRIVILEGES;' && cat "$dump/accounts.sql" && echo 'SHUTDOWN;'; } | sql
}
