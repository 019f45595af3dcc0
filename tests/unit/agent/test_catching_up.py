"""A member that comes back catches up outside the group: when, from whom, until when, and what ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from mysqlops import errors
from mysqlops.agent import catching_up as agent
from mysqlops.agent import log
from mysqlops.clock import SystemClock
from mysqlops.core import group, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import Publication
from mysqlops.mysql import catching_up as channel
from mysqlops.mysql import connect, group_replication, receiver
from mysqlops.planning import catching_up, failing_applier, member_actions, membership

GROUP = "11111111-1111-1111-1111-111111111111"
STRAY = "22222222-2222-2222-2222-222222222222"
OWN = "33333333-3333-3333-3333-333333333333"


def to(last: int) -> GtidSet:
    return GtidSet.parse(f"{GROUP}:1-{last}")


def own(last: int = 1000, **more: Any) -> view.ServerView:
    return replace(view.ServerView(server_uuid=OWN, version="9.7.4", executed=to(last)), **more)


def peer(name: str, last: int = 2000, role: str = "replica", **more: Any) -> view.Peer:
    told = Publication("uid", "", 1, "1", state=view.ONLINE, role=role, server_version="9.7.4", view_id="7:1")
    told = replace(told, server_uuid=f"uuid of {name}", executed=str(to(last)), **more)
    return view.Peer(name, True, told, fresh=True)


PRIMARY, REPLICA = peer("mysql-1", role="primary"), peer("mysql-2")
RECORD = view.GroupRecord(
    "mysql-0", None, 0.0, acquired="then", note=group.Note(incarnation="7", acquired="then", members={"mysql-1": ""})
)


def plan(server: view.ServerView, *peers: view.Peer, **more: Any) -> member_actions.Action:
    around = view.Surroundings(3, peers, more.pop("record", RECORD))
    return membership.plan(membership.Situation("mysql-0", server, around, around.record, **more))


def source_of(action: member_actions.Action) -> str:
    return action.source if isinstance(action, member_actions.CatchUp) else type(action).__name__


def test_a_member_that_missed_much_catches_up_from_the_replica_with_the_least_to_apply() -> None:
    assert plan(own(), PRIMARY, REPLICA) == member_actions.CatchUp(
        "as a replica of mysql-2, before it joins", "mysql-2", "uuid of mysql-2"
    )
    assert source_of(plan(own(), PRIMARY, peer("mysql-2", behind=5), peer("mysql-3"))) == "mysql-3"
    assert source_of(plan(own(), PRIMARY)) == "mysql-1"


@pytest.mark.parametrize(
    ("server", "peers"),
    [
        (own(1950), (PRIMARY, REPLICA)),  # a moment's writes
        (own(1000), (peer("mysql-1", 200_000),)),  # Group Replication copies
        (own(1000), (peer("mysql-1", role="none"),)),  # fenced
        (own(1000), (peer("mysql-1", server_version="9.8.0"),)),
        (own(1000, version="8.0.40"), (peer("mysql-1", server_version="8.0.40"),)),
        (own(1000), (peer("mysql-1", view_id=""),)),
    ],
)
def test_else_it_joins_as_it_is(server: view.ServerView, peers: tuple[view.Peer, ...]) -> None:
    assert isinstance(plan(server, *peers), member_actions.Join)


def test_nothing_is_received_from_a_group_that_the_lease_does_not_record() -> None:
    assert isinstance(plan(own(1000), peer("mysql-1", view_id="8:1")), member_actions.Wait)


@pytest.mark.parametrize("acquired", ["then", "since then"], ids=["noted", "taken since"])
def test_nothing_is_received_or_dropped_by_the_word_of_a_group_that_is_not_recorded_yet(acquired: str) -> None:
    """It may turn out not to be the cluster's, which gives the same numbers to other transactions."""
    record = replace(RECORD, acquired=acquired)
    is_noted = acquired == "then"
    assert isinstance(plan(own(), PRIMARY, REPLICA, record=record), member_actions.CatchUp) is is_noted
    around = view.Surroundings(3, (PRIMARY, REPLICA), record)
    assert catching_up.droppable(3, around) == (to(2000) if is_noted else GtidSet())
    assert catching_up.droppable(2, around) is None
    assert catching_up.droppable(3, None) == GtidSet()
    silent = replace(around, peers=(replace(PRIMARY, fresh=False), peer("mysql-2", state=view.ERROR)))
    assert catching_up.droppable(3, silent) == GtidSet()


