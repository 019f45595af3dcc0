"""Cases of the contract: forming, joining and leaving a group, and who is refused."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core import names, view
from tests.simulation.group_contract import (
    NAME,
    OTHER_NAME,
    Servers,
    acknowledged,
    case,
    group,
    incarnation,
    long_case,
    pods,
    refused,
    until,
    until_followed,
    until_members,
    until_writable,
)


@case
def forming_makes_a_group_of_one_and_writes_nothing(servers: Servers) -> None:
    servers.form(0)
    seen = until_writable(servers, 0)
    assert (pods(seen), seen.offline_mode, seen.bootstraps) == ([0], True, False)
    assert not seen.known()
    servers.leave(0)
    left = servers.observe(0)
    assert (left.state, left.writable, left.view_id) == (view.OFFLINE, False, "")
    servers.form(0)
    assert incarnation(until_writable(servers, 0)) != incarnation(seen)


@case
def a_start_clears_the_flag_and_joins(servers: Servers) -> None:
    alone = group(servers)
    servers.set_bootstrap(1)
    assert servers.observe(1).bootstraps
    servers.join(1, 0)
    both = until_members(servers, 0, 0, 1)
    seen = servers.observe(1)
    assert not seen.bootstraps
    assert incarnation(seen) == incarnation(both) == incarnation(alone)
    assert both.view_id != alone.view_id
    assert (seen.role(), seen.writable) == (names.ROLE_REPLICA, False)
    assert not both.known()
    assert not seen.known()


@case
def who_leaves_is_out_of_the_view_at_once_and_read_only(servers: Servers) -> None:
    before = group(servers, 1, 2)
    servers.leave(2)
    left = servers.observe(2)
    assert (left.state, left.writable, pods(left)) == (view.OFFLINE, False, [2])
    after = until_members(servers, 0, 0, 1, seconds=3)
    assert incarnation(after) == incarnation(before)
    acknowledged(servers, 0)


@long_case
def a_primary_that_leaves_is_followed_at_once(servers: Servers) -> None:
    group(servers, 1, 2)
    servers.leave(0)
    assert not servers.observe(0).writable
    lead = until_followed(servers, 1, 2, seconds=8)
    acknowledged(servers, lead)
    refused(servers, 0)


@long_case
def a_stop_of_the_primary_hands_over_at_once(servers: Servers) -> None:
    before = group(servers, 1)
    servers.stop(0)
    after = until_writable(servers, 1, seconds=8)
    assert pods(after) == [1]
    assert incarnation(after) == incarnation(before)
    servers.start(0)
    assert servers.observe(0).state == view.OFFLINE


@case
def transactions_that_the_group_does_not_have_are_refused(servers: Servers) -> None:
    group(servers)
    servers.write_alone(1)
    alone = servers.observe(1)
    assert alone.executed.count() == 1
    with pytest.raises(errors.StatementFailed, match="more executed transactions than those present in the group"):
        servers.join(1, 0)
    seen = servers.observe(1)
    assert (seen.state, seen.offline_mode, seen.writable, seen.known()) == (view.OFFLINE, True, False, alone.known())
    assert pods(until_members(servers, 0, 0)) == [0]


@case
def a_start_through_a_name_that_does_not_resolve_fails_at_once(servers: Servers) -> None:
    servers.kill(2)
    began = servers.now()
    with pytest.raises(errors.StatementFailed, match="3096"):
        servers.join(1, 2)
    assert servers.now() - began < 15
    assert servers.observe(1).state == view.OFFLINE


@long_case
def a_group_without_a_majority_lets_nobody_in(servers: Servers) -> None:
    group(servers, 1)
    servers.pause(1)
    servers.wait(1)
    began = servers.now()
    with pytest.raises(errors.StatementFailed, match="3092"):
        servers.join(2, 0)
    assert 45 < servers.now() - began < 100
    assert servers.observe(2).state == view.OFFLINE
    assert servers.observe(0).state == view.ERROR


@long_case
def a_group_of_another_name_is_refused(servers: Servers) -> None:
    group(servers)
    began = servers.now()
    with pytest.raises(errors.StatementFailed, match="Error connecting to all peers"):
        servers.join(1, 0, group_name=OTHER_NAME)
    assert 45 < servers.now() - began < 100
    seen = servers.observe(1)
    assert (seen.state, seen.writable, seen.offline_mode) == (view.OFFLINE, False, True)
    until_members(servers, 0, 0)


@case
def the_primary_is_handed_over_without_a_transaction_or_a_view(servers: Servers) -> None:
    before = group(servers, 1)
    servers.hand_over(0, 1)
    after = until_writable(servers, 1)
    old = until(servers, lambda: one if not (one := servers.observe(0)).writable else None, "the old one is read-only")
    assert old.role() == names.ROLE_REPLICA
    assert after.view_id == old.view_id == before.view_id
    assert not after.known()
    acknowledged(servers, 1)
    refused(servers, 0)


@case
def a_start_within_a_group_is_refused_and_changes_nothing(servers: Servers) -> None:
    before = group(servers, 1)
    with pytest.raises(errors.StatementFailed, match="3093"):
        servers.form(0, OTHER_NAME)
    with pytest.raises(errors.StatementFailed, match="3093"):
        servers.join(1, 0, group_name=OTHER_NAME)
    for number in (0, 1):
        seen = servers.observe(number)
        assert (seen.view_id, seen.group_name, seen.offline_mode) == (before.view_id, NAME, False)
