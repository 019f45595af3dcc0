"""Cases of the contract: members that are killed, frozen, cut off or copied."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core import names, view
from mysqlops.core.gtid import GtidSet
from tests.simulation.group_contract import (
    Servers,
    acknowledged,
    answer,
    group,
    incarnation,
    long_case,
    pods,
    refused,
    send,
    until,
    until_followed,
    until_members,
    until_out,
    until_writable,
)


# --- members that are killed
@long_case
def a_killed_replica_leaves_the_view_and_the_others_go_on(servers: Servers) -> None:
    before = group(servers, 1, 2)
    began = servers.now()
    servers.kill(2)
    acknowledged(servers, 0)
    after = until_members(servers, 0, 0, 1)
    assert 4 < servers.now() - began < 25
    assert incarnation(after) == incarnation(before)
    assert after.view_id != before.view_id
    assert after.executed.count() == 1
    servers.start(2)
    seen = servers.observe(2)
    assert (seen.state, seen.writable, seen.offline_mode) == (view.OFFLINE, False, True)
    servers.join(2, 1)
    until_members(servers, 2, 0, 1, 2)
    until(servers, lambda: servers.observe(2).executed == after.executed, "it has the write")


@long_case
def a_killed_primary_is_followed_by_another(servers: Servers) -> None:
    before = group(servers, 1, 2)
    acknowledged(servers, 0)
    written = servers.observe(0).executed
    began = servers.now()
    servers.kill(0)
    lead = until_followed(servers, 1, 2)
    after = servers.observe(lead)
    assert 4 < servers.now() - began < 25
    assert (incarnation(after), after.executed) == (incarnation(before), written)
    acknowledged(servers, lead)


def _return_early(servers: Servers, seconds: int) -> None:
    """mysql-2 is back, and the others count its old self for so long."""
    group(servers, 1, 2)
    for number in (0, 1):
        servers.expel_late(number, seconds)
    servers.kill(2)
    until(servers, lambda: pods(servers.observe(0), view.UNREACHABLE) == [2], "mysql-2 is UNREACHABLE", 20)
    acknowledged(servers, 0)
    servers.start(2)
    assert pods(servers.observe(0), view.UNREACHABLE) == [2]


@long_case
def a_start_waits_while_the_group_counts_its_old_self(servers: Servers) -> None:
    _return_early(servers, 40)
    began = servers.now()
    servers.join(2, 0, 1)
    assert servers.now() - began > 15
    until_members(servers, 2, 0, 1, 2)


@long_case
def a_start_gives_up_if_the_group_goes_on_counting_its_old_self(servers: Servers) -> None:
    _return_early(servers, 200)
    began = servers.now()
    with pytest.raises(errors.StatementFailed, match="3092"):
        servers.join(2, 0, 1)
    assert 45 < servers.now() - began < 100
    seen = servers.observe(2)
    assert (seen.state, seen.writable) == (view.OFFLINE, False)
    assert 2 in pods(servers.observe(0))


@long_case
def a_start_through_nobody_who_is_in_a_group_takes_a_minute_to_fail(servers: Servers) -> None:
    began = servers.now()
    with pytest.raises(errors.StatementFailed, match="3092"):
        servers.join(1, 2)
    assert 45 < servers.now() - began < 100
    assert servers.observe(1).state == view.OFFLINE


@long_case
def what_was_received_survives_kill_9(servers: Servers) -> None:
    group(servers, 1)
    servers.hold_up(1)
    for _ in range(3):
        acknowledged(servers, 0)
    written = servers.observe(0).executed
    assert written.count() == 3
    held = until(servers, lambda: one if (one := servers.observe(1)).known() == written else None, "all is received")
    assert not held.executed
    servers.kill(0)
    servers.kill(1)
    servers.start(1)
    again = servers.observe(1)
    assert (again.known(), again.executed) == (written, GtidSet())
    servers.form(1)
    seen = until_writable(servers, 1)
    assert seen.executed == written
    servers.accept_clients(1)
    acknowledged(servers, 1)
    assert servers.observe(1).executed.count() == 4


# --- members that are frozen or cut off
@long_case
def a_minority_acknowledges_nothing_and_goes_to_error(servers: Servers) -> None:
    group(servers, 1, 2)
    for number in (1, 2):
        servers.cut(number)
    began = servers.now()
    write = send(servers, 0)
    for number in (0, 1, 2):
        until_out(servers, number, 40)
    assert 7 < servers.now() - began < 40
    seen = servers.observe(0)
    assert pods(seen, view.ONLINE) == []
    assert seen.role() == names.ROLE_NONE
    assert not answer(servers, write)
    refused(servers, 0)
    for number in (1, 2):
        servers.reconnect(number)


@long_case
def who_is_cut_off_alone_is_expelled_and_goes_to_error(servers: Servers) -> None:
    before = group(servers, 1, 2)
    servers.cut(0)
    write = send(servers, 0)
    lead = until_followed(servers, 1, 2)
    acknowledged(servers, lead)
    seen = until_out(servers, 0, 30)
    assert pods(seen, view.UNREACHABLE) == [1, 2]  # it goes on listing them
    assert incarnation(seen) == incarnation(before)
    assert not answer(servers, write)
    servers.reconnect(0)
    until(servers, lambda: servers.observe(0).view_id == "", "it has forgotten its group", 60)
    assert pods(servers.observe(0)) == [0]
    servers.leave(0)
    held = servers.observe(0).known()
    assert held.is_subset(servers.observe(lead).known())
    servers.join(0, 1, 2)
    until_members(servers, 0, 0, 1, 2)


@long_case
def a_short_freeze_is_forgiven(servers: Servers) -> None:
    before = group(servers, 1, 2)
    servers.pause(2)
    acknowledged(servers, 0)
    servers.wait(2)
    servers.resume(2)
    servers.wait(4)
    after = until_members(servers, 0, 0, 1, 2)
    assert after.view_id == before.view_id
    until(servers, lambda: servers.observe(2).executed == after.executed, "it has what was written meanwhile")


@long_case
def a_primary_that_thaws_late_acknowledges_nothing_and_goes_to_error(servers: Servers) -> None:
    group(servers, 1, 2)
    write = servers.client(0)
    servers.pause(0)
    write.send()
    lead = until_followed(servers, 1, 2)
    until_members(servers, lead, 1, 2)
    acknowledged(servers, lead)
    servers.wait(5)
    servers.resume(0)
    stale = servers.observe(0)
    assert (stale.state, stale.role(), stale.writable) == (view.ONLINE, names.ROLE_PRIMARY, True)  # for three seconds
    out = until_out(servers, 0, 30)
    assert pods(out) == [0]
    assert incarnation(out) == incarnation(stale)
    assert not answer(servers, write)
    assert servers.observe(0).known().is_subset(servers.observe(lead).known())
    refused(servers, 0)


# --- copies
@long_case
def a_copy_replaces_the_data_and_keeps_the_name(servers: Servers) -> None:
    group(servers, 1)
    acknowledged(servers, 0)
    written = servers.observe(0).executed
    servers.write_alone(2)
    before = servers.observe(2)
    servers.copy(2, 0)
    servers.start(2)
    after = servers.observe(2)
    assert (after.server_uuid, after.known()) == (before.server_uuid, written)
    assert (after.state, after.writable) == (view.OFFLINE, False)
    servers.join(2, 0)
    until_members(servers, 2, 0, 1, 2)
