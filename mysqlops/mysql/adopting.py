"""What `adopt` checks on its source before it copies, what it changes there, and what it records on the target.

mysqlops.adopted lists the databases that an open adoption created: another run may replace them. mysqlops.adopting
holds the Job that runs or ran, and which Job made the source read-only, with the previous value. That Job's identity is
followed by `=` once it hands over, and by `!` once it was given up: from then on it changes nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.core import adoption
from mysqlops.errors import Reason
from mysqlops.mysql import accounts, comparison, connect, foreign_views, program_parts, programs

READ_ONLY = "SET SESSION TRANSACTION READ ONLY"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS mysqlops.adopted "
    "(name VARCHAR(64) PRIMARY KEY, source VARCHAR(300) NOT NULL) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS mysqlops.adopting (source VARCHAR(300) PRIMARY KEY, job VARCHAR(64) NOT NULL, "
    "stopped_by VARCHAR(64), read_only BOOL) ENGINE = InnoDB",
)
_MARK = "REPLACE INTO mysqlops.adopted (name, source) VALUES (%s, %s)"
_BEGIN = "INSERT INTO mysqlops.adopting (source, job) VALUES (%s, %s) ON DUPLICATE KEY UPDATE job = %s"
_STOPPED = "UPDATE mysqlops.adopting SET stopped_by = %s, read_only = %s WHERE source = %s"
_GIVEN_UP, _TAKEN = "!", "="  # a later pod of the Job undoes what the first began
_GIVEN_BACK = (
    "UPDATE mysqlops.adopting SET stopped_by = NULL, job = CONCAT(TRIM(TRAILING '!' FROM job), '!') WHERE source = %s"
)
_TAKE = "UPDATE mysqlops.adopting SET job = %s WHERE source = %s AND job = %s"
_FORGET = (
    "DELETE FROM mysqlops.adopted WHERE source = %s AND EXISTS "
    "(SELECT 1 FROM mysqlops.adopting WHERE source = %s AND job = %s)"
)
# An error ends the client that reads it (1242: the subquery returns more than 1 row); no statement of MySQL's fails on
# request outside of a stored program.
_GUARD = (
    "DO IF(EXISTS (SELECT 1 FROM mysqlops.adopting WHERE source = {} AND job = {}), 1, (SELECT 1 UNION SELECT 2));\n"
)
_LONGEST = 5
# Less than the connection's timeout: a statement that kept waiting would stop writes later. While the source accepts no
# writes, nothing may wait until somebody in the cluster ends a transaction.
_LOCK_SECONDS = 15
_LOADING = "SET SESSION lock_wait_timeout = 60;\n"  # hours of copying are lost if it ends


def only_read(source: connect.Server) -> None:
    """Let this session change nothing but global variables."""
    source.query(READ_ONLY)
    wait_briefly(source)


def wait_briefly(session: connect.Server) -> None:
    """Fail soon if somebody else holds a lock on a table."""
    session.query("SET SESSION lock_wait_timeout = %s", [_LOCK_SECONDS])


def begin(target: connect.Server, source: str, job: str) -> bool:
    """Record which Job runs; True if an earlier pod of it was lost, which must not continue."""
    for statement in _TABLES:
        target.query(statement)
    before = target.query("SELECT job FROM mysqlops.adopting WHERE source = %s", [source])
    was_lost = bool(before) and str(before[0][0]).rstrip(_GIVEN_UP + _TAKEN) == job
    now = job + _GIVEN_UP * was_lost
    target.query(_BEGIN, [source, now, now])
    return was_lost


def is_current(target: connect.Server, source: str, job: str) -> bool:
    return target.query("SELECT job FROM mysqlops.adopting WHERE source = %s", [source]) == [(job,)]


def take(target: connect.Server, source: str, job: str) -> str:
    """Compare and swap: from here on this Job hands over, unless it was given up or another one has begun; then the
    next `is_current` is False. Returns its identity from now on."""
    target.query(_TAKE, [job + _TAKEN, source, job])
    return job + _TAKEN


def guard(source: str, job: str) -> str:
    """How the copy begins: the client ends with an error if another Job has begun meanwhile, or this one was given up.
    Hours may pass between a pod's containers, and the copy drops databases."""
    return _GUARD.format(accounts.quote(source), accounts.quote(job)) + _LOADING


def mark(target: connect.Server, source: str, databases: Sequence[str]) -> None:
    for database in databases:
        target.query(_MARK, [database, source])


def marked(target: connect.Server, source: str) -> set[str]:
    return {str(name) for (name,) in target.query("SELECT name FROM mysqlops.adopted WHERE source = %s", [source])}


def forget(target: connect.Server, source: str, job: str) -> None:
    """End the adoption: from here on, the copied databases belong to the cluster. Nothing happens if this Job is no
    longer the current one."""
    target.query(_FORGET, [source, source, job])


@dataclass(frozen=True)
class Standing:
    """Whether a server accepts no writes at all, and how far it has written: its GTID set and its binary log."""

    read_only: bool
    position: str


def standing(source: connect.Server) -> Standing:
    read_only = source.query("SELECT @@global.read_only, @@global.super_read_only")[0][1]
    executed = "".join(str(source.scalar("SELECT @@global.gtid_executed")).split())
    return Standing(bool(read_only), " ".join(filter(None, [executed, _log_position(source)])))


def _log_position(source: connect.Server) -> str:
    """Empty without a binary log. The first statement is of MySQL 8.2 and later, the second of earlier releases."""
    for statement in ("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"):
        with suppress(errors.StatementFailed):
            return ":".join(map(str, row[:2])) if (row := next(iter(source.query(statement)), None)) else ""
    return ""


