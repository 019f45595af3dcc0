"""Cases of the contract: a member that catches up as an ordinary replica, outside its group (docs/adr/0024)."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core import view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import catching_up
from tests.simulation.group_contract import (
    Servers,
    acknowledged,
    case,
    group,
    long_case,
    until,
    until_members,
)


def _executed(servers: Servers, number: int) -> GtidSet:
    return servers.observe(number).executed


def _until_executed(servers: Servers, number: int, wanted: GtidSet) -> None:
    what = f"mysql-{number} has executed {wanted}"
    until(servers, lambda: wanted.is_subset(_executed(servers, number)), what)


def _channel(servers: Servers, number: int) -> catching_up.State:
    found = servers.channel(number)
    assert found is not None, f"mysql-{number} has no channel"
    return found


def _until_trouble(servers: Servers, number: int, seconds: float = 10) -> catching_up.State:
    look = _channel
    until(
        servers, lambda: look(servers, number).trouble(), f"the channel of mysql-{number} says why it stopped", seconds
    )
    return _channel(servers, number)


def _written(servers: Servers, times: int = 3) -> GtidSet:
    """What the group of mysql-0 and mysql-1 has executed after some writes."""
    for _ in range(times):
        acknowledged(servers, 0)
    wanted = _executed(servers, 0)
    _until_executed(servers, 1, wanted)
    return wanted


def _caught_up(servers: Servers) -> GtidSet:
    """mysql-2 follows mysql-1, and has all that the group has executed."""
    group(servers, 1)
    wanted = _written(servers)
    servers.catch_up(2, 1)
    _until_executed(servers, 2, wanted)
    return wanted


def _until_received(servers: Servers, number: int, wanted: GtidSet) -> None:
    until(servers, lambda: wanted.is_subset(servers.observe(number).known()), f"mysql-{number} has received {wanted}")


@case
def a_member_catches_up_read_only_outside_the_group_and_joins_without_its_channel(servers: Servers) -> None:
    wanted = _caught_up(servers)
    seen, found = servers.observe(2), _channel(servers, 2)
    assert (seen.has_channel, seen.state, seen.writable, seen.offline_mode) == (True, view.OFFLINE, False, True)
    assert (seen.known(), found.executed) == (wanted, wanted)
    assert (found.source, found.trouble(), found.left()) == (servers.observe(1).server_uuid, "", GtidSet())
    servers.join(2, 0)
    until_members(servers, 0, 0, 1, 2)
    assert not servers.observe(2).has_channel
    acknowledged(servers, 0)


@case
def a_channel_goes_on_receiving_while_the_group_writes(servers: Servers) -> None:
    _caught_up(servers)
    _until_executed(servers, 2, _written(servers))
    assert _channel(servers, 2).trouble() == ""


@case
def a_second_channel_is_refused_and_the_first_goes_on(servers: Servers) -> None:
    _caught_up(servers)
    with pytest.raises(errors.StepFailed, match="exists"):
        servers.catch_up(2, 0)
    _until_executed(servers, 2, _written(servers))
    assert _channel(servers, 2).source == servers.observe(1).server_uuid


@case
def a_member_whose_channel_receives_or_applies_does_not_get_into_a_group(servers: Servers) -> None:
    _caught_up(servers)
    servers.leave(2)  # in no group: nothing happens
    for is_receiving in (True, False):
        if not is_receiving:
            servers.stop_receiving(2)
        with pytest.raises(errors.StatementFailed) as refused:
            servers.start_as_it_is(2)
        assert refused.value.errno == 3092
        assert servers.observe(2).state == view.OFFLINE


@case
def what_stops_receiving_applies_on_and_reports_no_trouble(servers: Servers) -> None:
    wanted = _caught_up(servers)
    servers.stop_receiving(2)
    servers.stop_receiving(2)
    more = _written(servers)
    servers.apply_received(2)
    servers.wait(1)
    assert _executed(servers, 2) == wanted
    assert (_channel(servers, 2).trouble(), _channel(servers, 2).left()) == ("", GtidSet())
    servers.remove_channel(2)
    servers.catch_up(2, 0)
    _until_executed(servers, 2, more)


@case
def without_a_channel_there_is_nothing_to_stop_or_to_apply(servers: Servers) -> None:
    assert servers.channel(2) is None
    servers.stop_receiving(2)
    servers.apply_received(2)
    servers.remove_channel(2)
    servers.remove_applied_channel(2)
    assert servers.channel(2) is None
    assert not servers.observe(2).has_channel


@case
def what_was_received_survives_kill_9_counts_and_is_applied_only_when_asked(servers: Servers) -> None:
    wanted = _caught_up(servers)
    servers.hold_up(2)
    more = _written(servers)
    _until_received(servers, 2, more)
    servers.kill(2)
    servers.start(2)
    until(servers, lambda: servers.observe(2).has_channel, "it answers")
    servers.wait(1)
    seen, found = servers.observe(2), _channel(servers, 2)
    assert (seen.executed, seen.known(), found.trouble()) == (wanted, more, "")
    assert found.left() == more.subtract(wanted)
    with pytest.raises(errors.StepFailed, match="applied first"):
        servers.remove_applied_channel(2)
    servers.apply_received(2)
    _until_executed(servers, 2, more)
    servers.remove_applied_channel(2)
    assert (servers.channel(2), servers.observe(2).known()) == (None, more)


@case
def removing_a_channel_drops_what_was_not_applied(servers: Servers) -> None:
    wanted = _caught_up(servers)
    servers.hold_up(2)
    _until_received(servers, 2, _written(servers))
    servers.kill(2)
    servers.start(2)
    until(servers, lambda: servers.observe(2).has_channel, "it answers")
    servers.remove_channel(2)
    assert servers.observe(2).known() == wanted


@case
def a_source_that_ends_stops_the_channel_and_is_not_asked_again(servers: Servers) -> None:
    wanted = _caught_up(servers)
    source = servers.observe(1).server_uuid
    servers.kill(1)
    found = _until_trouble(servers, 2)
    assert "2003" in found.unreceived
    assert (found.unapplied, found.source, found.left()) == ("", source, GtidSet())
    servers.start(1)
    servers.wait(3)
    assert _channel(servers, 2).unreceived
    assert servers.observe(2).known() == wanted


@case
def a_source_that_leaves_its_group_gives_what_it_has(servers: Servers) -> None:
    group(servers, 1)
    wanted = _written(servers)
    servers.leave(1)
    _written_alone(servers)
    servers.catch_up(2, 1)
    _until_executed(servers, 2, wanted)
    servers.wait(1)
    assert (_executed(servers, 2), _channel(servers, 2).trouble()) == (wanted, "")


def _written_alone(servers: Servers) -> None:
    until_members(servers, 0, 0)
    acknowledged(servers, 0)


@long_case
def a_source_that_has_purged_what_is_missing_says_so(servers: Servers) -> None:
    """A copy has what it copied, and not the binary logs of it."""
    group(servers)
    acknowledged(servers, 0)
    servers.copy(2, 0)
    servers.start(2)
    until(servers, lambda: servers.observe(2).executed, "it has the data")
    servers.catch_up(1, 2)
    assert "purged" in _until_trouble(servers, 1).unreceived
    assert not servers.observe(1).known()


@case
def what_cannot_be_applied_is_received_on_and_named(servers: Servers) -> None:
    wanted = _caught_up(servers)
    servers.spoil(2)
    more = _written(servers)
    found = _until_trouble(servers, 2)
    _until_received(servers, 2, more)
    assert (found.unreceived, _executed(servers, 2)) == ("", wanted)
    failure = servers.observe(2).failure
    assert failure is not None
    assert str(failure.number) in found.unapplied
    servers.apply_received(2)
    servers.wait(1)
    assert str(failure.number) in _until_trouble(servers, 2).unapplied
    with pytest.raises(errors.StepFailed, match="applied first"):
        servers.join(2, 0)
    servers.remove_channel(2)
    assert servers.observe(2).known() == wanted


@case
def in_a_group_a_channel_neither_receives_nor_applies(servers: Servers) -> None:
    """Somebody started Group Replication by hand, a moment before the agent began to catch up."""
    group(servers, 1)
    servers.catch_up(1, 0)
    found = _until_trouble(servers, 1)
    assert (bool(found.unreceived), bool(found.unapplied)) == (True, True)
    assert servers.observe(1).has_channel
    servers.remove_channel(1)
    until_members(servers, 0, 0, 1)
    assert servers.channel(1) is None
    _written(servers)


@case
def a_source_that_says_nothing_for_some_seconds_is_believed(servers: Servers) -> None:
    """Only after replica_net_timeout, a minute, would the receiver give up."""
    _caught_up(servers)
    servers.leave(1)
    servers.pause(1)
    servers.wait(8)
    assert _channel(servers, 2).trouble() == ""
    servers.resume(1)
    servers.write_alone(1)
    _until_executed(servers, 2, _executed(servers, 1))
    assert _channel(servers, 2).trouble() == ""
