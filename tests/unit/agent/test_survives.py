"""Whatever an agent reads, and whatever one of its steps raises, its threads go on: an agent that ends takes its member
out of the group."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from mysqlops import errors
from mysqlops.agent import api, health, log, loop, member
from mysqlops.clock import SystemClock
from mysqlops.core import gtid, view
from mysqlops.planning import member_actions, membership
from tests.unit.agent.test_obituary import _Clock


def _loop() -> loop.Loop:
    clock = SystemClock()
    return loop.Loop(Mock(), Mock(), Mock(), Mock(), health.Health(clock), clock=clock)


def test_a_turn_that_fails_is_logged_once_and_the_next_is_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turning, turns = _loop(), list[int]()

    def turn() -> None:
        turns.append(len(turns))
        if len(turns) == 4:
            turning.stop()
        if len(turns) != 3:
            raise KeyError("absent\n\x1b[2J\ud800")

    monkeypatch.setattr(turning, "turn", turn)
    monkeypatch.setattr(loop, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(turning, "_leave_for_good", lambda: None)
    monkeypatch.setattr(turning._pod, "standing", lambda: None)
    monkeypatch.setattr(turning._publisher, "start", lambda: None)
    monkeypatch.setattr(turning._obituary, "start", lambda: None)
    turning.run()
    assert len(turns) == 4
    logged = [one for one in capsys.readouterr().out.splitlines() if "unexpected KeyError" in one]
    assert len(logged) == 2, "once, and again after a turn that succeeded"


def test_a_start_that_ends_while_the_server_is_asked_has_left_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server said that it would form a group, and the start that had asked for that turned it off since."""
    turning, planned = _loop(), list[Any]()
    busy = Mock()
    busy.is_busy.return_value = True
    monkeypatch.setattr(turning, "_background", busy)
    monkeypatch.setattr(turning._pod, "volume", lambda: (0, 0))

    def observe() -> view.ServerView:
        busy.is_busy.return_value = False
        return view.ServerView("u0", "9.7.4", gtid.GtidSet(), bootstraps=True)

    def plan(situation: membership.Situation) -> Any:
        planned.append(real(situation))
        raise StopIteration

    real = membership.plan
    monkeypatch.setattr(turning._member, "observe", observe)
    monkeypatch.setattr(membership, "plan", plan)
    for _ in range(2):
        with pytest.raises(StopIteration):
            turning.turn()
    first, later = planned
    assert not isinstance(first, member_actions.ClearBootstrap)
    assert isinstance(later, member_actions.ClearBootstrap)


def test_a_log_has_one_line_for_each_message_and_no_byte_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.Log(SystemClock()).say("fenced: \ud800\n2026-01-01T00:00:00.000Z left\x1b[2J")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(r"Z fenced: \ud800\n2026-01-01T00:00:00.000Z left\x1b[2J")


def test_an_action_that_fails_in_a_way_nobody_expected_is_a_failure_with_a_reason() -> None:
    class Now(_Clock):
        def start(self, name: str, work: Any) -> Any:
            work()
            return Mock()

    done = member.Background(Now())

    def join() -> None:
        raise ValueError("x")

    done.run("join", join)
    assert done.last_failure() == "unexpected ValueError: x"


@pytest.mark.parametrize("text", [b"", b"[]", b"<html>", b"[" * 200_000, b'"\xff"', b"null"])
def test_a_response_that_is_no_object_is_an_error_of_the_api_server(
    monkeypatch: pytest.MonkeyPatch, text: bytes, tmp_path: Any
) -> None:
    (tmp_path / "token").write_text("t")
    client = api.Api("db", tmp_path)
    monkeypatch.setattr(client, "_send", lambda *_: (200, text))
    with pytest.raises(errors.KubeError):
        client.get("v1", "pods", "mysql-0")


@pytest.mark.parametrize("text", [b"{}", b'{"items": null}', b'{"items": [1, {"metadata": {}}]}'])
def test_a_list_that_cannot_be_read_is_not_empty(monkeypatch: pytest.MonkeyPatch, text: bytes, tmp_path: Any) -> None:
    (tmp_path / "token").write_text("t")
    client = api.Api("db", tmp_path)
    monkeypatch.setattr(client, "_send", lambda *_: (200, text))
    with pytest.raises(errors.KubeError):
        client.list("v1", "pods", "a=b")