def test_an_empty_member_copies_and_a_diverged_one_does_neither() -> None:
    assert isinstance(plan(replace(own(), executed=GtidSet()), PRIMARY, REPLICA), member_actions.Clone)
    stray = replace(own(), executed=to(1000).union(GtidSet.parse(f"{STRAY}:1")))
    assert "errant" in plan(stray, PRIMARY, REPLICA).why  # type: ignore[union-attr]


def test_after_three_tries_and_where_the_binary_logs_are_purged_it_joins() -> None:
    assert isinstance(plan(own(), PRIMARY, REPLICA, tries=3), member_actions.Join)
    unable = catching_up.Memory(unable=frozenset({"mysql-2"}))
    assert source_of(plan(own(), PRIMARY, REPLICA, catching=unable)) == "mysql-1"
    unable = replace(unable, unable=frozenset({"mysql-1", "mysql-2"}))
    assert isinstance(plan(own(), PRIMARY, REPLICA, catching=unable), member_actions.Join)


def test_it_stays_with_its_source_while_that_serves_whatever_publications_lack() -> None:
    """What it has received by now is newer than what anybody published."""
    running = catching_up.Memory(source="mysql-1")
    ahead = own(2500, has_channel=True)
    assert source_of(plan(ahead, PRIMARY, peer("mysql-2", 2400), catching=running, tries=9)) == "mysql-1"
    gone = plan(ahead, peer("mysql-1", state=view.ERROR), REPLICA, catching=running)
    assert not isinstance(gone, member_actions.CatchUp)


def test_a_moment_without_the_api_server_does_not_end_it_and_a_full_volume_does() -> None:
    running = catching_up.Memory(source="mysql-1")
    situation = membership.Situation("mysql-0", own(has_channel=True), None, RECORD, catching=running)
    assert source_of(membership.plan(situation)) == "mysql-1"
    assert isinstance(membership.plan(replace(situation, volume_full=True)), member_actions.Wait)


def test_once_it_has_caught_up_it_joins_although_publications_are_older() -> None:
    ready = catching_up.Memory(seen=to(2500), ready_until=20.0)
    assert isinstance(plan(own(2500), PRIMARY, REPLICA, catching=ready, now=10.0), member_actions.Join)
    assert "errant" in plan(own(2500), PRIMARY, REPLICA, catching=ready, now=30.0).why  # type: ignore[union-attr]


@pytest.mark.parametrize("peers", [(PRIMARY, REPLICA), ()], ids=["a group", "none"])
def test_a_channel_that_a_dead_agent_left_is_settled_before_anything_else(peers: tuple[view.Peer, ...]) -> None:
    left = own(has_channel=True)
    assert plan(left, *peers) == member_actions.Settle("before anything else")
    third = plan(left, *peers, tries=3)
    assert third == member_actions.Settle("before anything else", to(2000) if peers else GtidSet())
    failed = failing_applier.Memory("at", 1, "error 1032", until=99.0)
    assert isinstance(plan(left, *peers, failing=failed), member_actions.Settle)


def test_it_may_join_once_less_than_a_second_of_writes_is_missing() -> None:
    memory = catching_up.Memory()
    pace = catching_up.first(to(5000), 4000, 0.0)
    assert not catching_up.is_close(memory, pace, 4000)
    assert catching_up.is_close(memory, pace, 50)  # whatever the group writes
    pace = catching_up.look(pace, to(5100), 3000, 0.5)
    assert pace.per_second == 0
    pace = catching_up.look(pace, to(5300), 299, 1.0)
    assert pace.per_second == 300
    assert catching_up.is_close(memory, pace, 299)
    assert not catching_up.is_close(memory, pace, 301)


