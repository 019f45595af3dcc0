#!/bin/sh
# Data was destroyed by a statement, or a cluster is lost: the backup becomes a cluster of another name, next to whatever is
# left, so that nothing is overwritten. Also works in another region, once it has the target. docs/runbooks/restore.md
set -eu
if [ $# -lt 2 ]; then
  mysqlops backup list
  echo "usage: restore.sh BACKUP NEW-NAME [options of mysqlops restore]" >&2
  exit 2
fi
. "$(dirname "$0")/common.sh"

backup=$1 copy=$2
shift 2
mysqlops restore "$backup" --as "$copy" --dry-run "$@"
mysqlops restore "$backup" --as "$copy" "$@"
await "$copy" 900 healthy
mysqlops status "$copy"
