"""Whatever things are called on a server that is adopted, the cluster gets the same things under the same names, or
they are refused by name before anything is changed. The Job's own containers run here, between real servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.core import adoption
from mysqlops.mysql import accounts, comparison, connect
from tests.database import hostile_names
from tests.database.adoption import Job, Old
from tests.database.containers import docker
from tests.database.group import Group

pytestmark = pytest.mark.long  # servers of their own, minutes of work; CI has the unit tests

_MAKER = connect.Login("maker", "maker", ssl_mode=adoption.REQUIRED)
_OURS = ("maker", "mover", "reader")
_ACCOUNTS = "SELECT user, host FROM mysql.user WHERE host = '%'"


@pytest.fixture
def source(old: Old) -> Iterator[connect.Server]:
    """As an administrator who creates things there; a client would read some names as commands."""
    old.sql(
        "CREATE USER IF NOT EXISTS maker@'%' IDENTIFIED BY 'maker'; GRANT ALL ON *.* TO maker@'%' WITH GRANT OPTION"
    )
    found = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    with connect.connect_tcp(
        docker("inspect", "-f", found, old.container).strip(), _MAKER, timeout_seconds=60
    ) as server:
        comparison.fix_session(server)  # its default pads the names of accounts
        yield server
        server.query("SET GLOBAL read_only = OFF")
        _clean(server)
        server.query("DROP USER maker")


def _clean(server: connect.Server) -> None:
    for database in comparison.databases(server):
        server.query(f"DROP DATABASE {comparison.quoted(database)}")
    _drop(server, {str(user) for user, _ in server.query(_ACCOUNTS)}.difference(_OURS))


def _drop(server: connect.Server, users: Iterable[str]) -> None:
    for user in users:
        server.query(f"DROP USER {accounts.quote(user)}")


def _make(server: connect.Server, made: Sequence[str]) -> None:
    """Everything that can have a name has each of them, as far as the server takes it."""
    for name in made:
        here, column, user = comparison.quoted(name, name), comparison.quoted(name), accounts.quote(name[:32])
        view = comparison.quoted(name, f"v{name[:63]}")
        for statement in (
            f"CREATE DATABASE {column}",
            f"CREATE TABLE {here} (id INT PRIMARY KEY, {column} TEXT)",
            f"CREATE TABLE {here} (id INT PRIMARY KEY, t TEXT)",  # not each name may be a column's
            f"INSERT INTO {here} VALUES (1, {accounts.quote(name)}), (2, NULL)",
            f"CREATE TRIGGER {here} BEFORE INSERT ON {here} FOR EACH ROW SET NEW.id = NEW.id + 1",
            f"CREATE VIEW {view} AS SELECT * FROM {here}",
            f"CREATE PROCEDURE {here} () SELECT {accounts.quote(name)}",
            f"CREATE EVENT {here} ON SCHEDULE EVERY 1 DAY DO SELECT 1",
            f"CREATE USER {user} IDENTIFIED BY {user} COMMENT {user}",
            f"GRANT SELECT ON {here} TO {user}",
        ):
            try:
                server.query(statement)
            except errors.MysqlError:
                continue


def _drop_what_is_refused(server: connect.Server) -> int:
    """Databases and views with control characters; returns how many there were."""
    odd = [(name,) for name in comparison.databases(server) if not adoption.is_plain(name)]
    for (name,) in odd:
        server.query(f"DROP DATABASE {comparison.quoted(name)}")
    views = server.query("SELECT table_schema, table_name FROM information_schema.views WHERE table_schema <> 'sys'")
    for schema, view in (found := [row for row in views if not adoption.is_plain(str(row[1]))]):
        server.query(f"DROP VIEW {comparison.quoted(str(schema), str(view))}")
    return len(odd) + len(found)


def _programs(server: connect.Server) -> set[tuple[str, str, str]]:
    found = set[tuple[str, str, str]]()
    for kind in ("routine", "trigger", "event"):
        query = f"SELECT {kind}_schema, {kind}_name FROM information_schema.{kind}s"
        found |= {(kind, str(schema), str(name)) for schema, name in server.query(query)}
    return {one for one in found if one[1] not in ("sys", "mysqlops")}


@settings(
    max_examples=1,  # beside the explicit one: each copies a server
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example takes as long as a large one
    suppress_health_check=list(HealthCheck),
)
@example(list(hostile_names.NASTY))
@given(st.lists(hostile_names.NAMES, min_size=15, max_size=25, unique=True))
def test_whatever_it_is_called_it_is_adopted_or_refused_by_name(
    source: connect.Server, group: Group, job: Job, made: list[str]
) -> None:
    _clean(source)
    _make(source, made)
    first = job.run()
    if _drop_what_is_refused(source):
        assert first.code == errors.Refused.exit_code, first.log
        assert "control characters" in first.last
    databases, programs = comparison.databases(source), _programs(source)
    users = {str(user) for user, _ in source.query(_ACCOUNTS)}.difference(_OURS)
    known = {str(user) for (user, _) in group.members[0].query(_ACCOUNTS)}
    report = job.report(finish=True)
    assert (report.different, report.rows) == ([], 2 * report.tables)
    with group.members[0].server(60) as here:
        assert {*databases} <= {*comparison.databases(here)}
        assert _programs(here) == programs
        present = {str(user) for user, _ in here.query(_ACCOUNTS)} - known
        named = [one.partition("@%: ")[0] for one in report.accounts_refused if "@%: " in one]
        assert len(users - present) == len([one for one in named if one not in _OURS])
        for database in databases:
            here.query(f"DROP DATABASE {comparison.quoted(database)}")
        _drop(here, present)
    source.query("SET GLOBAL read_only = OFF")
