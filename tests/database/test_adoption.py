"""Another server is taken over: its names, accounts, settings and certificates are data; a failure undoes itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mysqlops import errors
from mysqlops.core import adoption, names
from mysqlops.mysql import accounts, foreign_accounts
from tests.database.adoption import Job, Old
from tests.database.group import Group

_ATTACK = '--init-command=GRANT ALL ON *.* TO limited@"%"'
_ODD = [
    *(_ATTACK, "-h127.0.0.1", "--all-databases", "--result-file=/work/x", "--", "-", "----args-separator----"),
    *(
        "a`b'c\"d",
        "``",
        "'",
        "$(id) %s $HOME",
        "`id`",
        "%",
        "*",
        "#x",
        ";",
        "*/",
        "\\!",
        "e\\f",
        "DELIMITER ;;",
        "--x --y",
    ),
    *("ünï ⊕", "日本語", "x" * 64, "~", "@x", " IDENTIFIED BY "[:-1]),
]
_READS = re.compile(
    r"SELECT|SHOW|SET (SESSION|NAMES|@|SQL_QUOTE|character_set)|/\*!\d+ (SET|SHOW|SELECT)|START TRANSACTION|USE|UNLOCK"
    r"|SAVEPOINT|ROLLBACK|RELEASE|set autocommit|SET AUTOCOMMIT",
    re.I,
)

pytestmark = pytest.mark.long  # servers of their own, minutes of work; CI has the unit tests


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@pytest.fixture
def shop(old: Old, group: Group) -> Iterator[None]:
    old.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, at TIMESTAMP NULL, c CHAR(9), e FLOAT)")
    old.sql("INSERT INTO shop.t VALUES (1, '2026-01-01 10:00:00', 'ä', 1.1), (2, NULL, '', 1e30)")
    yield
    old.sql("SET GLOBAL read_only = OFF; DROP DATABASE IF EXISTS shop")
    group.members[0].query("DROP DATABASE IF EXISTS shop", "DROP TABLE IF EXISTS mysqlops.adopted, mysqlops.adopting")


def test_no_name_becomes_an_option_and_a_rehearsal_only_reads(old: Old, group: Group, job: Job) -> None:
    """With the rights to read alone; the databases of whoever could create one there are copied like any other."""
    old.sql("CREATE USER limited@'%' IDENTIFIED BY 'x'; GRANT CREATE ON *.* TO limited@'%'")
    for name in _ODD:
        one = _quoted(name)
        made = (f"CREATE DATABASE {one}", f"CREATE TABLE {one}.{one} (id INT PRIMARY KEY, t TEXT)")
        old.sql(*made, f"INSERT INTO {one}.{one} VALUES (1, 'x')", f"CREATE VIEW {one}.v AS SELECT * FROM {one}.{one}")
    grants, users = old.sql("SHOW GRANTS FOR limited@'%'"), old.sql("SELECT user, host FROM mysql.user")
    old.statements("reader")
    job.user = "reader"
    report = job.report()
    assert sorted(report.databases) == sorted(_ODD)
    assert (report.different, report.tables, report.rows) == ([], len(_ODD), len(_ODD))
    ran = old.statements("reader")
    assert len(ran) > 50
    assert [one for one in ran if not _READS.match(one)] == []
    assert old.sql("SHOW GRANTS FOR limited@'%'") == grants
    assert old.sql("SELECT user, host FROM mysql.user") == users
    assert group.members[0].query("SELECT COUNT(*) FROM mysql.user WHERE user IN ('limited', 'mysqlops_adopt')") == [
        (0,)
    ]
    for name in _ODD:
        assert group.members[0].query(f"SELECT t FROM {_quoted(name)}.{_quoted(name)}") == [("x",)]
        group.members[0].query(f"DROP DATABASE {_quoted(name)}")
    old.sql(*(f"DROP DATABASE {_quoted(name)}" for name in _ODD), "DROP USER limited@'%'")


def test_names_that_cannot_be_handled_are_refused_before_anything_runs(old: Old, job: Job, shop: None) -> None:
    old.sql("CREATE DATABASE `a\nb`", "CREATE DATABASE `Mysql`", "CREATE TABLE shop.gone (id INT PRIMARY KEY)")
    old.sql("CREATE VIEW shop.broken AS SELECT * FROM shop.gone", "DROP TABLE shop.gone")
    done = job.run(finish=True)
    assert done.code == errors.Refused.exit_code
    assert "database 'a\\nb': control characters" in done.last
    assert "view shop.broken is broken (error 1356)" in done.last
    assert "database `Mysql`: mysqldump takes it for the server's own" in done.last
    assert old.is_read_only() == "00"
    old.sql("DROP DATABASE `a\nb`", "DROP DATABASE `Mysql`")


_USERS = """
CREATE USER shopper@'%' IDENTIFIED BY 'shop-secret' WITH MAX_USER_CONNECTIONS 7 PASSWORD EXPIRE INTERVAL 90 DAY;
GRANT SELECT, INSERT ON shop.* TO shopper@'%'; GRANT UPDATE (c, e) ON shop.t TO shopper@'%';
GRANT DELETE ON shop.t TO shopper@'%'; GRANT PROCESS ON *.* TO shopper@'%';
CREATE FUNCTION shop.f () RETURNS INT DETERMINISTIC RETURN 1; GRANT EXECUTE ON FUNCTION shop.f TO shopper@'%';
CREATE ROLE writer; GRANT ALL ON `sh\\_p`.* TO writer; GRANT writer TO shopper@'%';
SET DEFAULT ROLE writer TO shopper@'%';
CREATE USER `o'neil;--`@`10.%` IDENTIFIED BY 'x' ACCOUNT LOCK; GRANT SELECT ON shop.* TO `o'neil;--`@`10.%`;
CREATE USER x509@'%' IDENTIFIED BY 'x' REQUIRE SUBJECT '/CN=o''neil';
CREATE USER `mysqlops_probe`@localhost IDENTIFIED BY 'stolen'; CREATE USER app@'%' IDENTIFIED BY 'stolen';
CREATE USER backdoor@'%' IDENTIFIED BY 'x'; GRANT ALL ON *.* TO backdoor@'%' WITH GRANT OPTION;
CREATE USER dba@'%' IDENTIFIED BY 'x'; GRANT CREATE USER, SHUTDOWN, BACKUP_ADMIN ON *.* TO dba@'%';
CREATE USER hander@'%' IDENTIFIED BY 'x'; GRANT SELECT ON shop.* TO hander@'%' WITH GRANT OPTION;
CREATE USER thief@'%' IDENTIFIED BY 'x'; GRANT SELECT ON `m_sql%`.* TO thief@'%';
CREATE USER nobody@'%'; CREATE USER kept@'%' IDENTIFIED BY 'theirs'
"""


def _known(group: Group) -> set[str]:
    return {str(user) for (user,) in group.members[0].query("SELECT user FROM mysql.user")}


def test_accounts_are_listed_first_and_only_harmless_or_named_ones_come_along(
    old: Old, group: Group, job: Job, shop: None
) -> None:
    old.sql(_USERS)
    group.members[0].query("CREATE USER kept@'%' IDENTIFIED BY 'ours'")
    before = _known(group)
    report = job.report()
    refused = "\n".join(report.accounts_refused)
    assert sorted(report.accounts) == ["o'neil;--@10.%", "shopper@%", "writer@%", "x509@%"]
    for user, why in (
        ("backdoor", "administers (SELECT, INSERT"),
        ("dba", "administers (SHUTDOWN, CREATE USER, BACKUP_ADMIN): --account dba@%"),
        ("hander", "administers (GRANT OPTION)"),
        ("thief", "administers (rights on `m_sql%`.*)"),
        ("nobody", "administers (no password)"),
        ("kept", "the cluster has its own"),
        ("app", "the cluster has its own"),
        ("root", "the cluster has its own"),
    ):
        assert re.search(rf"^{user}@\S+: .*{re.escape(why)}", refused, re.M), (user, refused)
    assert "mysqlops_probe@localhost: the cluster has its own" in refused
    assert _known(group) == before

    report = job.report(finish=True, named=["dba@%"])
    assert _known(group) == before | {"o'neil;--", "shopper", "writer", "x509", "dba"}
    assert old.is_read_only() == "11"
    assert group.members[0].query("SHOW GRANTS FOR shopper@'%'") == [
        ("GRANT PROCESS ON *.* TO `shopper`@`%`",),
        ("GRANT SELECT, INSERT ON `shop`.* TO `shopper`@`%`",),
        ("GRANT UPDATE (`c`, `e`), DELETE ON `shop`.`t` TO `shopper`@`%`",),
        ("GRANT EXECUTE ON FUNCTION `shop`.`f` TO `shopper`@`%`",),
        ("GRANT `writer`@`%` TO `shopper`@`%`",),
    ]
    made = str(group.members[0].query("SHOW CREATE USER shopper@'%'")[0][0])
    for part in ("DEFAULT ROLE `writer`@`%` REQUIRE SSL", "MAX_USER_CONNECTIONS 7", "EXPIRE INTERVAL 90 DAY"):
        assert part in made
    subject = group.members[0].query("SELECT x509_subject FROM mysql.user WHERE user = 'x509'")
    assert subject == [(b"/CN=o'neil",)]
    assert "ACCOUNT LOCK" in str(group.members[0].query("SHOW CREATE USER `o'neil;--`@`10.%`")[0][0])
    with group.members[0].server() as server:
        same = {str(one): one for one in foreign_accounts.read(server)}
        hashes = server.query("SELECT authentication_string FROM mysql.user WHERE user IN ('kept', 'app')")
    assert same["shopper@%"].default_roles == ["'writer'@'%'"]
    assert len(hashes) == 2
    for user in ("o'neil;--@10.%", "shopper@%", "writer@%", "x509@%", "dba@%", "kept@%"):
        group.members[0].query(f"DROP USER {'@'.join(accounts.quote(one) for one in user.split('@'))}")


def test_both_sides_are_read_with_the_same_settings(job: Job, shop: None) -> None:
    """The source has another time zone, PAD_CHAR_TO_FULL_LENGTH, latin1 and small packets."""
    report = job.report()
    assert (report.different, report.rows) == ([], 2)


def test_a_last_copy_that_fails_gives_the_source_its_writes_back(old: Old, job: Job, group: Group, shop: None) -> None:
    assert job.run("prepare", finish=True, job="one").code == 0
    assert old.is_read_only() == "11"
    done = job.run("conclude", finish=True, job="one", keep=True)
    assert (done.code, done.last) == (
        errors.StepFailed.exit_code,
        f"step-failed: source and copy differ in shop.t; {adoption.GIVEN_BACK}",
    )
    assert old.is_read_only() == "00"
    assert names.USER_ADOPT not in _known(group)

    (job.folder / "source" / "password").write_text("wrong")
    done = job.run("prepare", "copy", finish=True)
    assert done.code == errors.StepFailed.exit_code
    assert re.search(r"Access denied for user 'mover'.*; the source is untouched$", done.last)


def test_a_copy_that_somebody_reads_is_found_before_the_source_stops(
    old: Old, job: Job, group: Group, shop: None
) -> None:
    """Somebody looked at the rehearsal's copy and left the transaction open: the source's clients would wait for it."""
    assert job.report().different == []
    with group.members[0].server() as reader:
        reader.query("START TRANSACTION")
        reader.query("SELECT COUNT(*) FROM shop.t")
        old.statements("mover")
        done = job.run("prepare", finish=True)
        assert done.code == errors.StepFailed.exit_code
        assert re.search(r"database shop: a transaction in the cluster uses .*; the source is untouched$", done.last)
    assert not [one for one in old.statements("mover") if one.startswith("SET GLOBAL")]
    assert old.is_read_only() == "00"
    assert job.report(finish=True).different == []


def test_a_copy_that_breaks_is_told_in_a_sentence(old: Old, job: Job, shop: None) -> None:
    assert job.run("prepare", finish=True, job="two").code == 0
    (job.folder / "work" / "databases").write_text("shop\nnowhere\n")
    assert job.run("copy", finish=True, job="two", keep=True).code == 0
    done = job.run("conclude", finish=True, job="two", keep=True)
    assert done.code == errors.StepFailed.exit_code
    assert re.search(
        r"copy: mysqldump: Got error: 1049: Unknown database 'nowhere'.*; the source takes writes", done.last
    )
    assert old.is_read_only() == "00"
    assert job.report(finish=True).different == []


def test_a_copy_that_another_job_has_overtaken_replaces_nothing(old: Old, job: Job, group: Group, shop: None) -> None:
    """Its pod was frozen between two containers."""
    assert job.run("prepare", job="late").code == 0
    group.members[0].query("UPDATE mysqlops.adopting SET job = 'next'")
    assert job.run("copy", job="late", keep=True).code == 0
    done = job.run("conclude", job="late", keep=True)
    assert (done.code, "ERROR 1242" in done.last) == (errors.StepFailed.exit_code, True), done.log
    assert group.members[0].query("SHOW TABLES FROM shop") == []


def test_a_last_copy_says_how_far_the_source_had_written(old: Old, job: Job, shop: None) -> None:
    report = job.report(finish=True)
    assert report.source is not None
    assert report.source.read_only
    assert ":" in report.source.position, "the file and position of its binary log"


def test_the_second_pod_of_a_job_undoes_what_the_lost_one_began(old: Old, job: Job, group: Group, shop: None) -> None:
    assert job.run("prepare", finish=True, job="lost").code == 0
    done = job.run("prepare", finish=True, job="lost")
    assert (done.code, done.last) == (6, f"step-failed: an earlier pod of this Job was lost; {adoption.GIVEN_BACK}")
    assert old.is_read_only() == "00"
    assert names.USER_ADOPT not in _known(group)
    assert job.report().different == []  # what it copied is nobody's own: the next run replaces it


def test_a_source_that_took_no_writes_before_takes_none_after(old: Old, job: Job, shop: None) -> None:
    old.sql("SET GLOBAL read_only = ON")
    assert job.run("prepare", finish=True, job="three").code == 0
    assert job.run("conclude", finish=True, job="three", keep=True).code == 6
    assert old.is_read_only() == "10"
    old.sql("SET GLOBAL super_read_only = ON")
    assert job.run("prepare", finish=True, job="four").code == 0
    done = job.run("conclude", finish=True, job="four", keep=True)
    assert (done.code, "the source is as it was before" in done.last) == (6, True)
    assert old.is_read_only() == "11"


def test_a_source_must_prove_who_it_is(old: Old, job: Job, shop: None, group: Group) -> None:
    job.ssl_mode = adoption.VERIFY_IDENTITY
    done = job.run("prepare")
    assert (done.code, "certificate verify failed" in done.last) == (6, True), done.log
    job.ssl_mode = adoption.VERIFY_CA
    (job.folder / "source-ca" / "ca.crt").write_text((group.folder / "tls" / "ca.crt").read_text())
    done = job.run("prepare")
    assert (done.code, "certificate verify failed" in done.last) == (6, True), done.log
    for mode in (adoption.REQUIRED, adoption.DISABLED):
        job.ssl_mode = mode
        assert job.report().different == []


def test_an_abort_needs_the_source_alone(old: Old, job: Job, shop: None) -> None:
    assert job.run("prepare", finish=True).code == 0
    done = job.give_back()
    assert (done.code, done.last) == (0, f"old.db.svc:3306: {adoption.GIVEN_BACK}")
    assert old.is_read_only() == "00"
    old.sql("SET GLOBAL super_read_only = ON")
    (job.folder / "target" / "password").unlink()  # as where no primary could make the account
    done = job.give_back()
    assert (done.code, old.is_read_only()) == (0, "00"), done.log


def test_the_account_that_copies_is_dropped_once_its_time_is_over(group: Group) -> None:
    with group.members[0].server() as server:
        accounts.create_temporary(server, names.USER_ADOPT, "x", 60)
        assert not accounts.drop_expired(server, names.USER_ADOPT)
        accounts.create_temporary(server, names.USER_ADOPT, "x", -1)
        server.query("SET GLOBAL super_read_only = ON")
        assert not accounts.drop_expired(server, names.USER_ADOPT)
        server.query("SET GLOBAL super_read_only = OFF")
        assert accounts.drop_expired(server, names.USER_ADOPT)
        assert names.USER_ADOPT not in _known(group)
