"""A member that comes back is new to its group, its address in other capitals (docs/adr/0062), on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mysqlops.core import group_address, view
from mysqlops.mysql import group_replication, xcom
from mysqlops.planning.newcomer import Verdict, verdict
from tests.database.containers import Template, eventually
from tests.database.group import Group, Member, Settings


@pytest.fixture(scope="module")
def group(template: Template) -> Iterator[Group]:
    with Group(Settings(), template) as made:
        made.form()
        yield made


def _counted(member: Member) -> tuple[str, ...]:
    return eventually(member.counted, f"{member.name} answers")


def _verdict(back: Member, others: list[Member]) -> Verdict:
    return verdict(back.group_address, {one.group_address: _counted(one) for one in others})


def _spelled(back: Member, witness: Member) -> str:
    return next(one for one in _counted(witness) if group_address.is_same(one, back.group_address))


def test_each_return_is_under_another_spelling_by_which_it_can_be_removed(group: Group) -> None:
    *others, back = group.members
    seen = {_spelled(back, others[0])}
    for _ in range(2):
        back.kill()
        assert _verdict(back, others) is Verdict.COUNTED, "the dead one stays until the group has agreed"
        assert others[0].remove(back) is xcom.Answer.OK
        eventually(lambda: _verdict(back, others) is Verdict.UNKNOWN, "no member counts it any more")
        others[0].await_members(*others)
        back.start()
        with back.server() as server:
            group_replication.respell_address(server)
        back.join(*others)
        others[0].await_members(*group.members)
        seen.add(_spelled(back, others[0]))
    assert len(seen) == 3, seen
    assert {one.lower() for one in seen} == {back.group_address}


def test_a_second_start_of_the_same_server_goes_back_to_its_plain_address(group: Group) -> None:
    *others, back = group.members
    assert _spelled(back, others[1]) != back.group_address
    back.leave()
    eventually(lambda: _verdict(back, others) is Verdict.UNKNOWN, "it is out")
    with back.server() as server:
        group_replication.respell_address(server)
    back.join(*others)
    others[0].await_members(*group.members)
    assert _spelled(back, others[1]) == back.group_address
    assert back.observe().state == view.ONLINE
