#!/bin/sh
# Volumes are full: they grow while the members run, and members that left the group come back by themselves.
# docs/runbooks/disk-full.md
set -eu
name=${1:?usage: disk-full.sh NAME SIZE} size=${2:?SIZE, such as 100Gi}
. "$(dirname "$0")/common.sh"

mysqlops status "$name" || true
mysqlops storage resize "$name" --size "$size"
say "until every member has room and is back"
await "$name" 900 healthy
mysqlops status "$name"
