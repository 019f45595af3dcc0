"""The accounts of a server as statements that create them on another one, of any version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mysqlops import errors
from mysqlops.mysql import accounts, connect

# The text after the account's name: a clause inside quotes does not count, nor does a quoted name end early.
_NAME, _TEXT = r"`(?:[^`]|``)*`", r"'(?:[^'\\]|\\.|'')*'"
_DEFAULT_ROLE = re.compile(rf"((?:[^'`]|{_TEXT})*?) DEFAULT ROLE ((?:,?{_NAME}@{_NAME})+)", re.DOTALL)
_BUILT_IN = ("root@localhost",)  # exists on every new server
_SERVERS_OWN = ("mysql.sys", "mysql.session", "mysql.infoschema")
Statements = Mapping[str, Sequence[str]]


def read(server: connect.Server) -> dict[str, list[str]]:
    """By account: the statement that creates it, then its grants. Loads the grant tables on a server that runs
    without them (--skip-grant-tables): after that, no other connection is accepted. Expects a session that
    comparison.fix_session prepared, because its sql_mode decides how names are quoted."""
    server.query("FLUSH PRIVILEGES")
    server.query("SET SESSION print_identified_with_as_hex = ON")
    found = {}
    query = "SELECT user, host FROM mysql.user WHERE user NOT IN %s ORDER BY user, host"
    rows = server.query(query, [_SERVERS_OWN])
    for user, host in rows:
        account = f"{accounts.quote(str(user))}@{accounts.quote(str(host))}"
        created = str(server.query(f"SHOW CREATE USER {account}")[0][0])
        grants = [str(grant) for (grant,) in server.query(f"SHOW GRANTS FOR {account}")]
        found[f"{user}@{host}"] = [created, *grants]
    return found


def script(found: Statements, gtids: str) -> str:
    """All accounts first, then their grants, then default roles; and which transactions the data holds."""
    creating, granting, roles = [], [], []
    for name, (created, *grants) in found.items():
        account, rest = _parted(created)
        if default := _DEFAULT_ROLE.match(rest):
            roles.append(f"ALTER USER {account} DEFAULT ROLE {default[2]}")
            rest = default[1] + rest[default.end() :]
        creating.append(f"{'ALTER' if name in _BUILT_IN else 'CREATE'} USER {account}{rest}")
        granting += grants
    lines = [*creating, *granting, *roles, f"SET GLOBAL gtid_purged = {accounts.quote(gtids)}"]
    return "".join(f"{line};\n" for line in lines)


def _parted(created: str) -> tuple[str, str]:
    """The account in a SHOW CREATE USER, as quoted there, and the text after it."""
    found = re.match(rf"CREATE USER ({_NAME}@{_NAME})", created)
    if found is None:
        raise errors.StepFailed(f"SHOW CREATE USER has no account where it should be: {created[:60]!r}")
    return found[1], created[found.end() :]
