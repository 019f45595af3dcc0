"""`top` and `users list`: what agents answer, how it is shown, and which session may be ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import activity
from mysqlops.mysql import activity as asking
from tests.unit.fakes.cluster import NAME, Cluster


def _session(number: int, user: str = "app", command: str = "Query", **more: Any) -> dict[str, Any]:
    found = {"id": number, "user": user, "host": "10.0.0.9:4711", "database": "app", "command": command}
    return {**found, "seconds": number, "state": "executing", "statement": "SELECT ?", **more}


ANSWER: dict[str, Any] = {
    "failed": {},
    "sessions": [
        _session(7),
        _session(8, command="Sleep"),
        _session(9, "mysqlops_replication", "Binlog Dump GTID"),
        _session(10, "mysqlops"),
    ],
    "transactions": [
        {"connection": 8, "user": "app", "seconds": 5, "rows_modified": 3, "lock": ""},
        {"connection": 7, "user": "app", "seconds": 90, "rows_modified": 0, "lock": "a lock on table app.t"},
    ],
    "waits": [
        {"id": 7, "user": "app", "seconds": 4, "on": "a row lock (X) of app.t", "blocker": 8, "blocker_user": "app"}
    ],
}
ACCOUNTS = [
    {
        **{"user": user, "host": "%", "plugin": "caching_sha2_password", "requires_tls": True},
        **{"is_locked": locked, "is_expired": False, "has_second_password": False},
    }
    for user, locked in (("app", False), ("guest", True))
]


class Agents:
    """Answers for the members, and notes what was to be ended."""

    def __init__(self) -> None:
        self.killed: list[tuple[str, Sequence[str]]] = []
        self.answer: Any = ANSWER

    def __call__(self, pod: str, words: Sequence[str]) -> Any:
        if words[0] == "kill":
            self.killed.append((pod, words[1:]))
            return True
        if pod == "mysql-2":
            raise errors.PodExecFailed("exec in mysql-2/agent: 500")
        return ACCOUNTS if words[0] == "accounts" else self.answer


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> Agents:
    made, cluster = Agents(), Cluster(3)
    client = cluster.session().client
    client.answer = made  # type: ignore[attr-defined]
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: cluster.clock)
    return made


def test_the_longest_transaction_is_first_and_the_silent_member_is_named(
    agents: Agents, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["top"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines[2:6]] == [
        ["mysql-0", "7", "app", "90"],
        ["mysql-1", "7", "app", "90"],
        ["mysql-0", "8", "app", "5"],
        ["mysql-1", "8", "app", "5"],
    ]
    assert "mysql-0 7 app 4 a row lock (X) of app.t 8 app" in [" ".join(line.split()) for line in lines]
    assert lines[-2:] == ["2 idle sessions", "mysql-2: not read: exec in mysql-2/agent: 500"]
    assert not any("replication" in line for line in lines)


def test_machines_get_everything(agents: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top", NAME, "--member", "0", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "Top"
    assert [(one["id"], one["ours"]) for one in found["members"]["mysql-0"]["sessions"]] == [
        (7, False),
        (8, False),
        (9, True),
        (10, True),
    ]


def test_an_answer_of_another_form_is_said_to_be_one(agents: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    agents.answer = {"sessions": [_session(1), {"id": "x"}, 5], "transactions": {}, "failed": {"waits": "error 4094"}}
    assert run(["top", NAME, "--member", "0"]) == 0
    shown = capsys.readouterr().out
    assert "mysql-0: waits not read: error 4094" in shown
    assert shown.count("another form than this release expects") == 2
    assert activity.read([]).failed.keys() == {"sessions", "transactions", "waits"}


def test_a_clients_session_is_ended_once_that_is_confirmed(agents: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top", NAME, "--kill", "7"]) == 3
    assert "ends session 7 of app from 10.0.0.9:4711 on mysql-0: its transaction" in capsys.readouterr().err
    assert run(["top", NAME, "--kill", "7", "--dry-run"]) == 0
    assert agents.killed == []
    assert run(["top", NAME, "--kill", "7", "--yes", "--member", "mysql-1"]) == 0
    assert agents.killed == [("mysql-1", ["7", f"--of={activity.mark('app')}"])]
    assert "app" not in str(agents.killed), "arguments are in audit logs"


@pytest.mark.parametrize(
    ("number", "code"), [(9, "not-a-clients-session"), (10, "not-a-clients-session"), (1, "no-such-session")]
)
def test_no_session_of_ours_is_ended(
    agents: Agents, number: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["top", NAME, "--kill", str(number), "--yes"]) == 3
    assert code in capsys.readouterr().err
    assert agents.killed == []


class Server:
    """A server on which session 7 is now that of somebody."""

    def __init__(self, *rows: tuple[str, str]) -> None:
        self.rows, self.said = rows, [""]

    def query(self, sql: str, _: Any = ()) -> Any:
        self.said.append(sql)
        return self.rows


def test_a_number_that_is_somebody_elses_by_now_is_not_ended() -> None:
    for user, command, wanted in (("other", "Query", "app"), ("mysqlops", "Query", "mysqlops"), ("a", "Daemon", "a")):
        server: Any = Server((user, command))
        with pytest.raises(errors.Refused, match="session 7 is"):
            asking.kill(server, 7, activity.mark(wanted))
        assert not any("KILL" in one for one in server.said)
    gone: Any = Server()
    assert not asking.kill(gone, 7, activity.mark("app"))
    there: Any = Server(("app", "Sleep"))
    assert asking.kill(there, 7, activity.mark("app"))
    assert there.said[-1] == "KILL CONNECTION %s"


def test_accounts_and_where_their_passwords_are(agents: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["users", "list", NAME]) == 0
    _, app, guest = capsys.readouterr().out.splitlines()
    assert app.split() == ["app", "%", "caching_sha2_password", "required", "yes", "1", "mysql-app"]
    assert guest.split() == ["guest", "%", "caching_sha2_password", "required", "no:", "locked", "1", "-"]
    assert run(["users", "list", NAME, "-o", "json"]) == 0
    assert [one["secret"] for one in json.loads(capsys.readouterr().out)["items"]] == ["mysql-app", None]
