"""What a pod does before its mysqld starts: it waits for its name and for a restore, and makes passwords for a new
cluster only."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import __main__ as program
from mysqlops.agent import api, certificates, programs, settings
from mysqlops.core import error_record, group, names, timeline
from mysqlops.core.typed import Json
from mysqlops.mysql import wait
from tests.unit.fakes.api import Clock
from tests.unit.fakes.secret_api import Secrets

BOOTSTRAPPED = {names.ANNOTATION_BOOTSTRAPPED: "mysql-0 2026-01-01T00:00:00Z"}


class Cluster(Secrets):
    """The API server: Secrets, and the group's Lease."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, str] = {}

    def get(self, group: str, kind: str, name: str) -> Json:
        if kind == "leases":
            return {"metadata": {"name": name, "labels": names.selector("mysql"), "annotations": dict(self.notes)}}
        return super().get(group, kind, name)


class Pod:
    """mysql-1's folders and clock; `certificate_of` says for whom a certificate was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, pod: str) -> None:
        self.cluster, self.clock, self.asked = Cluster(), Clock(), list[bool]()
        _resolving(monkeypatch, ["10.0.0.1"])
        self.folders = {one: folder / one.lower() for one in ("CREDENTIALS", "STATEMENTS", "RUN", "VOLUME")}
        for one, made in self.folders.items():
            made.mkdir()
            monkeypatch.setattr(settings, one, made)
        me = settings.Settings("mysql", "db", pod, "uid")
        monkeypatch.setattr(settings, "read", lambda: me)
        monkeypatch.setattr(api, "Api", lambda *_: self.cluster)
        monkeypatch.setattr(programs, "_CLOCK", self.clock)
        monkeypatch.setattr(
            certificates.Certificates, "ensure", lambda _self, _clock, *, is_new: self.asked.append(is_new)
        )

    def held(self) -> dict[str, str]:
        return {one.name: one.read_text() for one in self.folders["CREDENTIALS"].iterdir()}


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pod:
    return Pod(monkeypatch, tmp_path, "mysql-1")


def _main(*words: str) -> int:
    return program.main(words, is_process_1=False)


# wait-for-database


def test_a_new_cluster_gets_passwords_and_the_next_member_the_same(pod: Pod) -> None:
    assert _main("wait-for-database") == 0
    first = pod.held()
    assert first.keys() >= {*names.PASSWORD_KEYS, names.KEY_GROUP_NAME}
    statements = (pod.folders["STATEMENTS"] / "accounts.sql").read_text()
    assert not any(first[key] in statements for key in names.PASSWORD_KEYS), "only hashes"
    assert _main("wait-for-database") == 0
    assert (pod.held(), pod.asked) == (first, [True, True])
    assert not (pod.folders["STATEMENTS"] / "of-before").exists()


def _formed(pod: Pod) -> None:
    pod.cluster.notes = dict(BOOTSTRAPPED)


def _has_data(pod: Pod) -> None:
    (pod.folders["VOLUME"] / "data").mkdir()


@pytest.mark.parametrize(("before", "why"), [(_formed, "was formed before"), (_has_data, "volume holds data")])
def test_where_there_is_data_no_password_is_made_up(
    before: Callable[[Pod], None], why: str, pod: Pod, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would not open it. Running members have time to restore the Secret."""
    before(pod)
    assert _main("wait-for-database") == errors.Refused.exit_code
    assert (pod.held(), pod.cluster.writes) == ({}, 0)
    told = capsys.readouterr().err
    assert why in told
    found = error_record.load(told, errors.Refused.exit_code)
    assert isinstance(found, errors.Refused)
    assert [one.code for one in found.reasons] == ["credentials-lost"]
    assert pod.clock.seconds >= 60


