#!/bin/sh
# Steps with restic on a target's repository: restic.sh init | look | store FOLDER | store-copy FOLDER | fetch | fetch-logs | forget |
# forget-only | export SNAPSHOT FILE | add-key | remove-key | run ARGUMENTS… | serve, which does what /work/todo says.
# /run/target is the target's Secret. restic's own variables among its keys are exported (core/target.py has the same list),
# and no other key: one could name a program to execute. No argument holds a secret.
set -eu
for file in /run/target/*; do
  key=${file##*/}
  case $key in
  AWS_ACCESS_KEY_ID | AWS_SECRET_ACCESS_KEY | AWS_SESSION_TOKEN | AWS_DEFAULT_REGION | \
    RESTIC_AWS_ASSUME_ROLE_ARN | RESTIC_AWS_ASSUME_ROLE_SESSION_NAME | RESTIC_AWS_ASSUME_ROLE_EXTERNAL_ID | \
    RESTIC_AWS_ASSUME_ROLE_POLICY | RESTIC_AWS_ASSUME_ROLE_REGION | RESTIC_AWS_ASSUME_ROLE_STS_ENDPOINT | \
    AZURE_ACCOUNT_NAME | AZURE_ACCOUNT_KEY | AZURE_ACCOUNT_SAS | AZURE_ENDPOINT_SUFFIX | \
    B2_ACCOUNT_ID | B2_ACCOUNT_KEY | GOOGLE_PROJECT_ID | GOOGLE_ACCESS_TOKEN | GOOGLE_APPLICATION_CREDENTIALS | \
    ST_AUTH | ST_USER | ST_KEY | OS_AUTH_URL | OS_REGION_NAME | OS_USERNAME | OS_USER_ID | OS_PASSWORD | OS_TENANT_ID | \
    OS_TENANT_NAME | OS_USER_DOMAIN_NAME | OS_USER_DOMAIN_ID | OS_PROJECT_NAME | OS_PROJECT_DOMAIN_NAME | \
    OS_PROJECT_DOMAIN_ID | OS_TRUST_ID | OS_APPLICATION_CREDENTIAL_ID | OS_APPLICATION_CREDENTIAL_NAME | \
    OS_APPLICATION_CREDENTIAL_SECRET | OS_STORAGE_URL | OS_AUTH_TOKEN | SWIFT_DEFAULT_CONTAINER_POLICY | \
    RESTIC_REST_USERNAME | RESTIC_REST_PASSWORD)
    export "$key=$(cat "$file")" ;;
  esac
