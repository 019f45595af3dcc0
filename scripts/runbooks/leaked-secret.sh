#!/bin/sh
# A password or a key has leaked. Every secret gets a successor while the old one still works; run it again with `finish` when
# the applications have the new ones: that removes the old ones. docs/runbooks/leaked-secret.md
set -eu
name=${1:?usage: leaked-secret.sh NAME [finish]}
. "$(dirname "$0")/common.sh"

if [ "${2:-}" = finish ]; then
  mysqlops tls rotate "$name" --drop-old-ca --yes
  mysqlops users rotate "$name" --finish --yes
  # The members use the replication account's old password until they restart.
  mysqlops restart "$name"
  mysqlops users rotate "$name" --finish --yes
  await "$name" 120 healthy
else
  mysqlops users rotate "$name"
  mysqlops tls rotate "$name" --new-ca
  await "$name" 120 healthy degraded # `status` shows the open rotation
  say "give the applications the password and ca.crt of now; then: leaked-secret.sh $name finish"
fi
