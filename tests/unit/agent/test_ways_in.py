"""How an agent gets into its own server, and what it leaves there for its other processes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import credentials, pod, settings
from mysqlops.core import group as groups
from mysqlops.core import names, view
from mysqlops.mysql import accounts, connect, group_replication, own_accounts
from tests.unit.agent.test_commands import ME, Server, group
from tests.unit.fakes.api import Clock


class Ways:
    """A member's two ways into its server: what each answers to which password."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.admin: Any = "new"
        self.socket: Any = "new"
        self.tried: list[tuple[str, str]] = []
        self.server = Server()
        monkeypatch.setattr(connect, "connect_admin", lambda login: self._enter("admin", login))
        monkeypatch.setattr(connect, "connect_socket", lambda login: self._enter("socket", login))

    def _enter(self, way: str, login: connect.Login) -> connect.Server:
        self.tried.append((way, login.password))
        knows = vars(self)[way]
        if isinstance(knows, Exception):
            raise knows
        if login.password != knows:
            raise errors.AccessDenied(f"{way} refuses {login.user}")
        return self.server


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ways:
    monkeypatch.setattr(settings, "CREDENTIALS", tmp_path)
    monkeypatch.setattr(settings, "RUN", tmp_path)
    credentials.write(tmp_path, {names.KEY_ADMIN_PASSWORD: "new"})
    return Ways(monkeypatch)


def test_clients_that_take_all_connections_do_not_keep_the_agent_out(ways: Ways) -> None:
    own = pod.Pod(ME)
    assert own.server() is ways.server
    assert ways.tried == [("admin", "new")]


def test_a_server_without_the_administrative_account_is_entered_by_the_socket_and_that_is_remembered(
    ways: Ways,
) -> None:
    own, ways.admin = pod.Pod(ME), "another"
    assert [own.server(), own.server()] == [ways.server] * 2
    assert ways.tried == [("admin", "new"), ("socket", "new"), ("socket", "new")]
    assert own.is_denied


def test_an_older_server_without_that_interface_is_asked_again_and_a_dead_one_is_not_entered(ways: Ways) -> None:
    own, ways.admin = pod.Pod(ME), errors.ConnectFailed("refused", errno=connect.NOBODY_LISTENS)
    assert own.server() is ways.server
    assert not own.is_denied
    ways.admin = errors.ConnectFailed("lost", errno=2013)
    with pytest.raises(errors.ConnectFailed, match="lost"):
        own.server()


def test_data_from_before_a_rotation_is_entered_with_the_previous_password(ways: Ways, tmp_path: Path) -> None:
    ways.admin = ways.socket = "old"
    with pytest.raises(errors.AccessDenied):
        pod.Pod(ME).server()
    credentials.write(tmp_path, {names.previous_key(names.KEY_ADMIN_PASSWORD): "old"})
    ways.tried.clear()
    assert pod.Pod(ME).server() is ways.server
    assert ways.tried == [("admin", "new"), ("admin", "old")]


@pytest.mark.parametrize(
    ("role", "noted", "made"), [("primary", "7", True), ("replica", "7", False), ("primary", "8", False)]
)
def test_the_primary_of_the_noted_group_makes_the_administrative_account_and_the_group_carries_it(
    role: str, noted: str, made: bool, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_replication, "observe", lambda _: replace(group(role), view_id="7:3"))
    own, ways.admin = pod.Pod(ME), "another"
    own.admit(view.GroupRecord(None, None, 0.0, note=groups.Note(incarnation=noted)))
    assert any("CREATE USER" in one and str(accounts.LOOPBACK) in one for one in ways.server.done) == made
    assert own.is_denied != made


@pytest.mark.parametrize(("known", "logs_in"), [(True, False), (False, False), (None, True)])
def test_a_password_is_tried_only_if_hashes_say_nothing(
    known: bool | None, logs_in: bool, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password counts against the account."""
    monkeypatch.setattr(own_accounts, "accepts", lambda *_: known)
    own = pod.Pod(ME)
    assert own.accepts(accounts.ROOT, "guess") == bool(known)
    assert (("socket", "guess") in ways.tried) == logs_in


def test_a_hand_over_is_over_with_its_process_or_after_a_minute(ways: Ways, tmp_path: Path) -> None:
    own, clock, mark = pod.Pod(ME), Clock(), tmp_path / "handing-over"
    with own.handing_over():
        now = clock.now().timestamp()
        os.utime(mark, (now, now))
        assert own.is_handing_over(clock)
        clock.sleep(59)
        assert own.is_handing_over(clock)
        clock.sleep(2)
        assert not own.is_handing_over(clock)
    assert not mark.exists()
    for text in (str(2**22 + 1), "x", ""):
        mark.write_text(text)
        os.utime(mark, (clock.now().timestamp(),) * 2)
        assert not own.is_handing_over(clock), text
