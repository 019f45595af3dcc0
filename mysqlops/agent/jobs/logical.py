"""Dumps the data as SQL: this program decides what, manifests/backup/logical.sh in the sidecar runs mysqldump."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mysqlops import errors
from mysqlops.agent.jobs import local
from mysqlops.clock import Clock
from mysqlops.errors import Reason, Refused
from mysqlops.mysql import account_statements, accounts, comparison, connect, contents, program_parts, programs

_WORK, _DUMP = "work", "scratch/copy/dump"
_CODE = "not-as-sql"
_ANOTHER = "--method archive or snapshot, or"
_ARCHIVE = f"{_ANOTHER} ALTER it"
_RETYPE = f"{_ARCHIVE}: FLOAT to DOUBLE"
_VIEW_COLUMNS = (
    "SELECT table_schema, table_name, column_name FROM information_schema.columns "
    "JOIN information_schema.views USING (table_schema, table_name) WHERE table_schema <> 'sys'"
)
_SECONDS = 7 * 86400.0


def dump(
    server: connect.Server, clock: Clock, say: Callable[[str], None], gtids: str, root: Path = Path("/")
) -> contents.Contents:
    """Dump everything that the server holds, and return it in numbers. Raises StepFailed with mysqldump's message.

    The contents before the dump count. The copy is the donor's data at the copy's GTID set, and no other server holds
    exactly that: the donor has moved on. Three measures keep it unchanged during the dump: the server accepts no
    writes, the dump's account cannot write, and the contents are compared afterwards.
    """
    before = contents.of_any_version(server, say)
    accounts_then = account_statements.read(server)
    databases = [*comparison.databases(server), "mysqlops"]
    tables = [(database, table) for database in databases for table in comparison.tables(server, database)]
    _refuse_what_sql_cannot_hold(server, databases, tables)
    work = root / _WORK
    (work / "databases").write_text("".join(f"{_encoded(database)}\n" for database in databases))
    (work / "tables").write_text("".join(f"{_encoded(one)} {_encoded(table)}\n" for one, table in tables))
    say(f"dumping {len(tables)} tables of {len(databases)} databases")
    with accounts.dumping(server):
        (work / "dump").touch()
        local.until(clock, (work / "dumped").exists, "finish the dump", seconds=_SECONDS)
    if (work / "dumped").read_text().strip() != "0":
        raise errors.StepFailed(f"the dump failed: {(work / 'dump.log').read_text().strip()[-400:]}")
    if different := contents.differences(before, contents.of_any_version(server, say)):
        raise errors.StepFailed(f"the copy changed while it was dumped: {'; '.join(different)[:400]}")
    (root / _DUMP / "accounts.sql").write_text(account_statements.script(accounts_then, gtids))
    return before


def _encoded(name: str) -> str:
    """Encoded for the shell's printf (logical.sh): no character of a name has a meaning in a script."""
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\0{byte:03o}" for byte in name.encode())


def _refuse_what_sql_cannot_hold(
    server: connect.Server, databases: Sequence[str], tables: Sequence[tuple[str, str]]
) -> None:
    """Raises Refused with every object that a dump could not restore exactly."""
    reasons = [Reason(_CODE, text, _ARCHIVE) for text in comparison.misread(databases)]
    reasons += [
        Reason(_CODE, f"{comparison.quoted(*table)}: SQL cannot hold {count} of its FLOAT or JSON values", _RETYPE)
        for table in tables
        if (count := comparison.not_writable(server, *table))
    ]
    reasons += [Reason(_CODE, f"{program}: {programs.MISREAD}", _ARCHIVE) for program in programs.splitting(server)]
    reasons += [Reason(_CODE, text, f"{_ANOTHER} {program_parts.WAY_OUT}") for text in program_parts.garbled(server)]
    # In an alias, as in the text of every view, the server strips leading spaces and control characters from a name.
    reasons += [
        Reason(_CODE, f"view {comparison.quoted(*one)}: a column's name starts with {column[0]!r}", _ARCHIVE)
        for *one, column in server.query(_VIEW_COLUMNS)
        if column[0] <= " " or column[0] == "\x7f"
    ]
    if reasons:
        raise Refused(reasons)
