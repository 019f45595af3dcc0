#!/bin/sh
# The region is lost, or must be left: another namespace or context, chosen by MYSQLOPS_CONTEXT and MYSQLOPS_NAMESPACE,
# gets the backup target and a cluster from the newest backup. Writes after that backup are not in it.
# docs/runbooks/region-moved.md
set -eu
if [ $# -lt 6 ]; then
  echo "usage: region-moved.sh TARGET S3-URL CREDENTIALS-SECRET PASSWORD-SECRET BACKUP NAME [options of restore]" >&2
  exit 2
fi
. "$(dirname "$0")/common.sh"

target=$1 url=$2 credentials=$3 password=$4 backup=$5 name=$6
shift 6
case " $* " in
*' --accept-unsigned '*) ;; # nobody kept the key: the user vouches for the backup
*) set -- --signed-by "$password" "$@" ;;
esac
mysqlops backup target add "$target" --s3 "$url" --credentials "$credentials" --password-secret "$password"
mysqlops backup list --target "$target"
mysqlops restore "$backup" --as "$name" --target "$target" "$@"
await "$name" 900 healthy
mysqlops status "$name"
say "give the applications the Service $name-primary of here; then: mysqlops backup schedule set $name --cron ..."