def test_one_that_gets_no_closer_for_a_minute_is_stalled() -> None:
    pace = catching_up.first(to(5000), 4000, 0.0)
    for second in range(1, 60):
        pace = catching_up.look(pace, to(5000 + 100 * second), 4000 - second, float(second))
        assert not catching_up.is_stalled(pace, float(second))
    assert catching_up.is_stalled(pace, 60.0)
    assert not catching_up.is_stalled(catching_up.look(pace, to(9000), 3000, 59.0), 60.0)


class _Clock(SystemClock):
    """Each sleep is a turn of the world."""

    def __init__(self) -> None:
        self.seconds, self.at_each = 0.0, list[Callable[[], None]]()

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for act in self.at_each:
            act()


class _Servers:
    """The source and this member's server behind the statements of mysql/catching_up.py."""

    def __init__(self) -> None:
        self.has, self.own, self.received = 5000, 1000, 1000
        self.purged, self.serves, self.source = GtidSet(), True, "uuid of mysql-1"
        self.channel = self.receives = self.fails = False
        self.done: list[str] = []

    def turn(self) -> None:
        if self.receives:
            self.received = min(self.has, self.received + 1500)
        if self.channel and not self.fails:
            self.own = max(self.own, self.received)

    def ask(self, _: object) -> channel.Source:
        return channel.Source("uuid of mysql-1", to(self.has), self.purged, self.serves)

    def executed(self, _: object) -> GtidSet:
        return to(self.own)

    def begin(self, *_: object) -> None:
        self.done.append("begin")
        self.channel = self.receives = True

    def state(self, _: object) -> channel.State | None:
        why = "error 1032" if self.fails else ""
        return channel.State(self.source, to(self.received), to(self.own), "", why) if self.channel else None

    def stop_receiving(self, _: object) -> None:
        self.receives = False

    def start_applying(self, _: object) -> None: ...

    def stop(self, _: object) -> None:
        self.done.append("stop")
        self.receives = False

    def remove(self, _: object) -> None:
        self.done.append("remove")
        self.channel = self.receives = False


ACTION = member_actions.CatchUp("", "mysql-1", "uuid of mysql-1")


class _World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.servers = _Clock(), _Servers()
        self.clock.at_each.append(self.servers.turn)
        for name in ("ask", "executed", "state", "stop_receiving", "start_applying", "stop", "remove"):
            monkeypatch.setattr(channel, name, getattr(self.servers, name))
        monkeypatch.setattr("mysqlops.mysql.connect.set_read_timeout", lambda *_: None)
        own_pod, server = Mock(), Mock()
        own_pod.server_of.return_value.__enter__ = own_pod.server_of.return_value.__exit__ = Mock(return_value=None)
        server.connect.return_value.__enter__ = server.connect.return_value.__exit__ = Mock(return_value=None)
        own_pod.receive_from = self.servers.begin
        self.catching = agent.CatchingUp(own_pod, server, log.Log(self.clock), self.clock)
        self.catching.look(ACTION)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[_World]:
    return _World(monkeypatch)  # type: ignore[return-value]


def test_it_receives_applies_removes_the_channel_and_is_ready(world: _World) -> None:
    world.catching.run(ACTION)
    assert world.servers.done == ["begin", "remove"]
    assert (world.servers.own, world.servers.channel, world.catching.is_ready()) == (5000, False, True)
    memory = world.catching.memory
    assert (memory.source, memory.proven(world.clock.seconds)) == ("", to(5000))
    world.clock.seconds += catching_up.READY_SECONDS
    assert not world.catching.is_ready()
    world.catching.look(member_actions.Serve("replica"))
    assert world.catching.memory == catching_up.Memory()


def test_a_source_that_has_purged_what_is_missing_is_not_asked_again(world: _World) -> None:
    world.servers.purged = to(1001)
    world.catching.run(ACTION)
    assert (world.servers.done, world.catching.memory.unable) == ([], frozenset({"mysql-1"}))
    assert not world.catching.is_ready()


def test_once_nobody_wants_it_receiving_stops_and_the_channel_waits_to_be_settled(world: _World) -> None:
    world.servers.has = 10**6
    world.clock.at_each.append(lambda: world.catching.look(member_actions.Wait("no group")))
    world.catching.run(ACTION)
    assert (world.servers.done, world.servers.channel, world.servers.receives) == (["begin"], True, False)
    assert not world.catching.is_ready()


