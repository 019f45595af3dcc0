#!/bin/sh
# MySQL Shell's upgrade checker on the running primary. Its JSON goes to stdout, as the Shell prints it. The password goes
# through stdin: nothing else in the pod may see it, and it is never an argument or a variable.
# https://dev.mysql.com/doc/mysql-shell/9.7/en/mysql-shell-utilities-upgrade.html
folder=/run/checker user=''
[ -r "$folder/password" ] && IFS= read -r user <"$folder/username" || :
case $user in
  '') echo 'mysqlops: the Secret has no username and password' && exit 3 ;;
  *[!A-Za-z0-9_.-]*) echo 'mysqlops: the user name has characters other than A-Z, a-z, 0-9, _, . and -' && exit 3 ;;
esac
printf '%s' "$MY_CNF" >/tmp/my.cnf
# It writes logs and settings, and would offer to keep the password.
export HOME=/tmp MYSQLSH_USER_CONFIG_HOME=/tmp/mysqlsh MYSQLSH_CREDENTIAL_STORE_HELPER='<disabled>'
exec mysqlsh --passwords-from-stdin -- util check-for-server-upgrade \
  "$user@$PRIMARY:3306?ssl-mode=VERIFY_IDENTITY&ssl-ca=%2Frun%2Fca%2Fca.crt" \
  --target-version="$TARGET_VERSION" --config-path=/tmp/my.cnf --output-format=JSON <"$folder/password"
