"""Cases of the contract: a member that comes back, whom a group counts, and by which address (docs/adr/0062)."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import group_address
from mysqlops.mysql import xcom
from tests.simulation.group_contract import Servers, acknowledged, case, group, long_case, until, until_members


def _spelled(servers: Servers, number: int, by: int) -> str:
    """Under which address the one is counted by the other; empty if it is not."""
    host = f"mysql-{number}."
    return next((one for one in servers.counted(by) if one.lower().startswith(host)), "")


def _killed_and_removed(servers: Servers) -> str:
    """mysql-2's address, by which the group counted it until then."""
    group(servers, 1, 2)
    before = _spelled(servers, 2, by=0)
    servers.kill(2)
    assert _spelled(servers, 2, by=1) == before, "a dead member is counted until the group has agreed"
    assert servers.ask_to_remove(0, 2) is xcom.Answer.OK
    until(servers, lambda: not any(_spelled(servers, 2, by=one) for one in (0, 1)), "nobody counts it any more")
    return before


@case
def every_member_says_whom_its_group_counts_and_one_in_no_group_says_nothing(servers: Servers) -> None:
    group(servers, 1)
    assert len(servers.counted(0)) == len(servers.counted(1)) == 2
    assert {*servers.counted(0)} == {*servers.counted(1)}
    try:
        found = servers.counted(2)
    except errors.MysqlError:
        return
    raise AssertionError(f"a server in no group says that it counts {found}")


@case
def a_member_that_was_removed_comes_back_under_its_address_in_other_capitals(servers: Servers) -> None:
    before = _killed_and_removed(servers)
    servers.start(2)
    servers.respell(2)
    servers.join(2, 0)
    until_members(servers, 0, 0, 1, 2)
    now = _spelled(servers, 2, by=0)
    assert now != before
    assert group_address.is_same(now, before)
    acknowledged(servers, 0)


@long_case
def a_member_that_was_removed_comes_back_under_its_plain_address_too(servers: Servers) -> None:
    """Its server has started since, and knows no other spelling."""
    before = _killed_and_removed(servers)
    servers.start(2)
    servers.join(2, 0)
    until_members(servers, 0, 0, 1, 2)
    assert _spelled(servers, 2, by=1) == before.lower()
