#!/bin/sh
# All members are gone at once. They form the group again by themselves once each has reported what it holds; this waits for
# it. If one is lost for good, `accept-loss` continues without it. docs/runbooks/full-outage.md
set -eu
name=${1:?usage: full-outage.sh NAME [accept-loss]}
. "$(dirname "$0")/common.sh"

say "until $name can be written"
if ! await "$name" 180 healthy degraded; then
  mysqlops status "$name" || true
  if [ "${2:-}" != accept-loss ]; then
    say "a member is missing; what would be lost without it:"
    mysqlops recover "$name" || true
    say "bring it back, or give it up: full-outage.sh $name accept-loss"
    exit 1
  fi
  mysqlops recover "$name" --accept-loss --confirm "$name"
  await "$name" 180 healthy degraded
fi
[ "${2:-}" = accept-loss ] || await "$name" 600 healthy || say "it can be written, and not every member is back"
mysqlops status "$name" || [ "$(state "$name")" = degraded ]