def test_a_decision_from_before_it_began_does_not_end_it(world: _World) -> None:
    world.clock.at_each.append(lambda: world.catching.look(member_actions.Settle("")))
    world.catching.run(ACTION)
    assert world.servers.done == ["begin", "remove"]


def test_an_agent_that_stops_does_not_go_on(world: _World) -> None:
    world.servers.has = 10**6
    world.catching.stop()
    world.catching.run(ACTION)
    assert not world.servers.receives


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"serves": False}, "no longer serves"),
        ({"source": "another"}, "another server"),
        ({"fails": True}, "error 1032"),
        ({"channel": False}, "somebody removed it"),
    ],
)
def test_a_source_that_leaves_and_a_channel_that_stops_end_it(world: _World, change: dict[str, Any], why: str) -> None:
    world.servers.has = 10**6
    world.clock.at_each.append(lambda: world.servers.__dict__.update(change))
    with pytest.raises(errors.StepFailed, match=why):
        world.catching.run(ACTION)
    assert (world.catching.memory.source, world.servers.receives, world.catching.is_ready()) == ("", False, False)


def test_another_server_behind_the_name_is_received_from_by_nobody(world: _World) -> None:
    with pytest.raises(errors.StepFailed, match="another server"):
        world.catching.run(replace(ACTION, server_uuid="another"))
    assert world.servers.done == []


def test_one_that_gets_no_closer_gives_up(world: _World) -> None:
    world.clock.at_each[:] = [lambda: setattr(world.servers, "has", world.servers.has + 100)]
    with pytest.raises(errors.StepFailed, match="no closer"):
        world.catching.run(ACTION)
    assert world.servers.done == ["begin", "stop"]


def test_what_was_received_goes_unapplied_only_if_that_failed_often_and_the_group_has_it(world: _World) -> None:
    world.servers.channel, world.servers.received = True, 1200
    world.catching.settle(member_actions.Settle(""))
    assert (world.servers.own, world.servers.done) == (1200, ["remove"])
    world.servers.channel, world.servers.received, world.servers.fails = True, 1300, True
    with pytest.raises(errors.StepFailed, match="cannot be applied: error 1032"):
        world.catching.settle(member_actions.Settle(""))
    assert world.servers.channel
    with pytest.raises(errors.StepFailed, match="cannot be applied: error 1032"):
        world.catching.settle(member_actions.Settle("", to(1299)))
    assert world.servers.channel  # the last one may exist nowhere else
    world.catching.settle(member_actions.Settle("", to(1300)))
    assert (world.servers.own, world.servers.channel) == (1200, False)


def test_however_often_it_failed_before_what_was_received_is_applied_if_it_can_be(world: _World) -> None:
    world.servers.channel, world.servers.received = True, 1200
    world.catching.settle(member_actions.Settle("", GtidSet()))
    assert (world.servers.own, world.servers.channel) == (1200, False)


def test_what_the_loop_has_decided_while_it_asked_ends_it_before_the_channel_begins(world: _World) -> None:
    world.catching.look(member_actions.Wait("its data is about to be deleted"))
    world.catching.run(ACTION)
    assert world.servers.done == []


def test_group_replication_starts_only_after_the_channel_is_gone() -> None:
    server = Mock()
    server.query.return_value = []
    group_replication.start(server, Mock(user="u", password="p"), group_name="g", seeds=["h"], bootstrap=False)
    asked = [str(call.args[0]) for call in server.method_calls if call.args]
    removed = asked.index(f"RESET REPLICA ALL FOR CHANNEL '{view.CHANNEL}'")
    assert asked.index(f"STOP REPLICA FOR CHANNEL '{view.CHANNEL}'") < removed
    own_id = asked.index("SET GLOBAL server_id = @@global.server_id % 10000")
    assert removed < own_id < next(at for at, text in enumerate(asked) if text.startswith("START GROUP_REPLICATION"))


