"""Whose rights the programs of an adopted database have in the cluster, and when its events begin to run there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mysqlops import errors
from mysqlops.mysql import connect
from tests.database.adoption import Job, Old
from tests.database.group import Group

pytestmark = pytest.mark.long  # servers of their own, minutes of work; CI has the unit tests


def _here(group: Group, statement: str) -> list[connect.Row]:
    return group.members[0].query(statement)


@pytest.fixture
def shop(old: Old, group: Group) -> Iterator[None]:
    old.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, at DATETIME)")
    old.sql("CREATE DATABASE app; CREATE TABLE app.notes (id INT PRIMARY KEY, c TEXT)")
    old.sql("CREATE USER app@'%' IDENTIFIED BY 'x'; GRANT ALL ON shop.* TO app@'%'; GRANT ALL ON app.* TO app@'%'")
    group.members[0].query(
        "CREATE TABLE app.notes (id INT PRIMARY KEY, c TEXT)", "INSERT INTO app.notes VALUES (1, 'ours')"
    )
    yield
    old.sql("SET GLOBAL read_only = OFF; DROP DATABASE shop; DROP DATABASE app; DROP USER app@'%'")
    group.members[0].query(
        "DROP DATABASE IF EXISTS shop",
        "DROP TABLE app.notes",
        "DROP TABLE IF EXISTS mysqlops.adopted, mysqlops.adopting",
    )


def test_an_event_of_the_source_runs_nothing_in_the_cluster_before_the_hand_over(
    old: Old, group: Group, job: Job, shop: None
) -> None:
    """A nightly cleaning of the source must not clean the cluster's own tables because of a rehearsal."""
    old.sql("SET GLOBAL event_scheduler = OFF")
    for name, body in (("clean", "DELETE FROM app.notes"), ("count", "INSERT INTO shop.t (at) VALUES (NOW())")):
        old.sql(f"CREATE DEFINER=root@localhost EVENT shop.{name} ON SCHEDULE EVERY 1 SECOND DO {body}")
    assert job.report(databases=["shop"]).different == []
    assert _here(group, "SELECT SLEEP(3), COUNT(*) FROM app.notes") == [(0, 1)]
    assert _here(group, "SELECT COUNT(*) FROM shop.t") == [(0,)]


def test_programs_arrive_as_they_are_and_events_at_the_hand_over(old: Old, group: Group, job: Job, shop: None) -> None:
    """A view that needs a function, triggers in their order, a mode and a zone of their own, a time to come."""
    latin = "SET NAMES latin1 COLLATE latin1_german1_ci; SET sql_mode = 'ANSI_QUOTES', time_zone = '+03:00'"
    old.sql(
        "CREATE FUNCTION shop.f (x INT) RETURNS INT DETERMINISTIC RETURN x + 1",
        "CREATE VIEW shop.v AS SELECT shop.f(id) AS next FROM shop.t",
        "CREATE TRIGGER shop.b BEFORE INSERT ON shop.t FOR EACH ROW SET NEW.at = '2026-01-01'",
        "CREATE TRIGGER shop.a BEFORE INSERT ON shop.t FOR EACH ROW PRECEDES b SET NEW.at = '2025-01-01'",
        "INSERT INTO shop.t (id) VALUES (7)",
        latin,
        'CREATE PROCEDURE "shop"."p"() SELECT "id" FROM "t"',
        "CREATE EVENT shop.later ON SCHEDULE EVERY 1 DAY STARTS '2036-01-01 00:00:00' DO DELETE FROM shop.t",
    )
    columns = (
        "SELECT trigger_name, action_order FROM information_schema.triggers WHERE trigger_schema = 'shop' ORDER BY 2"
    )
    event = (
        "SELECT starts, time_zone, sql_mode, definer, status FROM information_schema.events WHERE event_schema = 'shop'"
    )
    routine = (
        "SELECT routine_name, sql_mode, collation_connection, routine_definition FROM information_schema.routines "
        "WHERE routine_schema = 'shop' ORDER BY 1"
    )
    there = [old.sql(query) for query in (columns, event, routine)]
    assert job.report(databases=["shop"]).different == []
    assert _here(group, "SELECT next FROM shop.v") == [(8,)]
    assert _here(group, event) == []
    assert job.report(databases=["shop"], finish=True).different == []
    here = ["\n".join("\t".join(map(str, row)) for row in _here(group, query)) for query in (columns, event, routine)]
    assert here == [text.strip() for text in there]
    group.members[0].query("INSERT INTO shop.t (id) VALUES (8)")
    assert _here(group, "SELECT YEAR(at) FROM shop.t WHERE id = 8") == [(2026,)]


def test_a_program_of_the_source_gets_no_rights_of_an_account_that_has_its_definer_s_name(
    old: Old, group: Group, job: Job, shop: None
) -> None:
    old.sql(
        "CREATE DEFINER=app@'%' PROCEDURE shop.anything (s TEXT) BEGIN END",
        "CREATE DEFINER=root@localhost PROCEDURE shop.harmless () BEGIN END",
        "CREATE DEFINER=app@'%' SQL SECURITY INVOKER VIEW shop.v AS SELECT 1 AS one",
    )
    done = job.run("prepare", databases=["shop"], finish=True)
    assert done.code == errors.Refused.exit_code
    assert "procedure `shop`.`anything`: its definer app@% is another account in the cluster" in done.last
    assert "harmless" not in done.last
    assert old.is_read_only() == "00"
    group.members[0].query("DROP TABLE app.notes")
    assert job.run("prepare", databases=["shop", "app"]).code == 0, "all that app may use there came from the source"
    group.members[0].query("CREATE TABLE app.notes (id INT PRIMARY KEY)")
