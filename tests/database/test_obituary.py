"""The agent's part of docs/adr/0037 beside real servers: it sees a mysqld die and has it removed, or is refused."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest

from mysqlops import errors
from mysqlops.agent import life, log, obituary, pod, settings
from mysqlops.clock import SystemClock
from mysqlops.core import adoption, group_address, names, view
from mysqlops.mysql import connect, group_channel, group_replication, xcom
from mysqlops.planning import stuck_group
from tests.database.containers import Template, eventually
from tests.database.files import PASSWORDS
from tests.database.group import REPLICATION, Group, Member, Settings
from tests.simulation.group_contract import NAME

_CLOCK = SystemClock()
_ON = view.GroupRecord(None, None, 0.0, obituary="on")
_PROBE = connect.Login(names.USER_PROBE, PASSWORDS[names.KEY_PROBE_PASSWORD], ssl_mode=adoption.REQUIRED)
_LATE = "60"  # so many seconds longer than usual the members wait before they expel: only a request is quicker
_SOON_SECONDS = 20.0


class _Own(pod.Pod):
    """The pod of a member in a container of this machine."""

    def __init__(self, member: Member, others: list[Member]) -> None:
        self.me = settings.Settings("mysql", "db", member.name, "uid")
        self._member, self._addresses = member, {one.name: one.address() for one in others}

    def has_own_name(self) -> bool:
        return True

    def await_end(self) -> bool:
        return life.await_end(self._member.socket.with_name("life"))

    def is_refused(self) -> bool:
        return connect.is_refused(str(self._member.socket))

    def ask_to_remove(self, witness: str, group_name: str, seconds: float) -> xcom.Answer:
        peer = group_channel.Peer(self._addresses[witness], REPLICATION)
        return _ask(peer, self._member, group_name, seconds)


def _ask(peer: group_channel.Peer, dead: Member, group_name: str = NAME, seconds: float = 5) -> xcom.Answer:
    return group_channel.ask_to_remove(peer, group_name, dead.group_address, clock=_CLOCK, seconds=seconds)


@pytest.fixture(scope="module")
def group(template: Template) -> Iterator[Group]:
    with Group(Settings(), template) as made:
        made.form()
        for member in made.members:
            member.query(f"SET GLOBAL group_replication_member_expel_timeout = {_LATE}")
        yield made


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a starved machine a member needs seconds to answer: what is tested is whether it does."""
    monkeypatch.setattr(obituary, "_ASK_SECONDS", 5.0)
    monkeypatch.setattr(obituary, "_ALL_SECONDS", 10.0)
    monkeypatch.setattr(obituary, "_ASKING_SECONDS", 16.0)
    monkeypatch.setattr(obituary, "_LABEL_SECONDS", 15.0)


def _watch(dying: Member, others: list[Member], around: Mock | None = None) -> obituary.Obituary:
    acting = obituary.Obituary(_Own(dying, others), around or Mock(), log.Log(_CLOCK), _CLOCK)
    acting.start()
    acting.saw(dying.observe(), _CLOCK.monotonic(), _ON)
    return acting


def _return(member: Member, group: Group) -> None:
    member.start()
    member.join(*(one for one in group.members if one is not member))
    member.await_members(*group.members)


def test_a_killed_primary_is_out_before_the_group_would_suspect_it(
    group: Group, capsys: pytest.CaptureFixture[str]
) -> None:
    dying, *others = group.members
    around = Mock()
    acting = _watch(dying, others, around)
    began = time.monotonic()
    dying.kill()
    died = time.monotonic()
    eventually(lambda: len(others[0].observe().members) == 2, "the dead one is out of the view")
    out = time.monotonic()
    acting.stop()
    print(f"killed in {died - began:.2f} s, out of the view {out - began:.2f} s after the signal")
    said = capsys.readouterr().out
    assert "answered OK" in said, said
    assert out - began < _SOON_SECONDS, said
    others[0].await_members(*others)
    elected = [one.name for one in others if one.observe().role() == names.ROLE_PRIMARY]
    assert [call.args for call in around.label.call_args_list] == [
        (*elected, names.ROLE_PRIMARY),
        (dying.name, names.ROLE_NONE),
    ], "the label went to the one that the group elects"
    _return(dying, group)


def test_a_server_that_stops_by_itself_is_not_reported(group: Group, capsys: pytest.CaptureFixture[str]) -> None:
    *others, stopping = group.members
    acting = _watch(stopping, others)
    stopping.stop()
    said: list[str] = []

    def has_noticed() -> bool:
        said.append(capsys.readouterr().out)
        return "has ended" in "".join(said)

    eventually(has_noticed, "its agent has noticed")
    assert "asked nobody" in "".join(said)
    acting.stop()
    assert len(others[0].observe().members) == 2, "it has left by itself"
    _return(stopping, group)


