#!/bin/sh
# The primary is lost. The others elect a new one by themselves; this waits for it. docs/runbooks/primary-lost.md
set -eu
name=${1:?usage: primary-lost.sh NAME}
. "$(dirname "$0")/common.sh"

say "until $name can be written"
if ! await "$name" 120 healthy degraded; then
  mysqlops status "$name" || true
  say "no primary after two minutes: are all members gone? then full-outage.sh $name"
  exit 1
fi
say "until every member is back"
if ! await "$name" 600 healthy; then
  mysqlops status "$name" || true
  say "a member does not come back; what it waits for is above: replica-diverged.sh, disk-full.sh, or its node"
  exit 1
fi
mysqlops status "$name"
