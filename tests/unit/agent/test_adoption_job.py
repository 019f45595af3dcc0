"""The programs of adopt's Job: whatever fails, and wherever its pod is lost, the source is as it was before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.agent.jobs import adoption, option_files
from mysqlops.core import adoption as words
from mysqlops.kube import manifests
from mysqlops.mysql import adopting, comparison, connect, foreign_accounts, loading_account
from tests.unit.fakes.api import Clock
from tests.unit.fakes.two_servers import Sql

_ENVIRONMENT = {
    "SOURCE_HOST": "old",
    "SOURCE_PORT": "3306",
    "SOURCE_USER": "copier",
    "SOURCE_SSL_MODE": words.VERIFY_CA,
    "TARGET_HOST": "mysql-primary",
    "TARGET_USER": "mysqlops_adopt",
    "JOB": "job-1",
}
_FROM = "old:3306"


class World:
    """A source with a database, and an empty cluster."""

    def __init__(self, work: Path) -> None:
        self.work, self.clock = work, Clock()
        self.source, self.target = Sql(shop={"orders": 3, "people": 5}), Sql()
        self.at_connecting: list[str] = []

    def connect(self, host: str, *_: Any, **__: Any) -> Sql:
        found = self.source if host == "old" else self.target
        self.at_connecting.append(host)
        if found.is_down:
            raise errors.ConnectFailed(f"{host} does not answer")
        return found

    def job(self, **environment: str) -> adoption.Adoption:
        return adoption.Adoption({**_ENVIRONMENT, **environment}, self.clock, self.work)

    def finishing(self, job: str = "job-1") -> adoption.Adoption:
        return self.job(FINISH="yes", JOB=job)

    def copy(self) -> None:
        """What mysqldump and mysql do between the two programs."""
        self.target.databases = {name: dict(tables) for name, tables in self.source.databases.items()}

    def takes_writes(self) -> bool:
        return not self.source.read_only and not self.source.super_read_only


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    for side in ("source", "target"):
        (tmp_path / f"{side}-password").write_text(f"{side}-secret\n")
        monkeypatch.setattr(adoption, f"_{side.upper()}_PASSWORD", tmp_path / f"{side}-password")
    monkeypatch.setattr(connect, "connect_tcp", made.connect)
    monkeypatch.setattr(connect, "set_read_timeout", lambda *_: None)
    return made


def test_a_rehearsal_copies_and_leaves_the_source_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.job().prepare()
    assert not [one for one in world.source.log if one.startswith("SET GLOBAL")]
    assert (world.work / "databases").read_text() == "shop\n"
    assert world.target.adopted == {"shop": _FROM}
    world.copy()
    world.job().conclude()
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {one["name"]: one["equal"] for one in report["tables"]} == {"shop.orders": True, "shop.people": True}
    assert world.target.adopted == {"shop": _FROM}, "the next run may replace what a rehearsal copied"
    assert world.target.accounts == set(), "the account that copies is gone"


def test_a_view_is_never_read_in_place_of_a_table(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Its functions would run with all rights of the account that compares. Its name was a view's on the source when
    views were read, and is a table's when tables are compared."""
    world.source.programs = {"shop": [("view", "late", "")]}
    world.job().prepare()
    world.copy()
    world.source.databases["shop"]["late"] = 1
    world.job().conclude()
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one["name"] for one in report["tables"] if not one["equal"]] == ["shop.late"]
    assert not [one for one in world.target.log if one.startswith("SELECT COUNT(*)") and "late" in one]


_EVENT: list[tuple[str, ...]] = [("event", "clean", "digest")]


def _events(world: World) -> list[tuple[str, ...]]:
    return [one for one in world.target.programs.get("shop", []) if one[0] == "event"]


