"""Whose rights the programs of an adopted database have in the cluster, and when its events begin to run there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mysqlops import errors
from tests.database.adoption import Job, Old
from tests.database.group import Group

pytestmark = pytest.mark.long  # servers of their own, minutes of work; CI has the unit tests


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
    assert group.members[0].query("SELECT SLEEP(3), COUNT(*) FROM app.notes") == [(0, 1)]
    assert group.members[0].query("SELECT COUNT(*) FROM shop.t") == [(0,)]


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
    assert group.members[0].query("SELECT next FROM shop.v") == [(8,)]
    assert group.members[0].query(event) == []
    assert job.report(databases=["shop"], finish=True).different == []
    here = [
        "\n".join("\t".join(map(str, row)) for row in group.members[0].query(query))
        for query in (columns, event, routine)
    ]
    assert here == [text.strip() for text in there]
    group.members[0].query("INSERT INTO shop.t (id) VALUES (8)")
    assert group.members[0].query("SELECT YEAR(at) FROM shop.t WHERE id = 8") == [(2026,)]


_VIEWS = (
    "SELECT table_name, check_option, is_updatable, definer, security_type, character_set_client, collation_connection "
    "FROM information_schema.views WHERE table_schema = 'shop' ORDER BY 1"
)
_COLUMNS = (
    "SELECT table_name, column_name, column_type, COALESCE(collation_name, '-') FROM information_schema.columns "
    "WHERE table_schema = 'shop' AND table_name LIKE 'v%' ORDER BY table_name, ordinal_position"
)


def test_views_arrive_as_they_are_whatever_they_read_and_whoever_defined_them(
    old: Old, group: Group, job: Job, shop: None
) -> None:
    """mysqldump's order is that of their names: it failed for a view over one whose account comes last, or with a check
    option over a view of a later name."""
    old.sql(
        "CREATE USER seller@'%' IDENTIFIED BY 'x'; GRANT ALL ON shop.* TO seller@'%'",
        "CREATE FUNCTION shop.f (x INT) RETURNS INT DETERMINISTIC RETURN x + 1",
        "INSERT INTO shop.t (id) VALUES (1), (2), (3)",
        "CREATE DEFINER=seller@'%' VIEW shop.v_z AS SELECT id, at FROM shop.t WHERE id < 3",
        "CREATE DEFINER=seller@'%' VIEW shop.v_m AS SELECT id FROM shop.v_z WHERE id < 9 WITH LOCAL CHECK OPTION",
        "CREATE ALGORITHM=MERGE DEFINER=seller@'%' VIEW shop.v_a AS SELECT id FROM shop.v_m WITH CHECK OPTION",
        "CREATE ALGORITHM=TEMPTABLE SQL SECURITY INVOKER VIEW shop.v_i (`a;b`, c) AS "
        "SELECT shop.f(id), ';;' FROM shop.v_z",
        "CREATE VIEW shop.v_b AS SELECT * FROM shop.v_i WHERE c <> '/*'",
    )
    old.sql(
        "SET NAMES latin1",
        "CREATE VIEW shop.v_l AS SELECT 'x' AS c, _latin1 0xE4 AS d, _utf8mb4 0xC3A4 AS e",
        "CREATE PROCEDURE shop.p () SELECT HEX(_latin1'\u00e4'), HEX(_utf8mb4'\u00e4')",
    )
    sent = old.sql("CALL shop.p()")
    there = [old.sql(query) for query in (_VIEWS, _COLUMNS)]
    texts = [old.sql(f"SHOW CREATE VIEW shop.{name}") for name in ("v_a", "v_b", "v_i", "v_l", "v_m", "v_z")]
    assert job.report(databases=["shop"]).different == []
    report = job.report(databases=["shop"], finish=True)
    assert report.different == []
    assert "seller@%" in report.accounts
    here = [
        "\n".join("\t".join(map(str, row)) for row in group.members[0].query(query)) for query in (_VIEWS, _COLUMNS)
    ]
    assert here == [text.strip() for text in there]
    for text in texts:
        name, created = text.split("\t")[:2]
        assert str(group.members[0].query(f"SHOW CREATE VIEW shop.{name}")[0][1]) == created
    assert group.members[0].query("SELECT * FROM shop.v_a") == [(1,), (2,)]
    assert group.members[0].query("SELECT HEX(d), HEX(e) FROM shop.v_l") == [("E4", "C3A4")]
    assert ["\t".join(map(str, row)) for row in group.members[0].query("CALL shop.p()")] == [sent.strip()]
    old.sql("SET GLOBAL read_only = OFF", "DROP USER seller@'%'")
    group.members[0].query("DROP DATABASE shop", "DROP USER seller@'%'")


def test_literals_of_other_character_sets_arrive_as_the_bytes_that_they_are(
    old: Old, group: Group, job: Job, shop: None
) -> None:
    """Written by a client of utf8mb4, in which 0xE4 is no character, and by one of gbk, which shows something else."""
    literals = r"HEX(_binary'\344\377') AS a, HEX(_latin1'\344') AS b, HEX(_gbk'\304\343') AS c"
    create = 'printf "SET NAMES {1}; USE shop; {0}" | mysql --no-defaults -uroot --socket=/tmp/s'
    for what in ("PROCEDURE p ()", "VIEW v AS"):
        old.shell(create.format(f"CREATE {what} SELECT {literals}", "utf8mb4"))
    wanted = [("E4FF", "E4", "C4E3")]
    assert job.report(databases=["shop"]).different == []
    shown = [group.members[0].query(query) for query in ("SELECT * FROM shop.v", "CALL shop.p()")]
    assert shown == [wanted, wanted]
    old.shell(create.format(r"CREATE PROCEDURE odd () SELECT HEX(_binary'\344')", "gbk"))
    done = job.run(databases=["shop"])
    assert done.code == errors.StepFailed.exit_code
    assert "procedure `shop`.`odd`: its text holds bytes that are no characters of gbk" in done.last


def test_no_client_creates_a_view_and_none_changes_anything_but_the_copy(
    old: Old, group: Group, job: Job, shop: None
) -> None:
    """A view that somebody creates between the check and the dump; and a dump that holds another statement."""
    assert job.run("prepare", databases=["shop"]).code == 0
    old.sql("CREATE VIEW shop.late AS SELECT 1 AS one")
    assert job.run("copy", databases=["shop"], keep=True).code == 0
    done = job.run("conclude", databases=["shop"], keep=True)
    assert (done.code, "CREATE VIEW command denied to user 'mysqlops_load'" in done.last) == (6, True), done.log
    assert group.members[0].query("SELECT table_name FROM information_schema.views WHERE table_schema = 'shop'") == []
    old.sql("DROP VIEW shop.late")
    for statement in (
        "DROP TABLE app.notes",
        "SELECT c FROM app.notes",
        "CREATE USER evil@'%'",
        "SET GLOBAL max_connections = 1",
        "UPDATE mysqlops.adopting SET job = 'x'",
        "CREATE PROCEDURE shop.p() SELECT 1",
        "CREATE TRIGGER shop.x BEFORE INSERT ON shop.t FOR EACH ROW SET NEW.at = NULL",
        "CREATE TABLE shop.child (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES app.notes (id))",
    ):
        assert job.run("prepare", databases=["shop"]).code == 0
        with (job.folder / "work" / "guard.sql").open("a") as guard:
            guard.write(f"{statement};\n")
        assert job.run("copy", databases=["shop"], keep=True).code == 0
        done = job.run("conclude", databases=["shop"], keep=True)
        # Of a trigger, where the server writes a binary log.
        is_denied = "denied" in done.last or "log_bin_trust_function_creators" in done.last
        assert (done.code, is_denied) == (6, True), (statement, done.log)
    assert group.members[0].query("SELECT COUNT(*) FROM app.notes") == [(1,)]
    assert (
        group.members[0].query("SELECT user FROM mysql.user WHERE user IN ('evil', 'mysqlops_load', 'mysqlops_adopt')")
        == []
    )


def test_a_foreign_key_into_a_database_of_the_cluster_is_refused(old: Old, job: Job, shop: None) -> None:
    old.sql("CREATE TABLE shop.child (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES app.notes (id))")
    done = job.run("prepare", databases=["shop"])
    assert done.code == errors.Refused.exit_code
    assert "shop.child references database app, which is not copied" in done.last


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
