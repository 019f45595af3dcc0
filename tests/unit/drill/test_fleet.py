"""What a pod of clients prints is data: it chooses no file and no size, and its numbers can be calculated with."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from mysqlops import errors
from mysqlops.clock import SystemClock
from mysqlops.drill import round as rounds
from mysqlops.drill.clients import fleet
from mysqlops.drill.faults import volumes
from mysqlops.drill.ledger import journal
from mysqlops.drill.model import Round
from mysqlops.drill.plan import objects
from mysqlops.drill.store import Folder
from mysqlops.kube import exec as kube_exec
from tests.unit.drill.test_ledger import ROWS, TWO
from tests.unit.fakes.cluster import Cluster


def _packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


def _fleet(monkeypatch: pytest.MonkeyPatch, *printed: str) -> fleet.Fleet:
    """Pods of clients that print these, one each."""
    session, answers = Cluster(1).session(5.0), list(printed)
    made = fleet.Fleet(session, objects.Cluster("mysql", "db", ("mysql-0",), "python", "map"))
    monkeypatch.setattr(made, "_started", ["main", "beside"][: len(printed)])
    monkeypatch.setattr(made, "_run", lambda *_: kube_exec.Output(answers.pop(0) if answers[1:] else answers[0], "", 0))
    return made


def test_journals_are_read_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"main0": TWO, "poll-mysql-0": "", "read-P": "\ud800"}
    found = _fleet(monkeypatch, _packed(made), _packed({"beside0": "x"})).journals()
    assert found == {**made, "read-P": "\ufffd", "beside0": "x"}


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (_packed({"../../../home/user/.config/x": "stolen"}), "no name such as '../../../home"),
        (_packed({"/etc/cron.d/x": ""}), "no name such as"),
        (_packed({"": ""}), "no name such as"),
        (_packed({"a\x1b[2J": ""}), "control characters"),
        (_packed({"main0": 5}), "main0: expected a text"),
        (_packed(["main0"]), "expected an object, found a list"),
        ("{}", "cut off"),
        ("äöü", "not packed"),
        ("", "cut off"),
        (base64.b64encode(zlib.compress(b"{}" * 99)[:-8]).decode(), "cut off"),
        (base64.b64encode(zlib.compress(b"x")).decode(), "found null"),
        (base64.b64encode(zlib.compress(b" " * (fleet._MOST_BYTES + 1), 1)).decode(), "128 MiB"),
    ],
)
def test_other_journals_are_a_named_error(monkeypatch: pytest.MonkeyPatch, printed: str, said: str) -> None:
    with pytest.raises(errors.BadAnswer, match=said):
        _fleet(monkeypatch, printed).journals()


def test_clients_replace_no_journal_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.BadAnswer, match="main0: other clients have a journal of that name"):
        _fleet(monkeypatch, _packed({"main0": TWO}), _packed({"main0": ""})).journals()


@pytest.mark.parametrize("printed", ["", "nan", "Infinity", "1e999", "-1", '"1"', "soon", "[]"])
def test_a_clock_shows_a_time(monkeypatch: pytest.MonkeyPatch, printed: str) -> None:
    with pytest.raises(errors.BadAnswer, match="the clients main printed cannot be used"):
        _fleet(monkeypatch, printed).clock_offset("main")


HOSTILE = (
    "O main0 3 nan 0.1\nO main0 3 inf 0.1\nO main0 3 1e400 0.1\nO main0 3 -5 0.1\nO main0 -3 100 0.1\n"
    f"O main0 {'9' * 5000} 100 0.1\nO main0 ٣ 100 0.1\nP main0 1 100.2 x\nQ main0 1 100.2 nan\n"
    "\x00\n    \nI\nI main0\nI main0 1\nO main1 1 100.2 nan\nO main2 1 100.2 soon\n"
)


def test_whatever_a_journal_says_a_round_is_reckoned_and_stored(tmp_path: Path) -> None:
    """A read that claims to have missed all numbers was counted through them, for hours."""
    texts = {"main0": f"{TWO}{HOSTILE}Q main0 2147483647 100.2 0\nQ main0 9999999999 100.3 1\n"}
    seen = rounds.Seen(since=100.0, until=130.0, primary="mysql-0")
    made = Round(1, "2026-01-01T00:00:00Z", "mysql-0", "node", {}, 0.0, {})
    held = {"mysql-0": list(ROWS)}
    found = rounds.reckon(made, seen, texts, held, 1)
    assert found.counts["acknowledged"] == 4, "a write without a readable latency was acknowledged all the same"
    assert found.replica_lag == pytest.approx(0.27)
    assert found.latency == {}
    folder = Folder(tmp_path, "kill-mysqld", SystemClock().now())
    folder.keep(rounds.Result(found, texts, held))
    assert [path.name for path in folder.path.rglob("*.log")] == ["main0.log"]


def test_a_line_of_another_form_does_not_count() -> None:
    assert journal.parse(HOSTILE) == [
        journal.Line("O", "main1", 1, 100.2, "nan"),
        journal.Line("O", "main2", 1, 100.2, "soon"),
    ]


@pytest.mark.parametrize("printed", ["", "1", "1 2 3", "one 2", "1 -2", "1 ²", f"1 {'9' * 5000}", "1 1e9"])
def test_what_a_member_prints_of_its_volume_is_numbers(printed: str) -> None:
    scene = Mock(target="mysql-0")
    with pytest.raises(errors.BadAnswer, match=r"container mysqld of mysql-0 printed: expected 2 numbers"):
        volumes._numbers(scene, kube_exec.Output(printed, "", 0), 2)
    assert volumes._numbers(scene, kube_exec.Output("25 4096\n", "", 0), 2) == [25, 4096]
