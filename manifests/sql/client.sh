#!/bin/sh
# Runs the mysql client for `mysqlops sql`, in mysqld's container: client.sh terminal|pipe TERM WORD...
#
# Standard input brings the client's option file with the password first, then what the client reads. The file is in
# memory and has no name by the time it has content: nothing is left behind, however this ends.
umask 077
file=/dev/shm/mysqlops-sql-$$
rm -f "$file"
set -C
exec 4>"$file"
exec 3<"$file"
rm -f "$file"
how=$1
# The user's home is on the member's volume: a login path or key bindings in it would decide what is run, and where.
export TERM="$2" HOME=/ MYSQL_HISTFILE=/dev/null
shift 2

if [ "$how" = terminal ]; then
  # A terminal's line cannot hold every byte, hence base64; it is not sent before nothing is echoed any more.
  old=$(stty -g) && stty -echo || exit 125
  echo mysqlops-sql-ready
  IFS= read -r word || exit 125
  stty "$old"
  printf %s "$word" | base64 -d >&4 || exit 125
  exec 4>&-
  exec mysql --defaults-file=/proc/self/fd/3 "$@"
fi

# Parts, each after a line with its length; 0 ends the input. A connection that is lost looks like the end of a file, and
# the client would run the half of a statement that it has: it is killed before it sees that end. If it is the client
# that ended, `head` fails.
part() {
  read -r length || return 1
  [ "$length" -gt 0 ] || return 2
  head -c "$length" || return 2
}
feed() {
  while :; do
    part
    case $? in
    0) ;;
    2) return ;;
    *) kill -KILL 0 ;;
    esac
  done
}
part >&4 || exit 125
exec 4>&-
feed | mysql --defaults-file=/proc/self/fd/3 "$@"
