"""A copy of the data as SQL: this program says what, manifests/backup/logical.sh in the sidecar calls mysqldump."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import local
from mysqlops.clock import Clock
from mysqlops.mysql import account_statements, comparison, connect, contents

_WORK, _DUMP = Path("/work"), Path("/scratch/copy/dump")
_ORDER, _ENDED = _WORK / "dump", _WORK / "dumped"
_SECONDS = 7 * 86400.0


def dump(server: connect.Server, clock: Clock, say: Callable[[str], None], gtids: str) -> contents.Contents:
    """Dump all that the server holds; what that is. Raises StepFailed with mysqldump's words."""
    databases = [*comparison.databases(server), "mysqlops"]
    tables = [(one, table) for one in databases for table in comparison.tables(server, one)]
    if odd := [f"{one}.{table}" for one, table in tables if "\t" in table or "\n" in table]:
        raise errors.StepFailed(f"--method logical cannot take a table with a tab in its name: {odd[0]!r}")
    (_WORK / "databases").write_text("".join(f"{one}\n" for one in databases))
    (_WORK / "tables").write_text("".join(f"{one}\t{table}\n" for one, table in tables))
    say(f"dumping {len(tables)} tables of {len(databases)} databases")
    _ORDER.touch()
    local.until(clock, _ENDED.exists, "finish the dump", seconds=_SECONDS)
    if _ENDED.read_text().strip() != "0":
        raise errors.StepFailed(f"the dump failed: {(_WORK / 'dump.log').read_text().strip()[-400:]}")
    found = contents.of_any_version(server, say)
    (_DUMP / "accounts.sql").write_text(account_statements.script(account_statements.read(server), gtids))
    return found