def test_other_accounts_and_versions_remove_nobody(group: Group) -> None:
    asked, target, _ = group.members
    with asked.server() as server:
        group_replication.accept_clients(server)
    before = asked.observe()
    for login in (_PROBE, connect.Login(names.USER_REPLICATION, "wrong", ssl_mode=adoption.REQUIRED)):
        with pytest.raises(errors.AccessDenied):
            _ask(group_channel.Peer(asked.address(), login), target)
    newer = xcom.version_request().replace(b"\x0a", b"\x0b", 1)
    older = newer.replace(b"\x0b", b"\x09", 1)
    for request, agreed in ((older, 9), (newer, 10), (xcom.version_request(), 10)):
        server = connect.connect_tcp(asked.address(), REPLICATION)
        with server.switch(xcom.COMMAND) as stream:
            stream.sendall(request)
            reply = stream.recv(xcom.HEADER_BYTES)
        server.close()
        assert reply == bytes([0, 0, 0, agreed, 0, 0, 0, 0, 2, 1, 0x39, 0])
        assert xcom.is_agreed(reply) is (agreed == 10)
    assert asked.observe().view_id == before.view_id
    assert len(before.members) == 3


def _counts(asked: Member, one: Member) -> int:
    """By how many addresses the group counts it."""
    return sum(group_address.is_same(address, one.group_address) for address in asked.counted())


def _join_until_removed(member: Member, through: Sequence[Member]) -> None:
    with contextlib.suppress(errors.MysqlError):
        member.join(*through)


@contextlib.contextmanager
def _counted_twice(twice: Member, others: Sequence[Member]) -> Iterator[None]:
    """A member that died and joins while the group still counts its previous incarnation; its join has ended after."""
    twice.kill()
    twice.start()
    twice.query(f"SET GLOBAL group_replication_local_address = '{twice.group_address.replace('mysql-', 'mySql-')}'")
    with ThreadPoolExecutor(1) as agents:
        joining = agents.submit(_join_until_removed, twice, others)
        eventually(lambda: _counts(others[0], twice) == 2, "it is counted twice")
        yield
        joining.result()


@pytest.mark.long
def test_a_member_that_the_group_counts_twice_is_removed_at_once(group: Group) -> None:
    """A previous incarnation beside the present one, as after a join that a frozen member proposed late: the join and
    all writes wait for the dead one. The present one counts too until the removal is effective: were it to die before,
    two of four would be left, and nothing could be decided any more."""
    *others, twice = group.members
    primary = next(one for one in others if one.observe().role() == names.ROLE_PRIMARY)
    with _counted_twice(twice, others):
        assert others[0].remove(twice) is xcom.Answer.OK
        eventually(lambda: _counts(others[0], twice) == 0, "both are out", _SOON_SECONDS)
        others[0].await_members(*others)
        primary.query("CREATE DATABASE twice", "DROP DATABASE twice")
        twice.kill()
    _return(twice, group)


@pytest.mark.long
def test_a_group_that_lost_its_majority_to_two_incarnations_is_known_to_be_stuck_and_left(group: Group) -> None:
    """Its view shows two of three, and no write ends (docs/adr/0021)."""
    *others, twice = group.members
    primary = next(one for one in others if one.observe().role() == names.ROLE_PRIMARY)
    with _counted_twice(twice, others):
        twice.kill()

    def shows_it() -> view.ServerView | None:
        seen = primary.observe()
        return seen if view.UNREACHABLE in {one.state for one in seen.members} else None

    seen = eventually(shows_it, "the primary cannot reach it")
    assert seen.has_majority()
    with pytest.raises(errors.MysqlError), primary.server(seconds=15) as server:
        server.query("CREATE DATABASE never")
    now = primary.observe()
    assert now.view_id == seen.view_id
    assert stuck_group.why_stuck(now, stuck_group.Sightings(seen.view_id, {twice.name: 2})) == ""
    assert twice.name in stuck_group.why_stuck(now, stuck_group.Sightings(seen.view_id, {twice.name: 3}))
    with ThreadPoolExecutor(len(others)) as leaving:
        list(leaving.map(Member.leave, others))
    others[0].form()
    others[0].await_members(others[0])
    others[1].join(others[0])
    others[0].await_members(*others)
    _return(twice, group)
