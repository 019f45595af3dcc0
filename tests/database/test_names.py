"""Names are data: whatever a database, a table or an account is called, a dump of it is the same data elsewhere, or it
is refused by name. The very scripts of a backup's Job run here, on real servers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.agent.jobs import logical
from mysqlops.clock import SystemClock
from mysqlops.mysql import accounts, comparison, connect, contents
from tests.database import copies, dumps, hostile_names
from tests.database.containers import eventually

_ENDS = re.compile(";;|delimiter ", re.IGNORECASE)
_STILL_THERE = ("information_schema", "performance_schema", "mysql", "sys", "mysqlops")


def _attempt(server: connect.Server, statement: str) -> bool:
    """Whether the server takes it: not every name may be one."""
    try:
        server.query(statement)
    except errors.MysqlError:
        return False
    return True


def _make(server: connect.Server, names: Sequence[str]) -> None:
    """Everything that can bear a name bears each of them, beside `app`, whose rows an attacker would want."""
    server.query("SET GLOBAL super_read_only = OFF")
    server.query("SET GLOBAL read_only = OFF")
    for (database,) in server.query("SHOW DATABASES"):
        if database not in _STILL_THERE:
            server.query(f"DROP DATABASE {comparison.quoted(database)}")
    server.query("FLUSH PRIVILEGES")
    for user, host in server.query("SELECT user, host FROM mysql.user WHERE host = '%'"):
        server.query(f"DROP USER {accounts.quote(user)}@{accounts.quote(host)}")
    for statement in (
        "CREATE DATABASE IF NOT EXISTS mysqlops",
        "CREATE DATABASE app",
        "CREATE TABLE app.bystander (id INT PRIMARY KEY)",
        "INSERT INTO app.bystander VALUES (1), (2)",
        "CREATE USER app IDENTIFIED BY 'app'",
        "GRANT ALL ON app.* TO app",
        "CREATE ROLE r",
    ):
        server.query(statement)
    for name in dict.fromkeys(names):
        _make_one(server, name)


def _make_one(server: connect.Server, name: str) -> None:
    _attempt(server, f"CREATE DATABASE {comparison.quoted(name)}")
    for database in (name, "app"):
        table, column = comparison.quoted(database, name), comparison.quoted(name)
        if _attempt(server, f"CREATE TABLE {table} (id INT PRIMARY KEY, {column} TEXT)"):
            server.query(f"INSERT INTO {table} VALUES (1, {accounts.quote(name)}), (2, NULL)")
            trigger = f"CREATE TRIGGER {table} BEFORE INSERT ON {table} FOR EACH ROW SET NEW.id = NEW.id + 1"
            if not _ENDS.search(name):  # which is refused in a program
                _attempt(server, trigger)
    here = comparison.quoted(name, name)
    if name > "!" and name[0] != "\x7f":  # a column whose name begins with a space or a control is refused
        _attempt(server, f"CREATE VIEW {comparison.quoted(name, 'v' + name[:63])} AS SELECT * FROM {here}")
    if not _ENDS.search(name):
        _attempt(server, f"CREATE PROCEDURE {here} () SELECT 1")
        _attempt(server, f"CREATE EVENT {here} ON SCHEDULE EVERY 1 DAY DO SELECT 1")
    user = accounts.quote(name[:32])
    if _attempt(server, f"CREATE USER {user} IDENTIFIED BY {user} DEFAULT ROLE r COMMENT {user}"):
        _attempt(server, f"GRANT SELECT ON {here} TO {user}")


@settings(
    max_examples=1,  # beside the explicit one: each takes a server of its own
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example takes as long as a large one
    suppress_health_check=list(HealthCheck),
)
@example(list(hostile_names.NASTY))
@given(st.lists(hostile_names.NAMES, min_size=15, max_size=25, unique=True))
def test_whatever_it_is_called_it_is_dumped_and_loaded(source: copies.Copy, names: list[str]) -> None:
    with source.login() as server:
        _make(server, names)
        found = dumps.dump(source, server)
    assert found.tables["app.bystander"].rows == 2
    # root has no password here, and ALTER USER cannot give it none; in a cluster it has one.
    different = [one for one in contents.differences(found, dumps.load(source)) if "root@localhost" not in one]
    assert not "\n".join(different)
    assert not (source.root / "work" / "loot").exists()


_REFUSED = {
    "CREATE DATABASE `Mysql`": "database `Mysql`: mysqldump takes it for the server's own",
    "CREATE EVENT app.endless ON SCHEDULE EVERY 1 DAY DO SELECT ';;'": "event `app`.`endless`: its text",
    "CREATE TABLE app.f (id INT PRIMARY KEY, f FLOAT) AS SELECT 1 AS id, 16777215 AS f": "`app`.`f`: SQL cannot hold 1",
    "CREATE TABLE app.j (id INT PRIMARY KEY, j JSON) AS SELECT 1 AS id, JSON_ARRAY(1.50) AS j": "`app`.`j`: SQL cannot",
    "CREATE VIEW app.v AS SELECT * FROM app.`\nx`": "view `app`.`v`: a column",
}


def test_what_a_dump_cannot_hold_is_refused_by_name(source: copies.Copy) -> None:
    with source.login() as server:
        _make(server, ["\nx"])
        server.query("DROP VIEW IF EXISTS `\nx`.`v\nx`")
        for statement in _REFUSED:
            server.query(statement)
        with pytest.raises(errors.Refused) as refused:
            dumps.dump(source, server)
    told = [reason.message for reason in refused.value.reasons]
    assert len(told) == len(_REFUSED)
    for expected in _REFUSED.values():
        assert any(one.startswith(expected) for one in told), (expected, told)
    assert not (source.root / "work" / "dumped").exists()


def test_a_copy_that_changes_while_it_is_dumped_is_no_backup(source: copies.Copy) -> None:
    """Its contents were recorded before: whatever wrote meanwhile, the dump holds something else."""
    with source.login() as server:
        _make(server, [])

        def write(_: str) -> None:
            server.query("SET GLOBAL super_read_only = OFF")
            server.query("REPLACE INTO app.bystander VALUES (3)")
            server.query("SET GLOBAL super_read_only = ON")

        with pytest.raises(errors.StepFailed, match=r"changed while it was dumped: .*app\.bystander"):
            dumps.dump(source, server, lambda text: write(text) if text.startswith("dumping") else None)


def test_what_was_cloned_takes_no_writes_and_its_dump_cannot_make_any(source: copies.Copy) -> None:
    """The scripts as the Job starts them: a clone ends with a server that stops, and is started again."""
    with copies.Copy() as copy:
        server = copy.start(INITIALISE="yes", READ_ONLY="OFF", DUMP="yes")
        server.query("CREATE DATABASE mysqlops")
        server.query("CREATE DATABASE app")
        server.query("CREATE TABLE app.t (id INT PRIMARY KEY)")
        (copy.root / "work" / "again").touch()
        server.query("SHUTDOWN")
        server.close()
        eventually(lambda: not (copy.root / "work" / "again").exists(), "the server to be started again")
        with eventually(copy.ready, "an answer of the server on the copy") as server:
            assert server.query("SELECT @@super_read_only, @@max_allowed_packet") == [(1, 1 << 30)]
            with pytest.raises(errors.StatementFailed, match="super-read-only"):
                server.query("CREATE TABLE app.u (id INT PRIMARY KEY)")
            found = logical.dump(server, SystemClock(), dumps.say, dumps.GTIDS, copy.root)
            assert found.tables == {"app.t": found.tables["app.t"]}
            with accounts.dumping(server), copy.login("mysqlops_dump") as dumping:
                assert server.scalar("SELECT @@super_read_only") == 1
                server.query("SET GLOBAL super_read_only = OFF")
                server.query("SET GLOBAL read_only = OFF")
                for statement in ("INSERT INTO app.t VALUES (1)", "DROP TABLE app.t", "SELECT 1 INTO OUTFILE '/tmp/x'"):
                    with pytest.raises(errors.AccessDenied):
                        dumping.query(statement)
            assert server.query("SELECT user FROM mysql.user WHERE user = 'mysqlops_dump'") == []
