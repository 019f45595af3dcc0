"""What `adopt` checks on its source before it copies, what it changes there, and what it records on the target.

mysqlops.adopted lists the databases that an open adoption created: another run may replace them. mysqlops.adopting
holds the Job that runs or ran, and which Job made the source read-only, with the previous value.
"""

from __future__ import annotations

from collections.abc import Sequence

from mysqlops import errors
from mysqlops.core import adoption, series
from mysqlops.core.version import find
from mysqlops.errors import Reason
from mysqlops.mysql import comparison, connect, programs

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
_GIVEN_BACK = "UPDATE mysqlops.adopting SET stopped_by = NULL WHERE source = %s"
_GIVEN_UP = "!"  # after the Job's identity: a later pod of the Job undoes what the first began
_LONGEST = 5
# Less than the connection's timeout: a statement that kept waiting would stop writes later.
_LOCK_SECONDS = 15


def only_read(source: connect.Server) -> None:
    """Let this session change nothing but global variables."""
    source.query(READ_ONLY)
    source.query("SET SESSION lock_wait_timeout = %s", [_LOCK_SECONDS])


def begin(target: connect.Server, source: str, job: str) -> bool:
    """Record which Job runs; True if an earlier pod of it was lost, which must not continue."""
    for statement in _TABLES:
        target.query(statement)
    before = target.query("SELECT job FROM mysqlops.adopting WHERE source = %s", [source])
    was_lost = bool(before) and str(before[0][0]).removesuffix(_GIVEN_UP) == job
    now = job + _GIVEN_UP * was_lost
    target.query(_BEGIN, [source, now, now])
    return was_lost


def is_current(target: connect.Server, source: str, job: str) -> bool:
    return target.query("SELECT job FROM mysqlops.adopting WHERE source = %s", [source]) == [(job,)]


def mark(target: connect.Server, source: str, databases: Sequence[str]) -> None:
    for database in databases:
        target.query(_MARK, [database, source])


def marked(target: connect.Server, source: str) -> set[str]:
    return {str(name) for (name,) in target.query("SELECT name FROM mysqlops.adopted WHERE source = %s", [source])}


def forget(target: connect.Server, source: str) -> None:
    """End the adoption: from here on, the copied databases belong to the cluster."""
    target.query("DELETE FROM mysqlops.adopted WHERE source = %s", [source])


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
    if old := _too_old(str(source.scalar("SELECT @@version"))):
        return [Reason("unfit-source", old)]
    odd = [name for name in databases if not adoption.is_plain(name)]
    found = [Reason("unfit-name", f"database {name!r}: control characters cannot be handled") for name in odd]
    for database in databases:
        tables = comparison.unfit_tables(source, database)
        found += [Reason("unfit-table", f"{text}: a group cannot hold it", _ALTER) for text in tables]
        found += [Reason("broken-view", text, "fix or drop it on the source") for text in _broken(source, database)]
        found += [
            Reason("unfit-program", f"{text}: {_SPLITS}", _REWRITE) for text in programs.splitting(source, database)
        ]
    if len(found) > _LONGEST:
        found = [*found[:_LONGEST], Reason("unfit-table", f"and {len(found) - _LONGEST} more")]
    return found


_ALTER = "ALTER TABLE on the source first"
_SPLITS = f"{programs.MISREAD}, or cannot be read"
_REWRITE = "write it without them on the source, or give --user's account the right to read it"


def _too_old(version: str) -> str:
    oldest, found = series.OLDEST_SOURCE, find(version)
    needed = f"adopt supports MySQL {oldest.major}.{oldest.minor} and later"
    if "mariadb" in version.lower():
        return f"the source is MariaDB ({version}): {needed}"
    if found is None or found < oldest:
        return f"the source is of version {version}: {needed}"
    return ""


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
