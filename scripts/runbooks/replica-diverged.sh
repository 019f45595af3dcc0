#!/bin/sh
# A replica holds transactions that its group lacks, or its volume is damaged: it is rebuilt from the group.
# That discards what only it holds, hence the third argument. docs/runbooks/replica-diverged.md
set -eu
name=${1:?usage: replica-diverged.sh NAME MEMBER [accept-loss]} member=${2:?which MEMBER?}
. "$(dirname "$0")/common.sh"

mysqlops status "$name" || true
if [ "${3:-}" = accept-loss ]; then
  mysqlops member rebuild "$name" "$member" --confirm "$member" --accept-loss
else
  mysqlops member rebuild "$name" "$member" --confirm "$member"
fi
await "$name" 600 healthy
mysqlops status "$name"
