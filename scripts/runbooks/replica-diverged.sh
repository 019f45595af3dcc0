#!/bin/sh
# A replica holds transactions that its group lacks, or its volume is damaged: it begins anew from the group.
# What only it holds is gone then, hence the third word. docs/runbooks/replica-diverged.md
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
