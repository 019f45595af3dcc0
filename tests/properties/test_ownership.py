"""Names of clusters that are made of the words in names of objects."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import names, ownership

_WORDS = st.lists(
    st.sampled_from([*(one[2:] for one in ownership.taken_by("x")), "a", "b", "db", "0", "7"]), min_size=1
)


@given(_WORDS.map("-".join).map("m{}".format), _WORDS.map("-".join).map("m{}".format))
def test_names_that_do_not_collide_share_no_object(one: str, other: str) -> None:
    if one == other:
        return
    assert ownership.collide(one, other) == ownership.collide(other, one)
    if not ownership.collide(one, other):
        assert not {one, *ownership.taken_by(one)} & {other, *ownership.taken_by(other)}
        assert other not in [names.pod(one, n) for n in range(names.MAX_MEMBERS)]
