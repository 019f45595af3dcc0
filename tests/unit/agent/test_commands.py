"""The programs that the CLI runs in a member's agent."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import __main__ as program
from mysqlops.agent import api, cluster_api, commands, credentials, handover, pod, questions, settings
from mysqlops.core import error_record, names, view
from mysqlops.mysql import connect, group_replication, probe, write_gap
from tests.unit.fakes.api import Clock
from tests.unit.fakes.secret_api import Secrets
from tests.unit.planning.test_membership import server

ME = settings.Settings("mysql", "db", "mysql-0", "uid")
Answers = dict[str, Any]  # a part of a statement -> its rows, or the error with which it fails


class Server(connect.Server):
    def __init__(self, answers: Answers | None = None) -> None:
        self.answers, self.done, self.is_closed = answers or {}, list[str](), False

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        self.done.append(sql)
        for part, answer in self.answers.items():
            if part in sql:
                if isinstance(answer, Exception):
                    raise answer
                return list(answer)
        return []

    def execute_secret(self, sql: str, what: str) -> None:
        self.query(what)

    def close(self) -> None:
        self.is_closed = True


class World:
    """mysql-0 with a server, whose group is `seen`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.server, self.secrets, self.clock = Server(), Secrets(), Clock()
        self.seen: view.ServerView | None = group("primary")
        for one in ("CREDENTIALS", "RUN"):
            monkeypatch.setattr(settings, one, folder)
        monkeypatch.setattr(settings, "MY_CNF", folder / "my.cnf")
        monkeypatch.setattr(settings, "read", lambda: ME)
        monkeypatch.setattr(api, "Api", lambda *_: self.secrets)
        monkeypatch.setattr(pod.Pod, "server", lambda _: self.server)
        monkeypatch.setattr(group_replication, "observe", lambda _: self.seen)
        monkeypatch.setattr(commands, "_CLOCK", self.clock)


