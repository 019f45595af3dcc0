"""An adopted database without its tables and views: the database itself, its routines, triggers and events, and whose
rights these have in the cluster.

Each program is created from the text that was checked, as one statement. In a dump, a client would read the texts in
its own way (programs.py), and whoever may change one on the source could do so between the check and the dump.
An event begins to run as soon as it exists, so none is created before the hand-over: until then it would change the
copy while it is compared, and whatever else the cluster has under the names in its text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from mysqlops import errors
from mysqlops.errors import Reason
from mysqlops.mysql import comparison, connect, definitions, foreign_accounts, program_heads, written

_DATABASE = (
    "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = %s"
)
_ROUTINES = (
    "SELECT LOWER(routine_type), routine_name FROM information_schema.routines WHERE routine_schema = %s ORDER BY 1, 2"
)
# In the order in which a server runs those of one table.
_TRIGGERS = (
    "SELECT 'trigger', trigger_name FROM information_schema.triggers WHERE trigger_schema = %s "
    "ORDER BY event_object_table, action_timing, event_manipulation, action_order"
)
_EVENTS = "SELECT 'event', event_name FROM information_schema.events WHERE event_schema = %s ORDER BY 2"
_DEFINERS = (
    "SELECT LOWER(routine_type), routine_name, definer FROM information_schema.routines "
    "WHERE routine_schema = %s AND security_type = 'DEFINER'",
    "SELECT 'view', table_name, definer FROM information_schema.views "
    "WHERE table_schema = %s AND security_type = 'DEFINER'",
    "SELECT 'trigger', trigger_name, definer FROM information_schema.triggers WHERE trigger_schema = %s",
    "SELECT 'event', event_name, definer FROM information_schema.events WHERE event_schema = %s",
)
# Whoever has one of these gives a program any definer.
_ANY_DEFINER = {"SUPER", "SET_USER_ID", "SET_ANY_DEFINER"}
# Modes of MySQL 5.7 that later servers refuse.
_GONE = set(
    "NO_AUTO_CREATE_USER DB2 MAXDB MSSQL MYSQL323 MYSQL40 ORACLE POSTGRESQL NO_FIELD_OPTIONS NO_KEY_OPTIONS "
    "NO_TABLE_OPTIONS".split()
)


_DROP_SECONDS = 86400.0
_LOCKED = 1205


def drop(target: connect.Server, database: str) -> None:
    """Drop the previous copy. Raises StepFailed if a session still uses it, MysqlError."""
    connect.set_read_timeout(target, _DROP_SECONDS)
    try:
        target.query(f"DROP DATABASE IF EXISTS {comparison.quoted(database)}")
    except errors.StatementFailed as error:
        if error.errno != _LOCKED:
            raise
        text = f"database {database}: a transaction in the cluster uses the previous copy; end it, then try again"
        raise errors.StepFailed(text) from error


def begin(source: connect.Server, target: connect.Server, database: str) -> None:
    """Create the database, which was dropped, with the source's routines alone: its views may need them. Raises
    StepFailed, MysqlError."""
    words = [str(word) for word in source.query(_DATABASE, [database])[0]]
    if not all(re.fullmatch(r"\w+", word, re.ASCII) for word in words):
        raise errors.StepFailed(f"database {database}: no character set has such a name: {', '.join(words)}")
    target.query(f"CREATE DATABASE {comparison.quoted(database)} CHARACTER SET {words[0]} COLLATE {words[1]}")
    _create(source, target, database, _ROUTINES)


def create_triggers(source: connect.Server, target: connect.Server, database: str) -> None:
    """Once the rows are there, which they must not change again; raises StepFailed, MysqlError."""
    _create(source, target, database, _TRIGGERS)


def create_events(source: connect.Server, target: connect.Server, databases: Sequence[str]) -> None:
    """From here on the cluster runs them. Raises StepFailed, MysqlError, unless all exist as on the source."""
    for database in databases:
        _create(source, target, database, _EVENTS)
        original, here = (_events(server, database) for server in (source, target))
        if different := comparison.differing(original, here):
            raise errors.StepFailed(f"source and copy differ in {database} {different[0]}")


def drop_events(target: connect.Server, databases: Sequence[str]) -> None:
    """The databases are of a copy that was not handed over."""
    for database in databases:
        for _, name, *_ in target.query(_EVENTS, [database]):
            target.query(f"DROP EVENT IF EXISTS {comparison.quoted(database, str(name))}")


def _events(server: connect.Server, database: str) -> dict[str, str]:
    return {name: text for name, text in comparison.programs(server, database).items() if comparison.is_event(name)}


def _create(source: connect.Server, target: connect.Server, database: str, listed: str) -> None:
    for kind, name, *_ in source.query(listed, [database]):
        what = comparison.quoted(database, str(name))
        found = definitions.read(source, str(kind), what)
        if found is None or not program_heads.creates(str(kind), database, str(name), found.text):
            raise errors.StepFailed(f"{kind} {what}: its text cannot be read, or is not that of this object")
        written.fixed(target, database)
        written.must_be_exact(target, found, f"{kind} {what}")
        if kind == "event":
            target.query("SET SESSION time_zone = %s", [found.time_zone])
        mode = ",".join(word for word in found.sql_mode.split(",") if word not in _GONE)
        written.run(target, found.text, found.charset, mode=mode, collation=found.collation)
    comparison.fix_session(target)


def must_borrow_nothing(
    source: connect.Server, target: connect.Server, databases: Sequence[str], kept: Collection[str]
) -> None:
    """The same as `borrowing`, of what has been created: somebody may have changed a program of the source after that.
    Drops the databases and raises StepFailed."""
    if reasons := borrowing(source, target, databases, kept, of=target):
        for database in databases:
            target.query(f"DROP DATABASE IF EXISTS {comparison.quoted(database)}")
        raise errors.StepFailed("; ".join(reason.message for reason in reasons)[:400])


def borrowing(
    source: connect.Server,
    target: connect.Server,
    databases: Sequence[str],
    kept: Collection[str],
    *,
    of: connect.Server | None = None,
) -> list[Reason]:
    """Programs that would get rights which nobody gave them: their definer's name is that of an account of the cluster,
    which may do more there than use the adopted databases. `kept` are the cluster's own databases. Those of an account
    that may choose any definer on the source are its administrator's, who is trusted with the content."""
    found = [one for database in databases for one in _defined(of or source, database)]
    if not found:
        return []
    theirs = {str(one): one for one in foreign_accounts.read(source)}
    trusted = {name for name, one in theirs.items() if _ANY_DEFINER & set(one.administrative)}
    ours = {str(one): foreign_accounts.beyond(one, kept) for one in foreign_accounts.read(target)}
    return [
        Reason("borrowed-rights", f"{what}: its definer {definer} is another account in the cluster, {why}", _HINT)
        for what, definer in found
        if definer not in trusted and (why := _more(definer, ours))
    ]


_HINT = "on the source, give it another definer, or SQL SECURITY INVOKER"


def _defined(source: connect.Server, database: str) -> Iterator[tuple[str, str]]:
    for query in _DEFINERS:
        for kind, name, definer, *_ in source.query(query, [database]):
            yield f"{kind} {comparison.quoted(database, str(name))}", str(definer)


def _more(definer: str, ours: dict[str, list[str]]) -> str:
    """What the cluster's account of that name may do there; empty if there is none, or it may do no more."""
    if definer.startswith("mysql."):
        return "of the server itself"
    rights = ours.get(definer, [])
    return f"with {', '.join(rights[:3])}" if rights else ""
