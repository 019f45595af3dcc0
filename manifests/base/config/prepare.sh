#!/bin/sh
# Initialises an empty volume, atomically: `data` appears only once it is complete, accounts included.
# It never touches a volume that holds anything else. Needs no tool but sh, mysqld and coreutils.
set -eu
volume=${MYSQLOPS_VOLUME:-/var/lib/mysql}
data=$volume/data
# Not a hidden name: InnoDB overlooks its own files below one, and the second start fails.
half=$volume/initialising
config=/etc/mysqlops/my.cnf

# GTIDs off and no binary log: the accounts exist alike on every member and must not count as its own transactions.
once="--skip-log-bin --gtid-mode=OFF --enforce-gtid-consistency=OFF --super-read-only=OFF --read-only=OFF
  --plugin-load= --plugin-load-add= --require-secure-transport=OFF --innodb-flush-log-at-trx-commit=2
  --persisted-globals-load=OFF --event-scheduler=OFF --max-prepared-stmt-count=16382"
# As the member's own server starts, but alone.
logged="--plugin-load= --plugin-load-add= --require-secure-transport=OFF --persisted-globals-load=OFF --event-scheduler=OFF"
# They hold no password, only hashes of them; and nobody needs them again.
statements=/run/statements

# Waits until one file system is on its disk, and fails if that does. A plain sync, where the image has no other, waits for
# whatever the node's other pods have written, too.
flush() {
  if sync -f /proc 2>/dev/null; then sync -f "$1"; else sync; fi
}

# Runs the statements of a file on a data directory, within so many seconds and with these options; they end with
# SHUTDOWN. After one that fails mysqld goes on without the rest, and would stay up: it is stopped, and its own words are
# the last ones here, where `mysqlops status` finds them.
run_statements() {
  said=/tmp/prepare.log
  # shellcheck disable=SC2086
  mysqld --defaults-file=$config --datadir="$1" $4 --skip-networking --init-file="$2" >"$said" 2>&1 &
  server=$!
  left=$(($3 * 5))
  while kill -0 "$server" 2>/dev/null && [ "$left" -gt 0 ] && ! grep -q 'ready for connections' "$said"; do
    sleep 0.2
    left=$((left - 1))
  done
  if kill -0 "$server" 2>/dev/null && ! grep -q 'Received SHUTDOWN' "$said"; then
    kill "$server" 2>/dev/null || true
    wait "$server" || true
    cat "$said"
    why=$(grep -F '[ERROR]' "$said" | tail -n 1)
    echo "prepare: mysqld did not run all statements of $2: ${why:-no error is in its log}" >&2
    return 1
  fi
  status=0
  wait "$server" || status=$?
  cat "$said"
  return "$status"
}

if [ -d "$data" ]; then
  for asked in "$volume/restored" $statements/of-before; do
    [ -e "$asked" ] || continue
    # It says what the data is to be: another cluster's or of another time, or this member's again. Whoever has had
    # mysqld's container may have written it.
    case $(cat "$asked") in
    '' | reset) file=$statements/reset.sql ;;
    rejoin) file=$statements/rejoin.sql ;;
    *)
      echo "prepare: refused: $asked is not of mysqlops; nothing was changed." >&2
      exit 1
      ;;
    esac
    echo "prepare: the data was restored: giving its accounts this cluster's passwords"
    # Of a server that died, the binary log decides what it was committing: the group has that. A server without one rolls
    # it back, and the next one takes it for executed all the same (tests/database/test_unclean_data.py).
    if [ -e "$data/binlog.index" ]; then
      echo 'SHUTDOWN;' >/tmp/shutdown.sql
      run_statements "$data" /tmp/shutdown.sql 600 "$logged"
    fi
    run_statements "$data" "$file" 600 "$once"
    flush "$volume"
    rm -f "$volume/restored"
    break
  done
  rm -f "$statements"/*
  echo "prepare: $data exists: keeping it"
  exit 0
fi
# shellcheck disable=SC2045 # a name with a blank is a foreign one, and so is each of its words
for entry in $(ls -A "$volume"); do
  case $entry in
  lost+found | initialising) ;;
  *)
    echo "prepare: refused: the volume holds '$entry', which mysqlops did not write; nothing was changed." >&2
    echo "prepare: move it away, or use another claim." >&2
    exit 1
    ;;
  esac
done

rm -rf "$half"
mkdir -m 0750 "$half"
echo "prepare: initialising $data"
# shellcheck disable=SC2086
mysqld --defaults-file=$config --datadir="$half" $once --initialize-insecure
echo "prepare: creating the accounts"
run_statements "$half" $statements/accounts.sql 300 "$once"
rm -f "$half/auto.cnf"
flush "$volume"
mv "$half" "$data"
flush "$volume"
rm -f "$statements"/*
echo "prepare: done"
