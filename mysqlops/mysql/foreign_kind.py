"""Whether a server is a MySQL that `adopt` can copy. Other servers speak its protocol, and many report one of its
versions; a last copy relies on what only MySQL does (super_read_only, GTIDs).

It is asked before anything else, in statements that all of them take: a session's settings already differ between them.
"""

from __future__ import annotations

from mysqlops.core import series
from mysqlops.core.version import find
from mysqlops.errors import Reason, Refused
from mysqlops.mysql import connect

_ASKED = "SELECT @@version, @@version_comment"
# Every MySQL since 5.6 has it, and so have Percona's and the clouds' builds. A version may be any text in MariaDB.
_PROOF = "SHOW GLOBAL VARIABLES LIKE 'server_uuid'"
# In the version or the comment of a server that is none, or of a proxy, which may send each statement elsewhere.
_OTHERS = {
    "mariadb": "MariaDB",
    "tidb": "TiDB",
    "oceanbase": "OceanBase",
    "vitess": "Vitess",
    "planetscale": "PlanetScale",
    "singlestore": "SingleStore",
    "memsql": "SingleStore",
    "starrocks": "StarRocks",
    "doris": "Doris",
    "clickhouse": "ClickHouse",
    "dolt": "Dolt",
    "proxysql": "ProxySQL",
    "readyset": "Readyset",
}
_LONGEST = 60
_LOAD = (
    "load a dump of it into a MySQL server, check what its programs and applications do there, and adopt that server"
)


def must_be_mysql(source: connect.Server) -> None:
    """Raises Refused with the server's own words for what it is."""
    version, comment = (str(text or "")[:_LONGEST] for text in source.query(_ASKED)[0])
    said, oldest = f"{version} ({comment})", series.OLDEST_SOURCE
    needed = f"adopt supports MySQL {oldest.major}.{oldest.minor} and later"
    words = f"{version} {comment}".lower()
    other = next((name for word, name in _OTHERS.items() if word in words), "")
    found = find(version)
    if other:
        reason = Reason("unfit-source", f"the source is {other}, {said}: {needed}", _LOAD)
    elif found is None or found < oldest:
        upgrade = f"upgrade it to MySQL {oldest.major}.{oldest.minor} or later first"
        reason = Reason("unfit-source", f"the source is of version {said}: {needed}", upgrade)
    elif not source.query(_PROOF):
        text = f"the source says that it is {said}, but has no server_uuid, as every MySQL has: {needed}"
        reason = Reason("unfit-source", text, _LOAD)
    else:
        return
    raise Refused([reason])
