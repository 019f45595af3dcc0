"""GTID sets: parsed, written and computed as the server does it, for generated sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core.gtid import Growing, GtidSet
from mysqlops.errors import ConfigError

_UUIDS = [f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "ab1"]


def _text(numbers: dict[str, set[int]]) -> str:
    return ",".join(f"{uuid}:{':'.join(map(str, sorted(found)))}" for uuid, found in numbers.items() if found)


_NUMBERS = st.dictionaries(st.sampled_from(_UUIDS), st.sets(st.integers(1, 25)))


def _pairs(numbers: dict[str, set[int]]) -> set[tuple[str, int]]:
    return {(uuid, number) for uuid, found in numbers.items() for number in found}


@given(_NUMBERS, _NUMBERS)
def test_arithmetic_is_that_of_sets(left: dict[str, set[int]], right: dict[str, set[int]]) -> None:
    one, other = GtidSet.parse(_text(left)), GtidSet.parse(_text(right))
    assert one.count() == len(_pairs(left))
    assert one.union(other).count() == len(_pairs(left) | _pairs(right))
    assert one.subtract(other).count() == len(_pairs(left) - _pairs(right))
    assert one.is_subset(other) == (_pairs(left) <= _pairs(right))
    assert one.subtract(other).union(other) == one.union(other)
    assert one.subtract(other).is_subset(one)
    assert one.is_subset(one.union(other))


def test_sets_that_others_wrote_with_gaps_keep_nobody_busy() -> None:
    """As many as an annotation holds: each interval was compared with each, which took minutes for one member."""
    odd, even = (GtidSet.parse(f"{_UUIDS[0]}:{':'.join(map(str, range(at, 100_000, 2)))}") for at in (1, 2))
    assert odd.subtract(even) == odd
    assert not odd.subtract(odd)
    assert odd.common(odd.union(even)) == odd


@given(_NUMBERS)
def test_text_survives_a_round_trip(numbers: dict[str, set[int]]) -> None:
    parsed = GtidSet.parse(_text(numbers))
    assert GtidSet.parse(str(parsed)) == parsed


def test_tags_and_line_breaks_as_the_server_writes_them() -> None:
    text = f"{_UUIDS[0]}:1-3:5:blue:1-2,\n{_UUIDS[1]}:7"
    parsed = GtidSet.parse(text)
    assert parsed.count() == 7
    assert str(parsed) == f"{_UUIDS[0]}:1-3:5:blue:1-2,{_UUIDS[1]}:7"
    assert not GtidSet.parse(f"{_UUIDS[0]}:blue:1").subtract(parsed)
    assert GtidSet.parse(f"{_UUIDS[0]}:green:1").subtract(parsed)


@pytest.mark.parametrize("text", ["nonsense", f"{_UUIDS[0]}", f"{_UUIDS[0]}:0", f"{_UUIDS[0]}:5-2", f"{_UUIDS[0]}:x-1"])
def test_what_is_no_set_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ConfigError, match="GTID set"):
        GtidSet.parse(text)


@given(st.lists(st.tuples(st.sampled_from(["", "tag"]), st.integers(1, 40)), max_size=60))
def test_a_set_grows_by_single_gtids_as_by_union(ones: list[tuple[str, int]]) -> None:
    uuid = "00000000-0000-0000-0000-000000000001"
    names = [f"{uuid}:{tag}:{number}" if tag else f"{uuid}:{number}" for tag, number in ones]
    growing, seen = Growing(GtidSet.parse(f"{uuid}:5-9")), set(f"{uuid}:{n}" for n in range(5, 10))
    for name in names:
        assert (name in growing) is (name in seen)
        assert growing.add(name) is (name not in seen)
        seen.add(name)
    assert growing.whole() == GtidSet.parse(",".join(sorted(seen)))
