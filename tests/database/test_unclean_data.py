"""Data of a server that died while clients committed, and whose pod starts again during `restore --revert`: `prepare`
gives its accounts today's passwords first. What the server was committing is in its binary log, and in the group. Real
servers."""

from __future__ import annotations

import re

import pytest

from mysqlops.core.gtid import GtidSet
from tests.database.member_volume import MemberVolume

pytestmark = pytest.mark.database

_SOCKET = "/run/mysqlops/mysqld.sock"
_SERVE = f"""
mysqld --defaults-file=/etc/mysqlops/my.cnf --datadir=/var/lib/mysql/data --skip-networking --skip-grant-tables \
  --super-read-only=OFF --read-only=OFF --offline-mode=OFF --plugin-load= --plugin-load-add= >/tmp/log 2>&1 &
server=$!
until mysql -S {_SOCKET} -e 'SELECT 1' >/dev/null 2>&1; do
  sleep 0.2
  kill -0 "$server" || {{ cat /tmp/log; exit 1; }}
done
"""
_DIE = f"""{_SERVE}
mysql -S {_SOCKET} -e 'CREATE TABLE app.t (n INT AUTO_INCREMENT PRIMARY KEY, c CHAR(200))'
for client in 1 2 3 4 5 6 7 8; do
  yes "INSERT INTO app.t (c) VALUES ('x');" | mysql -S {_SOCKET} >/dev/null 2>&1 &
done
sleep 2
kill -9 "$server"
wait || true
"""
_COUNT = f"""{_SERVE}
mysql -S {_SOCKET} -BNe "SELECT CONCAT('rows=', COUNT(*)) FROM app.t; SELECT CONCAT('gtids=', @@gtid_executed)"
mysql -S {_SOCKET} -e SHUTDOWN
wait || true
cat /tmp/log
"""


def test_what_it_was_committing_is_there_afterwards(member_volume: MemberVolume) -> None:
    member_volume.run(_DIE)
    told = member_volume.run("printf reset >/run/statements/of-before; sh /etc/mysqlops/prepare.sh; echo status $?")
    assert told.endswith("status 0"), told[-2000:]
    counted = member_volume.run(_COUNT)
    rows = int(re.search(r"^rows=(\d+)$", counted, re.MULTILINE)[1])  # type: ignore[index]
    gtids = GtidSet.parse(re.search(r"^gtids=(.+)$", counted, re.MULTILINE)[1])  # type: ignore[index]
    assert rows > 0
    assert gtids.count() == rows + 1, "one of them created the table"