@pytest.mark.parametrize("bootstrap", [True, False])
def test_nothing_that_may_take_its_time_comes_between_the_permit_and_the_start(bootstrap: bool) -> None:
    """The permit writes on the Lease what this member is about to do: an earlier START, a stalled disk and a channel's
    rest come before, and whoever is paused after it finds its session closed."""
    server = Mock()
    server.query.return_value = []
    login, permit = Mock(user="u", password="p"), server.permit
    group_replication.start(server, login, group_name="g", seeds=["h"], bootstrap=bootstrap, permit=permit)
    asked = [str(call.args[0]) if call.args else "permit" for call in server.method_calls]
    at = asked.index("permit")
    flag = ["SET GLOBAL group_replication_bootstrap_group = ON"] if bootstrap else []
    assert asked[at - 1] == "SET SESSION wait_timeout = 15"
    assert asked[at + 1 : at + 1 + len(flag)] == flag
    assert asked[at + 1 + len(flag)].startswith("START GROUP_REPLICATION")


class _Sql:
    """A server that has this channel, or none, and notes what it is asked."""

    def __init__(self, *row: Any) -> None:
        self.row, self.filters, self.done = row, list[Any](), list[str]()

    def query(self, sql: str, _: object = None) -> list[Any]:
        self.done.append(" ".join(sql.split()))
        if "filter_name" in sql:
            return self.filters
        return [self.row] if "c.source_uuid" in sql and self.row else []

    def execute_secret(self, sql: str, what: str) -> None:
        self.done.append(what)

    @property
    def where(self) -> str:
        return "mysql-1"


HELD = ("u", 0, "", str(to(1300)), str(to(1200)), 1)


def test_no_start_of_the_group_deletes_what_a_channel_received_and_nobody_applied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Decided before another agent's statement began the channel."""
    monkeypatch.setattr(connect, "set_read_timeout", lambda *_: None)
    server: Any = _Sql(*HELD)
    with pytest.raises(errors.StepFailed, match="1201-1300"):
        group_replication.start(server, Mock(user="u", password="p"), group_name="g", seeds=["h"], bootstrap=False)
    assert not any("RESET" in one or one.startswith("START") for one in server.done)


def test_a_channel_never_replaces_another(monkeypatch: pytest.MonkeyPatch) -> None:
    server: Any = _Sql(*HELD)
    with pytest.raises(errors.StepFailed, match="exists by now"):
        channel.begin(server, "h", Mock(user="u", password="p"), "ca")
    assert not any("CHANGE" in one for one in server.done)


def test_nothing_is_received_through_a_filter_that_somebody_set() -> None:
    server: Any = _Sql()
    server.filters = [("REPLICATE_IGNORE_DB",)]
    with pytest.raises(errors.StepFailed, match="would hide transactions from it: REPLICATE_IGNORE_DB"):
        channel.begin(server, "h", Mock(user="u", password="p"), "ca")
    assert any(one.startswith("RESET REPLICA ALL") for one in server.done)
    assert not any(one.startswith("START") for one in server.done)


def test_the_server_has_an_id_that_nobody_writes_under_while_the_channel_receives_or_applies() -> None:
    """A replica leaves out, without an error, what carries its own server_id."""
    apart, own_id = (
        "SET GLOBAL server_id = @@global.server_id % 10000 + 10000",
        "SET GLOBAL server_id = @@global.server_id % 10000",
    )
    server: Any = _Sql()
    channel.begin(server, "h", Mock(user="u", password="p"), "ca")
    changed = next(at for at, text in enumerate(server.done) if text.startswith("CHANGE REPLICATION"))
    assert server.done.index(apart) < changed
    server.done.clear()
    channel.start_applying(server)
    assert server.done == [apart, f"START REPLICA SQL_THREAD FOR CHANNEL '{view.CHANNEL}'"]
    server.done.clear()
    channel.remove(server)
    assert server.done[-1] == own_id


class _HalfReceived:
    """A server whose applier, a thread of this number, waits for the rest of a transaction; None if it does not."""

    def __init__(self, thread: int | None, ended: bool = False) -> None:
        self.thread, self.ended = thread, ended
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.asked.append((statement.partition(" FOR ")[0], tuple(parameters)))
        if "processing_transaction" in statement:
            return [] if self.thread is None else [(self.thread,)]
        if statement.startswith("KILL") and self.ended:
            raise errors.StatementFailed("unknown thread", errno=1094)
        return []