def moved(before: Standing, now: Standing) -> str:
    """Why the source may hold more than the copy; empty if it does not."""
    if not now.read_only:
        return "the source accepts writes again, and this copy did not let it"
    return "" if now.position == before.position else "the source has executed transactions although it was read-only"


def stop_writes(source: connect.Server, target: connect.Server, name: str, job: str) -> None:
    """Stop the source's writes. This is recorded first, so that a later run can undo it. A source that is read-only
    already is left unchanged."""
    read_only, super_read_only = source.query("SELECT @@global.read_only, @@global.super_read_only")[0]
    if not super_read_only:
        target.query(_STOPPED, [job, read_only, name])
        source.query("SET GLOBAL super_read_only = ON")


def give_back(source: connect.Server, target: connect.Server, name: str, job: str | None = None) -> bool:
    """Undo what this Job, or any Job, did to the source; False if this one did nothing."""
    for statement in _TABLES:
        target.query(statement)
    noted = target.query("SELECT stopped_by, read_only FROM mysqlops.adopting WHERE source = %s", [name])
    stopped_by, read_only = noted[0] if noted else (None, False)
    if job is not None and stopped_by != job:
        return False
    accept_writes(source, read_only=bool(stopped_by and read_only))
    target.query(_GIVEN_BACK, [name])
    return True


def accept_writes(source: connect.Server, *, read_only: bool) -> None:
    source.query("SET GLOBAL super_read_only = OFF")
    if not read_only:
        source.query("SET GLOBAL read_only = OFF")


def unfit(source: connect.Server, databases: Sequence[str]) -> list[Reason]:
    """The reasons why something cannot be copied, by name, before anything runs on the source."""
    odd = [name for name in databases if not adoption.is_plain(name)]
    found = [Reason("unfit-name", f"database {name!r}: control characters cannot be handled") for name in odd]
    found += [Reason("unfit-name", text, _ANOTHER) for text in comparison.misread(databases)]
    for database in databases:
        tables = comparison.unfit_tables(source, database)
        found += [Reason("unfit-table", f"{text}: a group cannot hold it", _ALTER) for text in tables]
        found += [
            Reason("unfit-table", f"{text}, which is not copied", _TOGETHER)
            for text in _leading_out(source, database, databases)
        ]
        found += [Reason("unfit-name", text, _RENAME) for text in _unfit_names(source, database, databases)]
        found += [Reason("broken-view", text, "fix or drop it on the source") for text in _broken(source, database)]
        found += [
            Reason("unfit-program", f"{text}: {_UNREADABLE}", _REWRITE)
            for text in programs.unreadable(source, database)
        ]
        found += [
            Reason("unfit-program", text, f"{program_parts.WAY_OUT}, on the source")
            for text in program_parts.garbled(source, database)
        ]
    if len(found) > _LONGEST:
        found = [*found[:_LONGEST], Reason("unfit-table", f"and {len(found) - _LONGEST} more")]
    return found


def occupied(target: connect.Server, source: str, databases: Sequence[str]) -> list[Reason]:
    """Databases with anything that no open adoption of this source created: the copy would drop it."""
    mine = marked(target, source)
    held = {name: found for name in databases if name not in mine and (found := comparison.held(target, name))}
    hint = "choose other databases with --database, or drop this one if nobody needs it"
    text = "database {} of the cluster holds {}, which no open adoption of this source created"
    return [Reason("occupied", text.format(name, some(found)), hint) for name, found in held.items()]


def some(found: Sequence[str]) -> str:
    """The first five, and how many more."""
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return ", ".join(found[:5]) + more


_ALTER = "ALTER TABLE on the source first"
_TOGETHER = "choose that database as well, or drop the foreign key on the source"
_ANOTHER = "move its tables into a database of another name on the source"
_RENAME = "rename the view on the source"
_UNREADABLE = "its text cannot be read, or its head is not read as that of this object"
_REWRITE = "give --user's account the right to read it, or another name or definer on the source"
_PARENTS = (
    "SELECT DISTINCT table_name, referenced_table_schema FROM information_schema.key_column_usage "
    "WHERE table_schema = %s AND referenced_table_schema IS NOT NULL ORDER BY 1, 2"
)


def _leading_out(source: connect.Server, database: str, databases: Sequence[str]) -> list[str]:
    """Tables with a foreign key into a database that is not copied. The cluster's database of that name is another one,
    which such a table could keep from deleting its rows."""
    rows = source.query(_PARENTS, [database])
    return [f"{database}.{table} references database {parent}" for table, parent in rows if parent not in databases]


def _unfit_names(source: connect.Server, database: str, databases: Sequence[str]) -> list[str]:
    """Views that mysqldump could not leave out by name: it compares the text DATABASE.TABLE without regard to case."""
    views = foreign_views.listed(source, database)
    odd = [name for name in views if not adoption.is_plain(name)]
    found = [f"view {database}.{name!r}: control characters cannot be handled" for name in odd]
    if not views:
        return found
    tables = {
        f"{one}.{table}".casefold(): comparison.quoted(one, table)
        for one in databases
        for table in comparison.tables(source, one)
    }
    same = [(name, tables.get(f"{database}.{name}".casefold())) for name in views]
    text = "mysqldump does not distinguish view {} from table {}"
    return found + [text.format(comparison.quoted(database, name), table) for name, table in same if table]


def _broken(source: connect.Server, database: str) -> list[str]:
    """Views that cannot be read, such as those on a dropped table: mysqldump stops at the first."""
    found = []
    query = "SELECT table_name FROM information_schema.views WHERE table_schema = %s ORDER BY table_name"
    for (name,) in source.query(query, [database]):
        try:
            source.query(f"SHOW COLUMNS FROM {comparison.quoted(database, str(name))}")
        except errors.StatementFailed as error:
            found.append(f"view {database}.{name} is broken (error {error.errno})")
    return found