def test_an_event_is_created_at_the_hand_over_and_no_earlier(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A rehearsal's copy stays for weeks: its events would work on the cluster, with the source's names."""
    world.source.programs = {"shop": [*_EVENT, ("procedure", "p", "digest")]}
    world.job().prepare()
    world.copy()
    world.job().conclude()
    assert world.target.programs == {"shop": [("procedure", "p", "digest")]}
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one for one in report["tables"] if not one["equal"]] == []
    world.target.programs.clear()
    world.finishing("job-2").prepare()
    world.copy()
    world.target.turn = _at("DELETE FROM mysqlops.adopted", lambda: seen.extend(_events(world)))
    seen = list[Any]()
    world.finishing("job-2").conclude()
    assert (seen, _events(world)) == ([], _EVENT)


def test_events_of_a_copy_that_is_not_handed_over_after_all_are_dropped_again(world: World) -> None:
    world.source.programs = {"shop": _EVENT}
    world.finishing().prepare()
    world.copy()
    world.target.turn = _at("CREATE DEFINER", lambda: _wrote(world))
    with pytest.raises(errors.StepFailed, match="has executed transactions"):
        world.finishing().conclude()
    assert _events(world) == []
    assert world.target.adopted == {"shop": _FROM}


def test_what_somebody_made_before_the_source_stopped_is_looked_at_too(world: World) -> None:
    world.source.turn = _at("SET GLOBAL super_read_only", lambda: setattr(world.source, "engine", "MyISAM"))
    with pytest.raises(errors.StepFailed, match=rf"uses engine MyISAM.*{words.GIVEN_BACK}"):
        world.finishing().prepare()
    assert "shop" not in world.target.databases
    assert world.takes_writes()


def test_passwords_are_in_files_that_only_the_job_may_read(world: World) -> None:
    world.job().prepare()
    for side in ("source", "target"):
        assert (world.work / f"{side}.cnf").stat().st_mode & 0o077 == 0
    assert 'password="source-secret"' in (world.work / "source.cnf").read_text()
    assert words.VERIFY_CA.upper().replace("-", "_") in (world.work / "source.cnf").read_text()


def test_a_last_copy_stops_the_source_s_writes_and_the_data_is_the_cluster_s_own_afterwards(world: World) -> None:
    world.finishing().prepare()
    assert world.source.super_read_only
    assert world.target.adopting[_FROM] == ["job-1", "job-1", 0]
    world.copy()
    world.finishing().conclude()
    assert world.source.super_read_only, "clients go on with the cluster"
    assert world.target.adopted == {}


def test_the_source_is_stopped_only_after_it_was_noted_who_did_it(world: World) -> None:
    """A Job that is lost between the two leaves a note; one that stopped the source without a note, nobody undoes."""
    world.source.fail = "SET GLOBAL super_read_only = ON"
    with pytest.raises(errors.StepFailed, match=words.GIVEN_BACK):
        world.finishing().prepare()
    world.source.fail = ""
    world.target.fail = "UPDATE mysqlops.adopting SET stopped_by = %s"
    with pytest.raises(errors.StepFailed):
        world.finishing("job-2").prepare()
    assert world.takes_writes()


@pytest.mark.parametrize("broken", ["differs", "is missing"])
def test_a_last_copy_that_differs_gives_the_source_back(world: World, broken: str) -> None:
    world.finishing().prepare()
    world.copy()
    tables = world.target.databases["shop"]
    tables.update(orders=2) if broken == "differs" else tables.pop("orders")
    with pytest.raises(errors.StepFailed, match=rf"differ in shop\.orders; {words.GIVEN_BACK}"):
        world.finishing().conclude()
    assert world.takes_writes()
    assert world.target.accounts == set()


def test_a_program_that_arrives_with_another_body_or_that_nobody_sent_is_a_difference() -> None:
    there = {"view v": "", "procedure p": "1", "function p": "2", "event gone": "3", "trigger t": "4"}
    here = {"view v": "", "procedure p": "1", "function p": "9", "event new": "3", "trigger t": ""}
    assert comparison.differing(there, here) == ["event gone", "event new", "function p"]


def test_a_source_that_was_read_only_before_is_so_again(world: World) -> None:
    world.source.read_only = True
    world.finishing().prepare()
    with pytest.raises(errors.StepFailed):
        world.finishing().conclude()  # nothing was copied
    assert (world.source.read_only, world.source.super_read_only) == (True, False)


def test_a_source_that_took_no_writes_at_all_stays_as_it_was(world: World) -> None:
    world.source.read_only = world.source.super_read_only = True
    world.finishing().prepare()
    with pytest.raises(errors.StepFailed, match="the source is as it was before"):
        world.finishing().conclude()
    assert world.source.super_read_only


def test_a_copy_that_failed_says_why_in_its_own_words(world: World) -> None:
    world.finishing().prepare()
    (world.work / "failed").touch()
    (world.work / "copy.log").write_text("mysqldump: [Warning] Using a password\nmysqldump: Got error: 1146\n")
    with pytest.raises(errors.StepFailed, match=f"^copy: mysqldump: Got error: 1146; {words.GIVEN_BACK}$"):
        world.finishing().conclude()
    assert world.takes_writes()


def test_a_second_pod_of_a_job_does_not_go_on_with_what_the_first_began(world: World) -> None:
    """Where the first one was nobody knows: the source takes writes again, and a run begins from its beginning."""
    world.finishing().prepare()
    with pytest.raises(errors.StepFailed, match=f"an earlier pod of this Job was lost; {words.GIVEN_BACK}"):
        world.finishing().prepare()
    assert world.takes_writes()


def test_a_pod_that_was_given_up_does_not_finish(world: World) -> None:
    """It was cut off, a second one gave the source back, and it thaws: clients write to the source by now."""
    world.finishing().prepare()
    world.copy()
    with pytest.raises(errors.StepFailed):
        world.finishing().prepare()
    with pytest.raises(errors.StepFailed, match="another pod has given up this copy meanwhile"):
        world.finishing().conclude()
    assert world.target.adopted == {"shop": _FROM}
    assert world.takes_writes()


def _at(beginning: str, act: Callable[[], None]) -> Callable[[str], None]:
    """Acts once, before the first statement that begins so."""
    open_ = [act]

    def turn(sql: str) -> None:
        if sql.startswith(beginning) and open_:
            open_.pop()()

    return turn


_DIGEST, _FORGET = "SELECT COUNT(*), COUNT(SHA2", "DELETE FROM mysqlops.adopted"


def _writable(world: World) -> None:
    world.source.read_only = world.source.super_read_only = False


def _wrote(world: World) -> None:
    world.source.executed = "g:1-6"


def _given_up(world: World) -> None:
    """By a later pod, or by --abort: the source accepts writes, and is then read-only again, as at a second attempt."""
    adopting.give_back(cast("Any", world.source), cast("Any", world.target), _FROM)
    world.source.super_read_only = True


@pytest.mark.parametrize("act", [_writable, _wrote, _given_up], ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    ("server", "when"), [("source", _DIGEST), ("target", _DIGEST), ("target", "UPDATE"), ("target", _FORGET)]
)
def test_what_was_true_before_the_comparison_must_hold_until_the_end(
    world: World, capsys: pytest.CaptureFixture[str], server: str, when: str, act: Callable[[World], None]
) -> None:
    """A pod that was frozen anywhere, and thaws hours later, hands nothing over."""
    world.finishing().prepare()
    world.copy()
    getattr(world, server).turn = _at(when, lambda: act(world))
    with pytest.raises(errors.StepFailed):
        world.finishing().conclude()
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")], "no report"
    assert world.target.adopted == {"shop": _FROM}, "the next run may replace the copy"


def test_a_last_copy_reports_when_and_where_the_source_was_at_the_hand_over(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.finishing().prepare()
    world.copy()
    world.finishing().conclude()
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["source"]
    assert found == {
        "job": "job-1",
        "at": "2026-01-01T00:00:00Z",
        "read_only": True,
        "position": "g:1-5 binlog.000001:5",
    }
    assert world.target.adopting[_FROM][0] == "job-1="
    world.job(JOB="job-2").confirm()
    assert json.loads(capsys.readouterr().out) == {**found, "job": "job-2"}


def test_the_copy_begins_with_a_statement_that_only_the_current_job_survives(world: World) -> None:
    world.job().prepare()
    text = (world.work / "guard.sql").read_text()
    assert "WHERE source = 'old:3306' AND job = 'job-1'" in text
    script = manifests.load_one("adopt/job.yaml")["spec"]["template"]["spec"]["initContainers"][1]["command"][-1]
    assert script.index("cat /work/guard.sql") < script.index("mysqldump --defaults-file")


def test_the_previous_copy_is_gone_before_the_source_s_writes_stop(world: World) -> None:
    """Whoever reads it holds up its DROP, and a large one takes minutes: the source's clients must not wait then."""
    world.job().prepare()
    world.copy()
    held = list[bool]()
    world.source.turn = _at("SET GLOBAL super_read_only = ON", lambda: held.append("shop" in world.target.databases))
    world.finishing("job-2").prepare()
    assert held == [False]


def test_a_copy_that_somebody_reads_leaves_the_source_untouched(world: World) -> None:
    world.job().prepare()
    world.copy()
    world.target.fail, world.target.errno = "DROP DATABASE", 1205
    with pytest.raises(errors.StepFailed, match=f"a transaction in the cluster uses .*; {words.UNTOUCHED}"):
        world.finishing("job-2").prepare()
    assert not [one for one in world.source.log if one.startswith("SET GLOBAL")]


def test_every_session_on_the_cluster_gives_up_on_a_lock(world: World) -> None:
    world.finishing().prepare()
    assert [one for one in world.target.log if "lock_wait_timeout" in one]
    assert "lock_wait_timeout" in (world.work / "guard.sql").read_text()
    world.copy()
    world.target.log.clear()
    world.finishing().conclude()
    assert [one for one in world.target.log if "lock_wait_timeout" in one]


def test_a_job_undoes_nothing_that_another_one_did(world: World) -> None:
    world.finishing("job-1").prepare()
    world.target.databases = {"shop": {"own": 1}}
    world.target.adopted.clear()
    with pytest.raises(errors.Refused):
        world.finishing("job-2").prepare()
    assert world.source.super_read_only, "job-1 may be at its last copy"


def test_an_abort_gives_the_source_back_whatever_job_stopped_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.source.read_only = True
    world.finishing("any").prepare()
    world.job().give_back()
    assert (world.source.read_only, world.source.super_read_only) == (True, False)
    assert words.GIVEN_BACK in capsys.readouterr().out


def test_an_abort_goes_on_without_the_cluster(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It alone knows how the source was: without it the source takes writes."""
    world.finishing().prepare()
    world.target.is_down = True
    world.job().give_back()
    assert world.takes_writes()
    assert "mysql-primary is skipped" in capsys.readouterr().out
    assert world.clock.seconds > 60


def test_where_nothing_can_be_undone_the_command_that_does_is_told(world: World) -> None:
    world.finishing().prepare()
    world.target.is_down = True
    with pytest.raises(errors.StepFailed, match=r"the source may still be read-only, --abort undoes that$"):
        world.finishing().conclude()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": "5.6.51"}, "unfit-source"),
        ({"version": "10.11.6-MariaDB", "fail": "SET"}, "unfit-source"),
        ({"version": "8.0.36", "has_uuid": False, "fail": "SET"}, "unfit-source"),
        ({"engine": "MyISAM"}, "unfit-table"),
        ({"databases": {}}, "no-such-database"),
        ({"databases": {"a\nb": {"t": 1}}}, "unfit-name"),
    ],
)
def test_what_cannot_be_copied_is_refused_before_anything_is_changed(
    world: World, change: dict[str, Any], code: str
) -> None:
    vars(world.source).update(change)
    with pytest.raises(errors.Refused) as error:
        world.finishing().prepare()
    assert {one.code for one in error.value.reasons} == {code}
    assert world.takes_writes()
    assert (world.target.adopted, world.target.accounts) == ({}, set())


def test_a_database_that_others_filled_is_not_replaced(world: World) -> None:
    world.target.databases = {"shop": {"theirs": 1}}
    with pytest.raises(errors.Refused) as error:
        world.job().prepare()
    assert [one.code for one in error.value.reasons] == ["occupied"]
    world.target.adopted = {"shop": _FROM}
    world.job(JOB="job-2").prepare()
    with pytest.raises(errors.Refused, match="the source has shop"):
        world.job(JOB="job-3", DATABASES='["shop", "shap"]').prepare()
    with pytest.raises(errors.Refused, match="the source has no such account"):
        world.job(JOB="job-4", ACCOUNTS='["nobody"]').prepare()


@pytest.mark.parametrize("kind", ["procedure", "view", "event"])
def test_a_database_without_tables_may_hold_what_a_copy_would_drop(world: World, kind: str) -> None:
    world.target.databases = {"shop": {}}
    world.target.programs = {"shop": [(kind, "theirs", "digest")]}
    with pytest.raises(
        errors.Refused, match=f"database shop of the cluster holds {kind} theirs, which no open"
    ) as error:
        world.job().prepare()
    assert [one.code for one in error.value.reasons] == ["occupied"]
    assert world.target.adopted == {}
    world.target.programs = {}
    world.job(JOB="job-2").prepare()
    assert world.target.adopted == {"shop": _FROM}, "an empty database is free"


def test_an_account_of_a_database_that_stays_behind_gets_no_rights_on_the_cluster_s_own_of_that_name(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.source.databases |= {"crm": {"t": 1}, "app": {"theirs": 1}}
    world.target.databases = {"crm_old": {"own": 1}}
    reach = {"bob": "app", "carol": "crm", "dave": "crm%", "erin": "gone"}
    found = [foreign_accounts.Account(user, "%", reaches={name: f"`{name}`.*"}) for user, name in reach.items()]
    monkeypatch.setattr(foreign_accounts, "read", lambda _: found)
    world.job(DATABASES='["crm"]').prepare()
    world.copy()
    world.job(DATABASES='["crm"]').conclude()
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["accounts"] == ["carol@%", "dave@%", "erin@%"], "`copy` left no database crm_old here"
    assert "`app`.*" in report["accounts_refused"][0]
    world.target.databases["crm_old"] = {"own": 1}
    world.job(DATABASES='["crm"]').conclude()
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["accounts"] == ["carol@%", "erin@%"]


def test_the_client_that_loads_may_use_what_is_replaced_and_nothing_else(world: World) -> None:
    """Whoever controls the source, or changes a definition during the copy, writes the statements that it executes."""
    world.source.databases["it_s"] = {"t": 1}
    world.job().prepare()
    file = (world.work / "target.cnf").read_text()
    assert 'user="mysqlops_load"' in file
    assert "target-secret" not in file, "that is the account with all rights"
    granted = [one.removeprefix("GRANT ") for one in world.target.log if one.startswith("GRANT")]
    rights = "SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, LOCK TABLES"
    assert granted == [
        "SELECT ON mysqlops.adopting TO 'mysqlops_load'@'%'",
        f"{rights} ON `shop`.* TO 'mysqlops_load'@'%'",
        f"{rights} ON `it\\_s`.* TO 'mysqlops_load'@'%'",
    ]
    world.job().conclude()
    assert "DROP USER IF EXISTS 'mysqlops_adopt'@'%', 'mysqlops_load'@'%'" in world.target.log


@pytest.mark.parametrize(
    ("name", "granted"),
    [("a_%", r"a\_\%"), ("e\\f", r"e\\f"), ("_" * 60 + "%%", "_" * 60 + r"\%\%"), ("x" * 64, "x" * 64)],
)
def test_rights_on_a_database_are_rights_on_no_other(name: str, granted: str) -> None:
    assert loading_account.pattern(name) == granted


def test_no_client_reads_a_view(world: World) -> None:
    world.source.programs = {"shop": [("view", "v", ""), ("view", 'a"\\b', "")]}
    world.job().prepare()
    assert (
        (world.work / "source.cnf")
        .read_text()
        .endswith('[mysqldump]\nignore-table="shop.v"\nignore-table="shop.a\\"\\\\b"\n')
    )
    assert world.target.programs == {}
    world.copy()
    world.job().conclude()
    assert sorted(world.target.programs["shop"]) == sorted(world.source.programs["shop"])


@pytest.mark.parametrize(
    ("databases", "view", "text"),
    [
        ({"shop": {"Orders": 1}}, "orders", "view `shop`.`orders` from table `shop`.`Orders`"),
        ({"shop": {}, "shop.a": {"b": 1}}, "a.b", "view `shop`.`a.b` from table `shop.a`.`b`"),
        ({"shop": {}}, "a\nb", "control characters"),
    ],
)
def test_a_view_that_the_dump_cannot_leave_out_by_name_is_refused(
    world: World, databases: dict[str, dict[str, int]], view: str, text: str
) -> None:
    world.source.databases, world.source.programs = databases, {"shop": [("view", view, "")]}
    with pytest.raises(errors.Refused) as error:
        world.job().prepare()
    assert [(one.code, text in one.message) for one in error.value.reasons] == [("unfit-name", True)]


def test_a_foreign_key_into_a_database_that_stays_behind_is_refused(world: World) -> None:
    """In the cluster it would lead into another database of that name, and lock its rows."""
    world.source.foreign_keys = [("orders", "shop"), ("orders", "app")]
    with pytest.raises(errors.Refused, match=r"shop\.orders references database app, which is not copied"):
        world.job().prepare()
    world.source.databases["app"] = {}
    world.job(JOB="job-2").prepare()


def test_an_option_file_holds_what_it_was_given_and_no_line_more() -> None:
    assert option_files.group("client", [("password", 'a"b\\c')]) == '[client]\npassword="a\\"b\\\\c"\n'
    with pytest.raises(errors.Refused):
        option_files.group("client", [("password", "a\nuser=root")])