@pytest.mark.parametrize("ended", [False, True])
def test_an_applier_that_waits_for_the_rest_of_a_transaction_is_killed_before_a_stop_waits_for_it(ended: bool) -> None:
    """STOP REPLICA would take a minute, and the next one too."""
    server = _HalfReceived(17, ended)
    channel.stop(server)  # type: ignore[arg-type]
    assert server.asked[0][1] == (view.CHANNEL,)
    assert server.asked[1:] == [("KILL %s", (17,)), ("STOP REPLICA", ())]


def test_one_that_has_something_to_apply_or_nothing_begun_is_only_stopped() -> None:
    server = _HalfReceived(None)
    channel.stop(server)  # type: ignore[arg-type]
    assert [one for one, _ in server.asked[1:]] == ["STOP REPLICA"]


def test_so_is_the_groups_own_before_the_server_joins() -> None:
    server = _HalfReceived(17)
    group_replication.stop_applier(server)  # type: ignore[arg-type]
    assert server.asked[0][1] == ("group_replication_applier",)
    assert server.asked[1:] == [("KILL %s", (17,)), ("STOP REPLICA SQL_THREAD", ())]


def test_so_is_that_of_a_restore_whose_last_file_ends_in_the_middle_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mysqlops.mysql.connect.set_read_timeout", lambda *_: None)
    server = _HalfReceived(17)
    receiver.forget(server)  # type: ignore[arg-type]
    assert server.asked[0][1] == ("",)
    assert server.asked[1:] == [("KILL %s", (17,)), ("STOP REPLICA", ()), ("RESET REPLICA ALL", ())]


def test_nor_is_it_a_transaction_of_a_restore_that_cannot_be_applied() -> None:
    """Whether all was applied is seen by what the server has; this alone said "cannot be applied" of error 1756."""
    server = Mock()
    server.scalar.return_value = f"{GROUP}:1-5"
    server.query.side_effect = [[("OFF",), ("OFF",)], []]
    assert receiver.applied(server) == (GtidSet.parse(f"{GROUP}:1-5"), False)
    assert "NOT IN (0, 1756, 3030)" in str(server.query.call_args.args[0])
    said = f"Worker 1 failed executing transaction '{GROUP}:7'; Duplicate entry 'mine' for key 't.PRIMARY'"
    server.query.side_effect = [[("OFF",), ("OFF",)], [(1062, said), (1062, "a worker failed")]]
    with pytest.raises(errors.StepFailed) as failed:
        receiver.applied(server)
    where = f"error 1062 at transaction {GROUP}:7: for key 't.PRIMARY'"
    assert str(failed.value) == f"a transaction of the binary logs cannot be applied: {where}"


def test_that_an_applier_was_ended_is_no_reason_why_it_failed() -> None:
    """1756 made `status` say that a member's data differs, of one whose agent had stopped its channel."""
    server = Mock()
    server.query.side_effect = [[("uuid", 0, "", "", "", 0)], []]
    assert channel.state(server) == channel.State("uuid", GtidSet(), GtidSet(), "", "")
    why = str(server.query.call_args.args[0])
    assert why.count("NOT IN (0, 1756, 3030)") == 1


_SET = f"{GROUP}:1-5"


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("u", _SET, "", 0)] * 2,
        [("u", _SET, "")],
        [(None, _SET, "", 0)],
        [("u", "x", "", 0)],
        [("u", _SET, None, 0)],
        [("u", _SET, "", "OFF")],
        [("u\x1b[2J", _SET, "", 0)],
        [("u", "1:" * (5 << 20), "", 0)],
    ],
    ids=lambda rows: str(rows)[:60],
)
def test_what_a_member_says_of_itself_is_read_value_by_value(rows: list[Any]) -> None:
    """Somebody may have entered its container: what it answers was unpacked as it came."""
    server: Any = Mock(where="mysql-1")
    server.query.return_value = rows
    with pytest.raises(errors.ConnectFailed, match=r"mysql-1: SELECT @@server_uuid.* its answer cannot be read"):
        channel.ask(server)
    server.query.return_value = [("u", _SET, "", 0)]
    assert channel.ask(server) == channel.Source("u", GtidSet.parse(_SET), GtidSet(), True)
