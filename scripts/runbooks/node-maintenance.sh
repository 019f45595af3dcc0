#!/bin/sh
# A node must be drained: if the primary is on it, another member takes over first, so that writes stop only for a moment.
# docs/runbooks/node-maintenance.md
set -eu
name=${1:?usage: node-maintenance.sh NAME MEMBER-ON-THAT-NODE} member=${2:?which MEMBER is on that node?}
. "$(dirname "$0")/common.sh"

[ "$(state "$name")" = healthy ] || {
  mysqlops status "$name" || true
  say "not now: with one member away already, draining another could stop $name"
  exit 1
}
if mysqlops status "$name" -o json | grep -q "\"primary\": \"$member\""; then
  mysqlops switchover "$name"
fi
say "now: kubectl drain NODE; afterwards: kubectl uncordon NODE, and primary-lost.sh $name waits until all is well"
