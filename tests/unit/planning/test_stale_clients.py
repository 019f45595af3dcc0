"""When a member closes its clients' connections."""

from __future__ import annotations

import itertools

from mysqlops.core import names, view
from mysqlops.planning import stale_clients

PRIMARY, REPLICA = (view.ONLINE, names.ROLE_PRIMARY), (view.ONLINE, names.ROLE_REPLICA)
OFFLINE, RECOVERING = (view.OFFLINE, names.ROLE_NONE), (view.RECOVERING, names.ROLE_NONE)


def closings(*servers: tuple[str, str] | None, step: float = 0.5) -> list[tuple[float, str]]:
    """When and why, of a member that looks like this every half second."""
    memory, found = stale_clients.Memory(), []
    for number, server in enumerate(servers):
        memory, why = stale_clients.plan(memory, stale_clients.Seen(number * step, server))
        if why:
            found.append((number * step, why))
    return found


def test_a_member_that_only_serves_closes_nothing() -> None:
    assert closings(*[PRIMARY] * 9) == []
    assert closings(*[REPLICA] * 9) == []


def refusals(*servers: tuple[str, str] | None, step: float = 0.5) -> list[float]:
    """When no client may come."""
    memory, found = stale_clients.Memory(), []
    for number, server in enumerate(servers):
        memory, _ = stale_clients.plan(memory, stale_clients.Seen(number * step, server))
        if memory.blocked_because(number * step):
            found.append(number * step)
    return found


def test_a_demoted_primary_refuses_clients_until_the_service_leads_elsewhere() -> None:
    assert closings(PRIMARY, *[REPLICA] * 9) == []
    assert refusals(PRIMARY, *[REPLICA] * 9) == [0.5, 1.0, 1.5]
    assert refusals(PRIMARY, None, *[REPLICA] * 9) == [1.0, 1.5, 2.0]
    assert refusals(PRIMARY, REPLICA, PRIMARY, *[PRIMARY] * 9) == [0.5], "it leads again, and must take writes at once"
    assert refusals(*[REPLICA] * 9) == refusals(*[PRIMARY] * 9) == []


def test_a_server_that_was_silent_and_thinks_itself_a_member_refuses_clients_until_the_group_has_spoken() -> None:
    for as_before in (PRIMARY, REPLICA):
        found = refusals(as_before, *[None] * 11, *[as_before] * 20)
        assert found == [6.0 + 0.5 * n for n in range(10)]
        assert refusals(as_before, *[None] * 8, *[as_before] * 20) == [], "Group Replication suspects nobody so soon"
        assert refusals(*[None] * 20, as_before, as_before) == [], "it starts"
        assert refusals(as_before, *[None] * 20, OFFLINE, *[as_before] * 9) == [], (
            "it was restarted, and the group knows"
        )


def test_a_killed_primary_that_comes_back_keeps_nobody() -> None:
    """Who connected while it bore the old label would read old rows for as long as the connection lives."""
    found = closings(PRIMARY, None, None, *[OFFLINE] * 9, RECOVERING, REPLICA, *[REPLICA] * 9)
    assert [why for _, why in found] == [*["not in the group"] * 3, "back in the group"]
    assert found[0][0] == 1.5
    assert all(later - earlier <= 2.0 for (earlier, _), (later, _) in itertools.pairwise(found))


def test_a_member_whose_agent_is_not_answered_for_a_moment_keeps_its_clients() -> None:
    assert closings(REPLICA, None, None, REPLICA, *[REPLICA] * 9) == []
    assert closings(PRIMARY, None, PRIMARY, *[PRIMARY] * 9) == []


def test_one_that_is_primary_at_once_keeps_its_clients() -> None:
    assert closings(None, PRIMARY, *[PRIMARY] * 9) == []