def test_passwords_that_a_running_member_restores_meanwhile_are_taken(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _main("wait-for-database") == 0
    held = dict(pod.cluster.objects)
    fresh = Cluster()
    pod.cluster.objects = fresh.objects
    _formed(pod)

    def restore() -> None:
        pod.cluster.objects = held

    pod.clock.turn = restore
    monkeypatch.setattr(wait, "wait_for", lambda *_, **__: "mysql-0")
    first = pod.held()
    assert _main("wait-for-database") == 0
    assert pod.held() == first
    assert pod.asked == [True, False]


def test_data_that_a_restore_has_just_brought_takes_new_passwords(pod: Pod) -> None:
    _has_data(pod)
    (pod.folders["VOLUME"] / "restored").touch()
    assert _main("wait-for-database") == 0
    assert pod.held().keys() >= {*names.PASSWORD_KEYS}


@pytest.mark.parametrize(("backup", "asks"), [("", True), ("b1", False)])
def test_the_way_back_from_a_restore_asks_for_today_s_passwords(pod: Pod, *, backup: str, asks: bool) -> None:
    """The previous data knows only those of its own time, and nobody could log in."""
    swap = timeline.Swap(timeline.Timeline("data-r20260101000000", "g"), timeline.Timeline("data", "h"), 3, backup)
    assert _main("wait-for-database") == 0
    pod.cluster.notes = {names.ANNOTATION_RESTORING: timeline.dump(swap)}
    assert _main("wait-for-database") == 0
    mark = pod.folders["STATEMENTS"] / "of-before"
    assert (mark.read_text() if mark.exists() else "") == ("reset" if asks else "")


@pytest.mark.parametrize(
    ("note", "asks"),
    [
        (group.Note("h", "g", members={"mysql-1": "u1"}), True),
        (group.Note("h", "g", incarnation="7", members={"mysql-0": "u0"}), True),
        (group.Note("g", incarnation="7", members={"mysql-0": "u0", "mysql-1": "u1"}), True),
        (group.Note("h", "g", incarnation="7", members={"mysql-0": "u0", "mysql-1": "u1"}), False),
    ],
)
def test_a_member_that_has_been_in_the_group_since_is_not_given_them_again(
    pod: Pod, note: group.Note, *, asks: bool
) -> None:
    """Without a binary log it would lose accounts that the others keep, and then fail to apply what changes them."""
    swap = timeline.Swap(timeline.Timeline("data-r20260101000000", "g"), timeline.Timeline("data", "h"), 3)
    assert _main("wait-for-database") == 0
    pod.cluster.notes = {names.ANNOTATION_RESTORING: timeline.dump(swap), names.ANNOTATION_GROUP: group.dump(note)}
    assert _main("wait-for-database") == 0
    assert (pod.folders["STATEMENTS"] / "of-before").exists() is asks


def test_no_server_starts_while_a_backup_is_put_onto_its_volume(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    pod.cluster.notes = {names.ANNOTATION_FILLING: json.dumps({"mysql-1": "b1", "mysql-2": "b2"})}

    def turn() -> None:
        assert pod.held() == {}
        if pod.clock.seconds > 5:
            pod.cluster.notes = {names.ANNOTATION_FILLING: json.dumps({"mysql-2": "b2"})}

    pod.clock.turn = turn
    assert _main("wait-for-database") == 0
    assert pod.held() != {}
    assert pod.clock.seconds > 5
    assert capsys.readouterr().out.count("waiting until b1 is on the volume") == 1


def _resolving(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> None:
    """The pod's own name is 10.0.0.1; the member's name resolves to each of the answers in turn."""

    def look_up(host: str, _port: int) -> list[Any]:
        if host == "own":
            return [(0, 0, 0, "", ("10.0.0.1", 3306))]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        return [(0, 0, 0, "", (answer, 3306))]

    monkeypatch.setattr(socket, "gethostname", lambda: "own")
    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_pod_waits_until_its_name_is_its_own_and_says_once_why(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [OSError("unknown"), "10.0.0.9", "10.0.0.9", "10.0.0.9", "10.0.0.1"]
    _resolving(monkeypatch, answers)
    assert _main("wait-for-database") == 0
    assert pod.held() != {}
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(".svc ")[2] for line in lines] == [
        "",
        "unknown",
        "is still 10.0.0.9, this pod is 10.0.0.1",
        "is 10.0.0.1",
    ]
    assert answers == ["10.0.0.1"]
    assert pod.clock.seconds == pytest.approx(0.8)


# the port of another member


@pytest.mark.parametrize(
    ("name", "before", "targets"),
    [
        ("mysql-0", [_formed], 0),
        ("mysql-2", [], 0),
        ("mysql-2", [_formed, _has_data], 0),
        ("mysql-2", [_formed], 2),
    ],
)
def test_only_a_member_that_is_added_waits_for_one_before_it(
    name: str,
    before: Sequence[Callable[[Pod], None]],
    targets: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """If members with data waited for each other, none would start after a full outage. All servers of a new cluster
    start at once: only member 0 forms the group, and the agents of the others wait for that."""
    made, asked = Pod(monkeypatch, tmp_path, name), list[str]()
    assert _main("wait-for-database") == 0  # another member's, which made the passwords

    def wait_for(found: list[wait.Target], *_: Any, **__: Any) -> str:
        asked.extend(one.host for one in found)
        return found[0].host

    monkeypatch.setattr(wait, "wait_for", wait_for)
    for change in before:
        change(made)
    assert _main("wait-for-database") == 0
    assert asked == [made_host for made_host in (f"mysql-{n}.mysql.db.svc" for n in range(targets))]


# wait, for applications


def test_an_application_waits_for_each_host_and_its_mistakes_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def wait_for(targets: list[wait.Target], login: Any, **given: Any) -> str:
        asked.append((targets, login, given["timeout_seconds"]))
        return "db:3307"

    monkeypatch.setattr(wait, "wait_for", wait_for)
    assert _main("wait", "--timeout", "7", "db:3307", "other") == 0
    assert asked == [([wait.Target("db", 3307), wait.Target("other")], None, 7.0)]
    assert capsys.readouterr().out == "db:3307 is ready\n"
    assert _main("wait", "--user", "app", "--password-file", "/nowhere", "db") == errors.ConfigError.exit_code
    assert "/nowhere" in capsys.readouterr().err


def test_a_line_that_an_error_quotes_is_no_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = error_record.dump(errors.ConfigError("forged"))

    def fail(*_: Any, **__: Any) -> str:
        raise errors.WaitTimeout(f"server said\n{forged}")

    monkeypatch.setattr(wait, "wait_for", fail)
    assert _main("wait", "db") == errors.WaitTimeout.exit_code
    found = error_record.load(capsys.readouterr().err, errors.WaitTimeout.exit_code)
    assert isinstance(found, errors.WaitTimeout)
