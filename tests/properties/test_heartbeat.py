"""Whatever arrives at the agents' port, and whatever they hear: nobody goes without a majority."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import heartbeat, view
from mysqlops.planning import lost_members
from tests.unit.planning.test_lost_members import _KEY, _seen

_EIGHT = st.binary(min_size=8, max_size=8)
_HEARD = st.builds(heartbeat.Heard, _EIGHT, st.integers(0, 2**64 - 1), st.booleans())
_BEATS = st.builds(
    heartbeat.Beat,
    st.integers(0, 8),
    _EIGHT,
    st.integers(0, 2**64 - 1),
    _EIGHT,
    st.none() | st.integers(0, 10**6).map(lambda number: number / 1000),
    st.dictionaries(st.integers(0, 8), _HEARD, max_size=9),
)


@given(_BEATS)
def test_what_an_agent_says_is_read_back(beat: heartbeat.Beat) -> None:
    data = heartbeat.write(beat, _KEY)
    assert len(data) <= heartbeat.LONGEST
    assert heartbeat.read(data, [_KEY]) == beat


@given(_BEATS, st.integers(0, 300), st.integers(1, 255))
def test_one_changed_byte_is_not_understood(beat: heartbeat.Beat, at: int, by: int) -> None:
    data = bytearray(heartbeat.write(beat, _KEY))
    data[at % len(data)] ^= by
    assert heartbeat.read(bytes(data), [_KEY]) is None


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    assert heartbeat.read(data, [_KEY]) is None
    heartbeat.read(data + heartbeat._seal(data, _KEY), [_KEY])


_STATES = st.sampled_from([view.ONLINE, view.RECOVERING, view.UNREACHABLE, view.ERROR])


@given(
    st.lists(_STATES, min_size=1, max_size=9),
    st.dictionaries(st.integers(1, 8), st.tuples(st.frozensets(st.integers(0, 8)), st.booleans(), st.floats(0, 3))),
)
def test_whoever_is_removed_is_missed_by_a_majority_of_the_view_and_heard_by_nobody(
    states: list[str], others: dict[int, tuple[frozenset[int], bool, float]]
) -> None:
    server = _seen(0, dict(enumerate(states)))
    seen, now, own = heartbeat.view("name", "1:3"), 1000.0, b"0" * 8
    voices: dict[int, frozenset[int]] = {}
    ears = {}
    for one, (misses, is_same_view, age) in others.items():
        said = {other: heartbeat.Heard(own, 1, misses=other in misses) for other in range(9)}
        word = heartbeat.Beat(one, b"x" * 8, 1, seen if is_same_view else b"y" * 8, 0.0, said)
        ears[one] = lost_members.Ear(now - age, 0.0, word, now - age)
        if is_same_view and age <= 1.0 and one < len(states) and states[one] == view.ONLINE:
            voices[one] = misses
    memory = lost_members.Memory(0, own, 0.0, now, ears)
    for lost in lost_members.plan(memory, lost_members.Sight(server, now), "mysql", now):
        among = {one: misses for one, misses in voices.items() if one != lost}
        assert all(lost in misses for misses in among.values())
        assert 2 * (len(among) + 1) > len(states)
        assert now - ears[lost].at >= lost_members.PATIENCE_SECONDS
