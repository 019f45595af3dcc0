"""Every mix of what members may be and may know."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import view
from mysqlops.core.gtid import GtidSet
from mysqlops.planning import member_actions
from tests.unit.planning.test_membership import STRAY, UP_TO_5, UP_TO_9, peer, plan, server

_SETS = st.sampled_from([None, "", UP_TO_5, UP_TO_9, f"{UP_TO_5},{STRAY}:1"])
_STATES = st.sampled_from([view.OFFLINE, view.ERROR, view.ONLINE, view.RECOVERING, view.DOWN])
_WORLD = st.tuples(*(st.tuples(_SETS, _STATES, st.booleans()) for _ in range(3)))


@given(_WORLD, st.booleans())
def test_nobody_forms_a_group_beside_another_or_without_all_that_is_known(
    world: tuple[tuple[str | None, str, bool], ...], formed_before: bool
) -> None:
    """Every member decides from the same sight; at most one forms, and only with everybody's transactions."""
    forming = []
    for index, (executed, state, _) in enumerate(world):
        if executed is None or state not in (view.OFFLINE, view.ERROR):
            continue
        peers = [peer(f"mysql-{i}", e, s, fresh=f) for i, (e, s, f) in enumerate(world) if i != index]
        formed = "mysql-0" if formed_before else None
        if isinstance(plan(server(executed), *peers, name=f"mysql-{index}", formed=formed), member_actions.FormGroup):
            forming.append(index)
    assert len(forming) <= 1
    for index in forming:
        held = GtidSet.parse(world[index][0] or "")
        others = [(e, s, f) for i, (e, s, f) in enumerate(world) if i != index]
        assert not any(f and e is not None and s in (view.ONLINE, view.RECOVERING) for e, s, f in others)
        assert all(GtidSet.parse(e or "").is_subset(held) for e, _, _ in others if e)
        if formed_before:
            assert all(e is not None and f and s in (view.OFFLINE, view.ERROR) for e, s, f in others)
