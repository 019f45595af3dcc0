"""When the relay log may go: never while anything readable in it may be unapplied."""

from __future__ import annotations

from mysqlops.core import view
from mysqlops.core.gtid import GtidSet
from mysqlops.planning import member_actions, membership, torn_relay_log

_GROUP = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"


def _server(executed: int, unreadable_at: str = "", state: str = view.OFFLINE) -> view.ServerView:
    held, received = GtidSet.parse(f"{_GROUP}:1-{executed}"), GtidSet.parse(f"{_GROUP}:1-20")
    return view.ServerView("u", "9.7.4", held, received, state=state, unreadable_at=unreadable_at)


def _after(*seen: view.ServerView | None) -> torn_relay_log.Memory:
    memory = torn_relay_log.Memory()
    for server in seen:
        memory = torn_relay_log.look(memory, server)
    return memory


def test_the_third_stop_at_the_same_place_is_enough() -> None:
    assert not _after(_server(9, "1"), _server(9), _server(9, "2")).why_to_drop()
    assert _after(_server(9, "1"), _server(9), _server(9, "2"), None, _server(9, "3")).why_to_drop()


def test_one_stop_counts_once_however_often_it_is_seen() -> None:
    assert not _after(*[_server(9, "1")] * 9).why_to_drop()


def test_an_applier_that_gets_further_each_time_is_left_alone() -> None:
    assert not _after(*(_server(9 + at, str(at)) for at in range(9))).why_to_drop()
    assert not _after(_server(9, "1"), _server(9, "2"), _server(12, "3"), _server(12, "4")).why_to_drop()


def test_what_is_received_after_it_was_deleted_counts_anew() -> None:
    stops = [_server(9, str(at)) for at in range(3)]
    assert not _after(*stops, _server(9)).why_to_drop()
    assert not _after(*stops, _server(9), _server(9, "4"), _server(9, "5")).why_to_drop()
    assert not _after(*stops[:2], _server(9, state=view.ONLINE), _server(9, "4")).why_to_drop()


def test_it_goes_before_the_next_join_and_only_outside_the_group() -> None:
    why = _after(*(_server(9, str(at)) for at in range(3))).why_to_drop()
    seen = membership.Situation("mysql-0", _server(9, "2"), torn=why)
    assert membership.plan(seen) == member_actions.DropReceived(why)
    inside = membership.Situation("mysql-0", _server(9, state=view.RECOVERING), torn=why)
    assert not isinstance(membership.plan(inside), member_actions.DropReceived)
