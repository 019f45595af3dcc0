"""The accounts of a server as the statements that make them on another one, of whatever version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mysqlops.mysql import accounts, connect

_DEFAULT_ROLE = re.compile(r" DEFAULT ROLE (.+?)(?= REQUIRE )")
_BUILT_IN = ("root@localhost",)  # there on every new server
Statements = Mapping[str, Sequence[str]]


def read(server: connect.Server) -> dict[str, list[str]]:
    """By account: the statement that creates it, then its grants. Loads the tables of rights, for a server that runs
    without them (--skip-grant-tables): after that no other connection gets in."""
    server.query("FLUSH PRIVILEGES")
    server.query("SET SESSION print_identified_with_as_hex = ON")
    found = {}
    rows = server.query("SELECT user, host FROM mysql.user WHERE user NOT LIKE 'mysql.%%' ORDER BY user, host")
    for user, host in rows:
        account = f"{accounts.quote(str(user))}@{accounts.quote(str(host))}"
        created = str(server.query(f"SHOW CREATE USER {account}")[0][0])
        grants = [str(grant) for (grant,) in server.query(f"SHOW GRANTS FOR {account}")]
        found[f"{user}@{host}"] = [created, *grants]
    return found


def script(found: Statements, gtids: str) -> str:
    """All accounts first, then what they may, then default roles; and which transactions the data holds."""
    creating, granting, roles = [], [], []
    for name, (created, *grants) in found.items():
        if default := _DEFAULT_ROLE.search(created):
            account = created.partition(" IDENTIFIED ")[0].removeprefix("CREATE USER ")
            roles.append(f"ALTER USER {account} DEFAULT ROLE {default[1]}")
        bare = _DEFAULT_ROLE.sub("", created)
        creating.append(bare.replace("CREATE USER", "ALTER USER", 1) if name in _BUILT_IN else bare)
        granting += grants
    lines = [*creating, *granting, *roles, f"SET GLOBAL gtid_purged = {accounts.quote(gtids)}"]
    return "".join(f"{line};\n" for line in lines)
