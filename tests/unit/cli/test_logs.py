"""Error logs: read line by line, merged, filtered, followed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import redaction, server_log
from tests.unit.fakes.cluster import NAME, Cluster

EXPELLED = "MY-011505"


def line(second: float, level: str, text: str, code: str = "MY-010914", of: str = "Repl") -> str:
    at = f"2026-01-01T00:00:{second:012.9f}Z"
    return f"{at} {at} 0 [{level}] [{code}] [{of}] {text}\n"


def test_lines_are_read_with_what_continues_them() -> None:
    text = line(1, "ERROR", "first") + "2026-01-01T02:00:02.5+02:00   more\nno time at all\n" + line(3, "Note", "last")
    first, last = server_log.parse("mysql-0", text)
    assert (first.level, first.code, first.subsystem, first.text) == ("error", "MY-010914", "Repl", "first\n  more")
    assert (last.level, last.at) == ("note", "2026-01-01T00:00:03.000000Z")
    (other,) = server_log.parse("mysql-0", "2026-01-01T00:00:00Z start.sh: exec mysqld\n")
    assert (other.level, other.code, other.text) == ("note", "", "start.sh: exec mysqld")


def test_values_of_rows_are_left_out() -> None:
    (one,) = server_log.parse("m", line(1, "ERROR", "Duplicate entry 'ann@example.org' for key 't.PRIMARY'; it's off"))
    assert one.text == "Duplicate entry '…' for key 't.PRIMARY'; it's off"


_APPLIER = "x: Error 'no' on query. Default database: 'a'. Query: 'CREATE USER u IDENTIFIED BY 'ann''"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Duplicate entry 'o'neil' for key 'ann' for key 't.k'; off", "Duplicate entry '…' for key 't.k'; off"),
        ("Duplicate entry 'two\nlines of ann' for key 't.k'", "Duplicate entry '…' for key 't.k'"),
        ("resequencing, resulting in duplicate entry 'ann", "resequencing, resulting in duplicate entry '…"),
        (f"{_APPLIER}\n  COMMENT 'ann'\n", "x: Error 'no' on query. Default database: 'a'. Query: …"),
    ],
)
def test_neither_a_value_nor_a_statement_is_shown_however_it_is_written(said: str, shown: str) -> None:
    first, *more = said.split("\n")
    lines = line(1, "ERROR", first) + "".join(f"2026-01-01T00:00:01Z {one}\n" for one in more)
    found, last = server_log.parse("m", lines + line(2, "Note", "last"))
    assert (found.text, last.text) == (shown, "last")
    report = redaction.log(lines + line(2, "Note", "last"), ())
    assert "ann" not in report
    assert report.endswith(f"{shown.partition('for key')[2]}\n{line(2, 'Note', 'last')}")
    assert "ann" not in redaction.text(said, ())


def test_a_container_that_is_no_server_keeps_its_lines() -> None:
    text = "2026-01-01T00:00:01Z asked. Query: 'SELECT 'ann''\n2026-01-01T00:00:02Z done\n"
    assert redaction.log(text, ()) == "2026-01-01T00:00:01Z asked. Query: …\n2026-01-01T00:00:02Z done\n"


def test_the_time_to_read_a_log_does_not_grow_with_its_square() -> None:
    """Whoever writes into a container writes lines of any length. With the square, this would take minutes."""
    text = line(1, "ERROR", "Duplicate entry '" * 60_000)
    (one,) = server_log.parse("m", text)
    assert one.text == "Duplicate entry '…"
    assert len(redaction.text(text, ())) < 150
    assert len(redaction.log(text, ())) < 150


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\r"])
def test_a_name_in_a_message_begins_no_entry(separator: str) -> None:
    """Whoever names an account or a database writes a part of messages such as `Aborted connection`."""
    forged = f"db: 'x{separator}{line(9, 'ERROR', 'all is lost').strip()}' user: 'app'"
    entries = server_log.parse("mysql-0", line(1, "Warning", forged) + line(2, "Note", "last"))
    assert [(one.level, one.text) for one in entries] == [("warning", forged), ("note", "last")]
    moment = "2026-01-01T00:00:01Z"
    said = f"{moment} {moment} heard of x{separator}{moment} unexpected: all is lost\n"
    (one,) = server_log.parse_agent("mysql-0", said)
    assert (one.level, one.text) == ("note", f"heard of x{separator}{moment} unexpected: all is lost")


@pytest.mark.parametrize(("level", "shown"), [("error", "e"), ("warning", "we"), ("system", "wse"), ("note", "nwse")])
def test_logs_are_merged_by_time_and_filtered_by_level(level: str, shown: str) -> None:
    one = server_log.parse("mysql-0", line(1, "Note", "n") + line(3, "System", "s"))
    two = server_log.parse("mysql-1", line(2, "Warning", "w") + line(4, "ERROR", "e"))
    assert "".join(entry.text for entry in server_log.merged([one, two], level)) == shown


class Logs:
    """What kubelet keeps: (pod, is it the previous container) -> text, or the error that it answers."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, bool], str | errors.MysqlopsError] = {}
        self.agents: dict[str, str] = {}
        self.slow: dict[str, Any] = {}
        self.asked: list[tuple[str, float | None]] = []

    def read(self, pod: str, container: str, *, lines: int, since_seconds: float, previous: bool = False) -> str:
        assert lines == 5000
        if container == "agent":
            return self.agents.get(pod, "")
        assert container == "mysqld"
        self.asked.append((pod, since_seconds))
        found = self.texts.get((pod, previous), "")
        if isinstance(found, errors.MysqlopsError):
            raise found
        return found


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(3)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.clock)
    return made


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> Logs:
    found = Logs()

    def client(*_: object) -> Any:
        made = cluster.session().client
        made.timed_logs = found.read  # type: ignore[method-assign,assignment]
        made.answer = lambda pod, *_: found.slow.get(pod, [])  # type: ignore[attr-defined]
        return made

    monkeypatch.setattr("mysqlops.cli.context.client", client)
    return found