done
RESTIC_REPOSITORY=$(cat /run/target/repository)
export RESTIC_REPOSITORY RESTIC_PASSWORD_FILE=/run/target/password RESTIC_PROGRESS_FPS=1
if [ -e /run/target/aws-credentials ]; then export AWS_SHARED_CREDENTIALS_FILE=/run/target/aws-credentials; fi
if [ -e /run/target/ca.crt ]; then export RESTIC_CACERT=/run/target/ca.crt; fi
# As in prepare.sh: one file system, or all of the node's where the image has no other sync.
flush() {
  if sync -f /proc 2>/dev/null; then sync -f "$1"; else sync; fi
}
# Whether an earlier run has compared the data on the volume and put it into its place. Of a volume snapshot, code in the
# member's container may have written anything, but restic's id of the entry is younger than the snapshot.
is_placed() {
  [ -f /scratch/restored-from ] && [ ! -L /scratch/restored-from ] &&
    [ "$(cat /scratch/restored-from)" = "$(cat /work/chosen)" ]
}
# The digest of the relay logs in /scratch/chunk, as mysqlops/core/binlog.py chains it; "-" for none.
chained() {
  sum=''
  for file in /scratch/chunk/relay.*; do
    [ -e "$file" ] || continue
    own=$(sha256sum <"$file")
    sum=$(printf '%s%s' "$sum" "${own%% *}" | sha256sum)
    sum=${sum%% *}
  done
  echo "${sum:--}"
}
run_step() {
  step=$1
  shift
  case $step in
  init) # a repository, unless there is one; on S3 this makes the bucket too
    if told=$(restic --no-cache init 2>&1); then
      echo made
    else
      case $told in
      *'already exists'* | *'already initialized'*) restic --no-cache cat config >/dev/null ;;
      *)
        echo "$told" >&2
        exit 1
        ;;
      esac
    fi
    ;;
  look) # what the repository holds: the next steps choose from it, and a bad target ends the Job before any copying
    # Locks of runs that died over half an hour ago; an append-only target lets nobody remove them.
    restic --no-cache unlock >/dev/null 2>&1 || true
    restic --no-cache --json snapshots --tag mysqlops "$@" >/work/snapshots.json
    ;;
  store) # a folder, under the tags that /work/tags lists; options of restic may follow
    cd "$1"
    shift
    set -- "$@" --exclude auto.cnf --exclude mysqld-auto.cnf --exclude '#innodb_temp'
    while IFS= read -r tag; do set -- "$@" --tag "$tag"; done </work/tags
    restic --no-cache --json --retry-lock 10m backup --host mysqlops ${LIMIT:+--limit-upload "$LIMIT"} "$@" .
    ;;
  store-copy) # the same, read whole: an earlier snapshot, which anybody may have made, must not say what a file holds.
    # /work/stored.json is then what the repository has, by the id that restic itself made here.
    rm -f /work/said
    mkfifo /work/said
    while IFS= read -r line; do
      printf '%s\n' "$line"
      printf '%s\n' "$line" >/work/stored
    done </work/said &
    run_step store "$1" --force >/work/said
    wait
    id=$(sed -n 's/.*"snapshot_id":"\([0-9a-f]\{64\}\)".*/\1/p' /work/stored)
    [ -n "$id" ]
    restic --no-cache --json snapshots -- "$id" >/work/stored.json
    ;;
  fetch) # the snapshot that /work/chosen names; the data of a volume snapshot is on the volume, as its member left it
    if [ "$(cat /work/method)" != snapshot ]; then
      if [ -e /scratch/data ]; then
        echo 'fetch: the volume holds data already: keeping it'
        exit 0
      fi
      rm -rf /scratch/copy
    elif [ -e /scratch/data ]; then
      if is_placed; then
        echo 'fetch: the volume holds the data of this backup already: keeping it'
        exit 0
      fi
      rm -rf /scratch/copy /scratch/restored /scratch/restored-from
      mkdir /scratch/copy
      mv /scratch/data /scratch/copy/data
    fi
    restic --no-cache --json --retry-lock 10m restore --target /scratch/copy --verify -- "$(cat /work/chosen)"
    ;;
  fetch-logs) # the chunks that /work/logs names, as one row of relay logs. A line is DIGEST SNAPSHOT…: of these snapshots,
    # which all show the same facts, the one whose files have the digest. Agents of an older release write SNAPSHOT alone.
    if [ -e /scratch/data ]; then exit 0; fi
    rm -rf /scratch/replay /scratch/chunk
    mkdir /scratch/replay
    count=0
    while read -r digest snapshots; do
      code=0
      for snapshot in ${snapshots:-"$digest"}; do
        rm -rf /scratch/chunk
        if ! restic --no-cache --json --retry-lock 10m restore --target /scratch/chunk --verify -- "$snapshot"; then
          code=1
        elif [ "$(chained)" = "$digest" ]; then
          code=0
          break
        fi
      done
      # Files that have another digest are refused before they are applied.
      [ "$code" = 0 ] || exit "$code"
      for file in /scratch/chunk/relay.*; do
        [ -e "$file" ] || continue # a chunk may hold the word alone that nothing came
        count=$((count + 1))
        name=/scratch/replay/$(printf 'relay.%06d' "$count")
        mv "$file" "$name"
        echo "$name" >>/scratch/replay/relay.index
      done
      rm -rf /scratch/chunk
    done </work/logs
    ;;
  forget-only) # the snapshots that /work/forget names; what only they used is freed by the next pruning
    set --
    while IFS= read -r snapshot; do set -- "$@" "$snapshot"; done </work/forget
    restic --no-cache --retry-lock 2m forget -- "$@"
    ;;
  forget) # the snapshots that /work/forget names, and what only they used
    set --
    while IFS= read -r snapshot; do set -- "$@" "$snapshot"; done </work/forget
    [ $# -gt 0 ] || exit 0
    # As process 1 it gets the signal that ends the pod, and takes its lock away.
    exec restic --no-cache --retry-lock 10m forget --prune -- "$@"
    ;;
  export) # snapshot $1 as the tar file $2 on the volume, complete or not at all
    if [ -e "/scratch/$2" ]; then
      echo "export: the claim holds a file $2 already" >&2
      exit 3
    fi
    rm -f "/scratch/$2.part"
    restic --no-cache dump --archive tar -- "$1" / >"/scratch/$2.part"
    flush /scratch
    mv "/scratch/$2.part" "/scratch/$2"
    sha256sum "/scratch/$2"
    ;;
  add-key) # the second password of a rotation opens the repository too; nothing if it does already
    if ! RESTIC_PASSWORD_FILE=/run/target/new-password restic --no-cache cat config >/dev/null 2>&1; then
      restic --no-cache --retry-lock 2m key add --new-password-file /run/target/new-password
    fi
    # Only this proves that the old one may go.
    RESTIC_PASSWORD_FILE=/run/target/new-password restic --no-cache cat config >/dev/null
    ;;
  remove-key) # the key that the old password opens; those that somebody else added stay
    if [ ! -e /run/target/old-password ]; then
      echo 'remove-key: the Secret holds no old password' >&2
      exit 1
    fi
    # Only this proves that the Secret's password is enough without the old one.
    restic --no-cache cat config >/dev/null
    if [ "$(cat /run/target/old-password)" = "$(cat /run/target/password)" ]; then exit 0; fi
    code=0
    told=$(RESTIC_PASSWORD_FILE=/run/target/old-password restic --no-cache key list 2>&1) || code=$?
    case $code:$told in
    0:*)
      old=$(printf '%s\n' "$told" | sed -n 's/^\*\([0-9a-f]*\).*/\1/p')
      restic --no-cache --retry-lock 2m key remove -- "$old"
      ;;
    12:* | *'wrong password'*) ;; # a run that was killed has removed it
    *) # without an answer, the key may still open the repository
      echo "$told" >&2
      exit "$code"
      ;;
    esac
    restic --no-cache cat config >/dev/null
    ;;
  run)
    exec restic --no-cache "$@"
    ;;
  esac
}

if [ "$1" != serve ]; then
  run_step "$@"
  exit
fi
# One step at a time, as /work/todo says; /work/done then has its exit status, and what it said last.
rm -f /work/todo
trap 'exit 0' TERM
while :; do
  if [ -e /work/todo ]; then
    code=0
    # In the background, as `set -e` is off in a command whose status is looked at.
    # shellcheck disable=SC2046
    (run_step $(cat /work/todo)) >/work/said 2>&1 &
    wait $! || code=$?
    { echo "$code" && tail -c 2000 /work/said; } >/work/done.part
    mv /work/done.part /work/done
    rm /work/todo
  fi
  sleep 0.2
done
