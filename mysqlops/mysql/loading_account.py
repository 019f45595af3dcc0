"""The account that the mysql client loads another server's tables with.

Whoever controls that server writes the statements that the client executes. So the account can use the databases that
are being replaced, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mysqlops.core import names
from mysqlops.mysql import accounts, connect

# No view, routine, trigger or event, and nothing on other accounts.
_RIGHTS = "SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, LOCK TABLES"
_LONGEST_NAME = 64
_SECONDS = 7 * 86400  # normally it is dropped together with the account that created it


def create(server: connect.Server, password: str, databases: Sequence[str]) -> None:
    """Create the account that a client loads another server's tables with. It may use these databases alone, and create
    no view or program in them: whatever the text that it loads says, nothing else changes."""
    accounts.drop(server, names.USER_LOAD)  # of a run that was killed, with its rights
    account = accounts.provide(server, names.USER_LOAD, password, _SECONDS)
    server.query(f"GRANT SELECT ON mysqlops.adopting TO {account}")  # adopting.guard
    for database in databases:
        server.query(f"GRANT {_RIGHTS} ON `{pattern(database).replace('`', '``')}`.* TO {account}")


def pattern(database: str) -> str:
    """The database's name where a right on databases is granted; no other name matches. MySQL takes 64 characters: in a
    longer one each `_` stays, which any character matches."""
    escaped = re.sub(r"[\\%]", r"\\\g<0>", database)
    whole = escaped.replace("_", r"\_")
    return whole if len(whole) <= _LONGEST_NAME else escaped
