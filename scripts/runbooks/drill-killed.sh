#!/bin/sh
# A drill's command was killed, or another drill is refused with drill-open: undo it and wait. docs/runbooks/drill-killed.md
set -eu
name=${1:?usage: drill-killed.sh NAME}
. "$(dirname "$0")/common.sh"

mysqlops drill abort "$name"
await "$name" 600 healthy
mysqlops status "$name"
