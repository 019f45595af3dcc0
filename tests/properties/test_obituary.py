"""Whatever a peer sends, and whatever the group says of its members."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import view
from mysqlops.mysql import xcom
from mysqlops.planning import obituary
from tests.unit.agent.test_obituary import _AGREED, _member, _Peer, _plan, _reply, _seen


@given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=4))
def test_a_request_is_whole_and_aligned_whatever_the_names_are(group: str, addresses: list[str]) -> None:
    made = xcom.removal(group, addresses)
    assert int.from_bytes(made[4:8], "big") == len(made) - xcom.HEADER_BYTES
    assert len(made) % 4 == 0
    assert made[:4] == xcom.version_request()[:4]
    assert all(address.encode() in made for address in addresses)
    assert 0 <= xcom.group_hash(group) < 2**32


@given(st.binary(max_size=300))
def test_no_bytes_of_a_peer_raise_or_pass_for_an_answer_by_chance(body: bytes) -> None:
    xcom.answer(body)
    xcom.addresses(body, "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa")
    size = xcom.reply_bytes(body[:12])
    assert size is None or size <= xcom.LONGEST_REPLY
    assert not xcom.is_agreed(body[:12]) or body[:12] == bytes.fromhex("0000000a 00000000 02 0139 00")


@given(st.integers(0, 127), st.binary(min_size=1, max_size=40))
def test_a_reply_that_is_cut_or_has_more_in_it_is_not_understood(size: int, more: bytes) -> None:
    whole = _reply()[12:]
    assert xcom.answer(whole[:size]) is None
    assert xcom.answer(whole + more) is None


@given(st.binary(max_size=60))
def test_a_member_that_sends_anything_else_is_not_understood(data: bytes) -> None:
    with pytest.raises(OSError, match=r"version|closed|understood"):
        _Peer(_AGREED, data).ask()


_STATES = st.sampled_from([view.ONLINE, view.RECOVERING, view.UNREACHABLE, view.OFFLINE, view.ERROR])


@given(st.lists(_STATES, min_size=1, max_size=9))
def test_whoever_is_asked_can_decide_without_the_dead_one(states: list[str]) -> None:
    seen = _seen(*(_member(number, state) for number, state in enumerate(states)))
    wanted = _plan(seen)
    if isinstance(wanted, obituary.Request):
        others = sum(state in (view.ONLINE, view.RECOVERING) for state in states[1:])
        assert 2 * others > len(states)
        assert wanted.witnesses == tuple(
            f"mysql-{number}" for number, state in enumerate(states) if number and state == view.ONLINE
        )