def test_a_code_is_explained_once(cluster: Cluster, kept: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    text = line(1, "ERROR", "expelled", EXPELLED) + line(2, "ERROR", "expelled", EXPELLED)
    kept.texts["mysql-1", False], kept.texts["mysql-0", False] = text, line(1.5, "Note", "between", "MY-000000")
    assert run(["logs", NAME]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"2026-01-01T00:00:01.000Z mysql-1 error {EXPELLED} expelled"
    assert out[1].startswith(f"    = {EXPELLED}: the group removed this member")
    assert [one.split()[1] for one in out[2:]] == ["mysql-0", "mysql-1"]
    assert run(["logs", NAME, "--level", "error", "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], len(shown["items"]), shown["items"][0]["code"]) == ("Logs", 2, EXPELLED)
    assert "the group removed" in shown["items"][0]["explanation"]


def test_agents_are_merged_with_servers(cluster: Cluster, kept: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    kept.texts["mysql-0", False] = line(1, "Note", "first") + line(3, "Warning", "third")
    kept.agents["mysql-1"] = (
        "2026-01-01T00:00:02Z 2026-01-01T00:00:02.000Z joined the group\n"
        "2026-01-01T00:00:04Z 2026-01-01T00:00:04.000Z unexpected KeyError: 'x'\n"
        "2026-01-01T00:00:05Z Traceback (most recent call last):\n"
    )
    assert run(["logs", NAME]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [one.split()[-1] for one in out if "=" not in one] == ["first", "group", "third", "'x'", "last):"]
    assert out[1] == "2026-01-01T00:00:02.000Z mysql-1 agent note joined the group"
    assert run(["logs", NAME, "--source", "agent", "--level", "error", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["items"]
    assert [(one["source"], one["level"]) for one in found] == [("agent", "error")] * 2


def test_slow_statements_are_those_that_the_servers_count(
    cluster: Cluster, kept: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    now = cluster.clock.now()
    one = {"statement": "SELECT SLEEP (?)", "database": "app", "count": 4, "most": 12300, "average": 3000}
    recent, old = ({**one, "at": int(now.replace(year=year).timestamp()), "examined": 7} for year in (now.year, 2001))
    kept.slow = {"mysql-2": [recent, old], "mysql-1": [{**recent, "at": "then"}]}
    assert run(["logs", NAME, "--source", "slow"]) == 0
    printed = capsys.readouterr()
    (shown,) = printed.out.splitlines()
    assert "the answer of mysql-1 to slow cannot be read: [0].at: expected int, found str" in printed.err
    text = "up to 12.3 s, 3.000 s on average of 4, 7 rows examined in app: SELECT SLEEP (?)"
    assert shown.endswith(f" mysql-2 slow warning {text}")
    assert kept.asked == []


def test_one_member_and_one_window(cluster: Cluster, kept: Logs) -> None:
    assert run(["logs", NAME, "--member", "mysql-2", "--since", "10m"]) == 0
    assert kept.asked == [("mysql-2", 600.0)]
    assert run(["logs", NAME, "--member", "mysql-7"]) == errors.Refused.exit_code


def test_the_log_of_a_server_that_ended_comes_first(
    cluster: Cluster, kept: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.facts["mysql-0"]["mysqld"] = {"restartCount": 1, "state": {"running": {}}}
    kept.texts["mysql-0", True], kept.texts["mysql-0", False] = line(1, "ERROR", "died"), line(2, "System", "up")
    kept.texts["mysql-1", True] = line(1, "ERROR", "is not asked for")
    assert run(["logs", NAME]) == 0
    assert [one.split()[-1] for one in capsys.readouterr().out.splitlines() if "=" not in one] == ["died", "up"]


def test_what_cannot_be_read_is_said_and_does_not_hide_the_rest(
    cluster: Cluster, kept: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.texts = {(f"mysql-{number}", False): errors.Forbidden("no pods/log") for number in range(2)}
    kept.texts["mysql-2", False] = line(1, "Note", "here")
    assert run(["logs", NAME]) == 0
    out = capsys.readouterr()
    assert "here" in out.out
    assert "the log of mysql-1 cannot be read: no pods/log" in out.err
    kept.texts["mysql-2", False] = errors.Forbidden("no pods/log")
    assert run(["logs", NAME]) == errors.Forbidden.exit_code


def test_follow_prints_each_entry_once(cluster: Cluster, kept: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    kept.texts["mysql-0", False] = line(1, "Note", "one")
    turns: list[Callable[[], None]] = [
        lambda: kept.texts.update({("mysql-0", False): line(1, "Note", "one") + line(2, "Note", "two")}),
        lambda: None,
    ]

    def turn() -> None:
        if not turns:
            raise KeyboardInterrupt
        turns.pop(0)()

    cluster.clock.turn = turn
    assert run(["logs", NAME, "--follow"]) == errors.EXIT_INTERRUPTED
    assert [one.split()[-1] for one in capsys.readouterr().out.splitlines()] == ["one", "two"]
    assert {since for _, since in kept.asked} == {3600.0, 32.0}