def group(role: str) -> view.ServerView:
    """Three members as mysql-0 sees them, one of which still recovers."""
    states = (view.ONLINE, view.ONLINE, view.RECOVERING)
    roles = (role, "replica" if role == "primary" else "primary", "replica")
    found = [
        view.GroupMember(f"u{n}", f"mysql-{n}.mysql.db.svc", state, is_)
        for n, (state, is_) in enumerate(zip(states, roles, strict=True))
    ]
    return server(state=view.ONLINE, server_uuid="u0", members=tuple(found), writable=role == "primary")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return World(monkeypatch, tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a program as the CLI does; its answer, or its error."""

    def run_it(*words: str) -> Any:
        code = program.main(words, is_process_1=False)
        shown = capsys.readouterr()
        return json.loads(shown.out) if code == 0 else error_record.load(shown.err, code)

    return run_it


Run = Callable[..., Any]


def _codes(found: Any) -> list[str]:
    assert isinstance(found, errors.Refused), found
    return [one.code for one in found.reasons]


@pytest.mark.parametrize("seen", [group("replica"), None])
def test_only_the_primary_changes_passwords_or_hands_over(seen: view.ServerView | None, world: World, run: Run) -> None:
    world.seen = seen
    assert _codes(run("rotate-users", "open")) == ["not-primary"]
    assert _codes(run("switchover", "--to", "mysql-1", "--transactions-seconds", "5")) == ["not-primary"]
    assert (world.secrets.writes, [one for one in world.server.done if "SELECT" not in one]) == (0, [])


@pytest.mark.parametrize("to", ["mysql-2", "mysql-7", "mysql-0"])
def test_nobody_becomes_primary_who_is_not_online_in_the_group(to: str, world: World, run: Run) -> None:
    assert _codes(run("switchover", "--to", to, "--transactions-seconds", "5")) == ["no-successor"]


@pytest.mark.parametrize(("begins_after", "waited"), [(0.2, 0.2), (1000.0, 10.0)])
def test_a_hand_over_waits_for_the_meter_but_not_without_end(
    begins_after: float, waited: float, world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, asked = list[float](), list[float]()

    class Around:
        def record(self) -> None:
            asked.append(world.clock.seconds)
            raise errors.Unreachable("API server: it is away")

    def hand_over(*given: Any, **more: Any) -> handover.Done:
        began.append(world.clock.seconds)
        assert (given[3].pod, more) == ("mysql-1", {"transactions_seconds": 5})
        return handover.Done("mysql-1", 0.5)

    monkeypatch.setattr(cluster_api, "ClusterApi", lambda *_: Around())
    monkeypatch.setattr(handover, "run", hand_over)
    monkeypatch.setattr(write_gap, "is_running", lambda _s, token: token == "t" and world.clock.seconds >= begins_after)
    answer = run("switchover", "--to", "mysql-1", "--transactions-seconds", "5", "--meter", "t")
    assert answer["seconds"] == 0.5
    assert began == [pytest.approx(waited, abs=0.06)]
    assert asked == began, "connected to the API server before the roles change, and not long before"


def test_what_a_member_has_is_read_from_it(world: World, run: Run) -> None:
    world.server.answers = {
        "gtid_executed, @@global.gtid_purged": [("u:1-5", "u:1-2")],
        "SET GLOBAL innodb_page_size": errors.StatementFailed("read only", errno=1238),
        "SET GLOBAL no_such": errors.StatementFailed("unknown", errno=1193),
        "@@GLOBAL.no_such": errors.StatementFailed("unknown", errno=1193),
        "SELECT @@GLOBAL.max_connections": [("151",)],
    }
    assert run("gtids") == {"executed": "u:1-5", "purged": "u:1-2"}
    kinds = {"max_connections": "dynamic", "innodb_page_size": "static", "no_such": "unknown"}
    assert run("setting-kinds", *kinds) == kinds
    assert run("get-settings", "max_connections", "no_such") == {"max_connections": "151"}
    assert world.server.is_closed


def test_settings_are_set_all_or_none(world: World, run: Run) -> None:
    world.server.answers = {
        "SELECT @@GLOBAL": [("1",)],
        "SET GLOBAL b = 7": errors.StatementFailed("b cannot be 7", errno=1231),
    }
    assert run("set-settings", '{"a": "5", "b": "7", "c": null}') == {"b": "b cannot be 7"}
    assert [one for one in world.server.done if one.startswith("SET")] == [
        "SET GLOBAL a = 5",
        "SET GLOBAL b = 7",
        "SET GLOBAL a = 1",
    ]
    world.server.answers, world.server.done = {"SELECT @@GLOBAL": [("1",)]}, []
    assert run("set-settings", '{"c": null}') == {}
    assert world.server.done[-1] == "SET GLOBAL c = DEFAULT"


def test_an_examination_has_the_parts_that_were_asked_for(world: World, run: Run, tmp_path: Path) -> None:
    (tmp_path / "my.cnf").write_text("[mysqld]\n")
    world.server.answers = {"gtid_executed": [("u:1-5", "", "u0")]}
    found = run("examine", "gtids", questions.MY_CNF_PART)
    assert found[questions.MY_CNF_PART] == "[mysqld]\n"
    assert "u:1-5" in json.dumps(found["gtids"])
    assert set(run("examine", "gtids")) == set(found) - {questions.MY_CNF_PART}


def test_the_other_members_are_looked_up_and_asked(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def addresses(host: str) -> set[str]:
        if host.startswith("mysql-2."):
            raise OSError(-2, "Name or service not known")
        return {"10.0.0.2", "10.0.0.1"}

    monkeypatch.setattr(pod, "addresses", addresses)
    monkeypatch.setattr(pod.Pod, "reaches", lambda _, host: not host.startswith("mysql-1."))
    own = settings.read().ordinal
    rows = {row[0]: row[1:] for row in run("examine", "reach", "--replicas", "4")["reach"]}
    assert f"mysql-{own}" not in rows
    expected = {
        "mysql-1": ["10.0.0.1,10.0.0.2", "refused, or no answer"],
        "mysql-2": ["", "Name or service not known"],
        "mysql-3": ["10.0.0.1,10.0.0.2", ""],
    }
    assert {key: row for key, row in rows.items() if key in expected} == {
        key: row for key, row in expected.items() if key in rows
    }


def test_growth_is_what_the_agent_last_noted(world: World, run: Run) -> None:
    assert run("examine", "growth")["growth"] == {}
    own = pod.Pod(settings.read())
    own.note_growth(90000.4)
    assert run("examine", "growth")["growth"] == {"seconds_left": 90000}
    own.note_growth(None)
    assert run("examine", "growth")["growth"] == {}


def test_a_test_write_goes_through_the_primary_service(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def write(service: str, hosts: list[str], login: connect.Login, **more: Any) -> dict[str, float]:
        asked.append((service, hosts, login.user, login.password, more["timeout_seconds"]))
        return dict.fromkeys(hosts, 0.1)

    monkeypatch.setattr(probe, "write_and_read", write)
    credentials.write(settings.CREDENTIALS, {names.KEY_PROBE_PASSWORD: "pw"})
    assert run("probe", "--timeout", "9", "a", "b") == {"a": 0.1, "b": 0.1}
    assert asked == [("mysql-primary.db.svc", ["a", "b"], names.USER_PROBE, "pw", 9.0)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.StatementFailed("init_connect command failed", errno=1184), errors.WriteRefused),
        (errors.StatementFailed("too large", errno=3100), errors.WriteRefused),
        (errors.ConnectFailed("the server offers no TLS", errno=2026), errors.WriteRefused),
        (errors.AccessDenied("no", errno=1045), errors.WriteRefused),
        (errors.StatementFailed("read only: not the primary", errno=1290), errors.WaitTimeout),
        (errors.ConnectFailed("offline mode", errno=3032), errors.WaitTimeout),
        (errors.StatementFailed("lock wait timeout", errno=1205), errors.WaitTimeout),
        (errors.ConnectFailed("no endpoint", errno=2003), errors.WaitTimeout),
        (errors.ConnectFailed("timed out", errno=2013), errors.WaitTimeout),
        (errors.ConnectFailed("timed out"), errors.WaitTimeout),
    ],
)
def test_only_an_answer_shows_that_a_client_cannot_write(
    world: World, monkeypatch: pytest.MonkeyPatch, error: errors.MysqlError, kind: type[Exception]
) -> None:
    world.server.answers = {"INSERT": error}
    monkeypatch.setattr(connect, "connect_tcp", lambda *_, **__: world.server)
    login = connect.Login("probe", "pw")
    with pytest.raises(errors.MysqlopsError) as failure:
        probe.write_and_read("mysql-primary", ["a"], login, clock=world.clock, timeout_seconds=1)
    assert type(failure.value) is kind


def test_what_members_present_is_asked_of_each_with_the_newest_ca(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "TLS", tmp_path)
    credentials.write(settings.CREDENTIALS, {names.KEY_PROBE_PASSWORD: "pw"})
    asked: list[tuple[str, str]] = []

    def answer(host: str, login: connect.Login, **_: object) -> connect.Server:
        asked.append((host, login.user))
        return world.server

    monkeypatch.setattr(connect, "connect_tcp", answer)
    found = run("tls-presented", "a", "b")
    assert (asked, found["members"]) == (
        [("a", names.USER_PROBE), ("b", names.USER_PROBE)],
        {"a": ["presents", ""], "b": ["presents", ""]},
    )


def test_the_account_of_an_adoption_ends_by_itself_and_its_password_is_in_no_output(world: World, run: Run) -> None:
    world.server.answers = {"JSON_OBJECT('until'": [('{"until": 1}',)]}
    assert run("adopt-admit", "60") == {}
    password = world.secrets.values("mysql-internal")[names.KEY_ADOPT_PASSWORD]
    assert any("""ATTRIBUTE '{"until": 1}'""" in one for one in world.server.done)
    assert not any(password in one for one in world.server.done), "only where nothing logs it"
    assert run("adopt-admit", "60") == {}
    assert world.secrets.values("mysql-internal")[names.KEY_ADOPT_PASSWORD] == password, "a copy may be running"
    assert run("adopt-close") == {}
    assert names.KEY_ADOPT_PASSWORD not in world.secrets.values("mysql-internal")
    assert any(one.startswith("DROP USER") for one in world.server.done)


def test_a_deleted_pod_ends_at_once(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """The kernel drops a signal that process 1 does not handle."""
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    world.server.answers = {"gtid_executed": [("", "")]}
    assert program.main(["gtids"], is_process_1=True) == 0
    with pytest.raises(SystemExit) as ended:
        handlers[signal.SIGTERM](signal.SIGTERM, None)
    assert ended.value.code == 128 + signal.SIGTERM
