#!/bin/sh
# Holds mysqld back until the agent has handed the primary over and left the group, or for 30 s.
i=0
while [ ! -e /run/mysqlops/left ] && [ "$i" -lt 300 ]; do
  sleep 0.1
  i=$((i + 1))
done
