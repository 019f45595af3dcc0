"""Cases of the contract: members that another one is asked to remove (docs/adr/0037)."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core import names, view
from mysqlops.mysql.xcom import Answer
from tests.simulation.group_contract import (
    OTHER_NAME,
    Servers,
    acknowledged,
    case,
    group,
    incarnation,
    long_case,
    pods,
    until,
    until_followed,
    until_members,
    until_out,
)

_LATE = 60  # so many seconds longer than usual the members wait before they expel: only a request is quicker
_SOON_SECONDS = 20.0


def _late_group(servers: Servers, *others: int) -> view.ServerView:
    seen = group(servers, *others)
    for number in (0, *others):
        servers.expel_late(number, _LATE)
    return seen


@case
def a_killed_primary_that_is_reported_is_followed_before_it_would_be_suspected(servers: Servers) -> None:
    before = _late_group(servers, 1, 2)
    acknowledged(servers, 0)
    written = servers.observe(0).executed
    began = servers.now()
    servers.kill(0)
    assert servers.ask_to_remove(1, 0) is Answer.OK
    lead = until_followed(servers, 1, 2)
    assert servers.now() - began < _SOON_SECONDS
    after = until_members(servers, lead, 1, 2)
    assert (incarnation(after), after.executed) == (incarnation(before), written)
    acknowledged(servers, lead)
    assert servers.ask_to_remove(1, 0) is Answer.FAIL, "it is out already"
    servers.start(0)
    servers.join(0, 1, 2)
    until_members(servers, 0, 0, 1, 2)
    until(servers, lambda: servers.observe(0).executed.count() == 2, "it has the write that it missed")


@long_case
def both_survivors_may_be_asked(servers: Servers) -> None:
    _late_group(servers, 1, 2)
    began = servers.now()
    servers.kill(2)
    answers = [servers.ask_to_remove(0, 2), servers.ask_to_remove(1, 2)]
    assert answers[0] is Answer.OK
    assert answers[1] in (Answer.OK, Answer.FAIL)
    until_members(servers, 1, 0, 1)
    assert servers.now() - began < _SOON_SECONDS
    acknowledged(servers, 0)
    assert pods(servers.observe(0)) == [0, 1]


@long_case
def nobody_is_removed_from_another_group_or_by_a_server_in_none(servers: Servers) -> None:
    before = group(servers, 1)
    with pytest.raises(errors.ConnectFailed, match="another group"):
        servers.ask_to_remove(1, 0, OTHER_NAME)
    assert servers.ask_to_remove(0, 2) is Answer.FAIL
    servers.wait(3)
    assert until_members(servers, 0, 0, 1).view_id == before.view_id


@long_case
def a_live_primary_that_is_removed_by_mistake_leaves_and_nothing_acknowledged_is_lost(servers: Servers) -> None:
    _late_group(servers, 1, 2)
    acknowledged(servers, 0)
    written = servers.observe(0).executed
    began = servers.now()
    assert servers.ask_to_remove(1, 0) is Answer.OK
    lead = until_followed(servers, 1, 2)
    assert servers.now() - began < _SOON_SECONDS
    assert servers.observe(lead).executed == written
    out = until_out(servers, 0, 30)
    assert (out.writable, out.role()) == (False, names.ROLE_NONE)
    assert out.known().is_subset(servers.observe(lead).known())
    servers.leave(0)
    servers.join(0, 1, 2)
    assert until_members(servers, 0, 0, 1, 2).state == view.ONLINE


@long_case
def without_a_majority_it_is_promised_and_not_done(servers: Servers) -> None:
    _late_group(servers, 1, 2)
    servers.pause(2)
    servers.kill(0)
    assert servers.ask_to_remove(1, 0) is Answer.OK
    servers.wait(2)
    assert 0 in pods(servers.observe(1))
    servers.resume(2)
    until_members(servers, 1, 1, 2)
