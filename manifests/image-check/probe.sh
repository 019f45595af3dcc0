#!/bin/sh
# What an image of MySQL has, as one line of JSON: looked for, because the builds of different vendors differ. Then the
# check of my.cnf, whose exit status counts. Only the shell's own words: an image may have no other programs.
look() {
  tools='' plugins='' dir='' libc=unknown user=unknown
  for tool in mysql mysqldump mysqlbinlog mysqladmin mysqlsh openssl; do
    command -v "$tool" >/dev/null 2>&1 && tools="$tools $tool"
  done
  # Line by line: to search the whole text takes a shell minutes.
  dir=$(mysqld --no-defaults --datadir=/tmp --verbose --help 2>/dev/null | while read -r name value; do
    [ "$name" != plugin-dir ] || { printf '%s' "$value" && break; }
  done)
  for plugin in group_replication mysql_clone connection_control component_connection_control; do
    [ -n "$dir" ] && [ -e "${dir%/}/$plugin.so" ] && plugins="$plugins $plugin"
  done
  for file in /lib/ld-musl-* /lib64/ld-linux-* /lib/ld-linux-* /lib/*/ld-linux-*; do
    [ -e "$file" ] || continue
    case $file in *musl*) libc=musl ;; *) libc=glibc ;; esac
    break
  done
  command -v id >/dev/null 2>&1 && user=$(id -u)
  printf 'image {"tools":"%s","plugins":"%s","plugin_dir":"%s","libc":"%s","user":"%s"}\n' \
    "${tools# }" "${plugins# }" "$dir" "$libc" "$user"
}

mysqld --version || exit 1
look
printf '%s' "$MY_CNF" >/tmp/my.cnf
mysqld --defaults-file=/tmp/my.cnf --validate-config
