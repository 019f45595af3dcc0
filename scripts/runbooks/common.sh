# shellcheck shell=sh
# Functions that the runbooks share; sourced, never run. Only mysqlops commands; MYSQLOPS_NAMESPACE and MYSQLOPS_CONTEXT choose where.

# healthy, degraded (it can be written) or down, by the exit status of `status`.
state() {
  code=0
  mysqlops status "$1" >/dev/null 2>&1 || code=$?
  case $code in
  0) echo healthy ;;
  8) echo degraded ;;
  9) echo down ;;
  *) echo unknown ;;
  esac
}

# Waits until the cluster is in one of the states, or fails after that many seconds: await NAME SECONDS STATE...
await() {
  name=$1 left=$2
  shift 2
  while :; do
    now=$(state "$name")
    for wanted in "$@"; do
      [ "$now" = "$wanted" ] && return 0
    done
    [ "$left" -gt 0 ] || return 1
    sleep 2
    left=$((left - 2))
  done
}

say() {
  echo "== $*" >&2
}
