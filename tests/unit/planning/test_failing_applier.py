"""A member whose applier fails: what it says, how long it pauses, and that a passing cause still heals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mysqlops.core import applier, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import Publication
from mysqlops.planning import failing_applier, member_actions, membership

GROUP = "2d09d725-76aa-4830-a6cf-261431c8786f"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORKER = f"Worker 1 failed executing transaction '{GROUP}:3'; "
# As MySQL 9.7.4 says it; the values stand for a person's data.
MISSING = f"{WORKER}Error executing row event: 'Table 'app.unlogged' doesn't exist'"
DUPLICATE = (
    f"{WORKER}Could not execute Write_rows event on table app.people; Duplicate entry 'jane@example.org' for key "
    "'people.PRIMARY', Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's source log FIRST"
)
STATEMENT = (
    f"{WORKER}Error 'Unknown database 'scratch'' on query. Default database: 'scratch'. "
    "Query: 'CREATE TABLE t AS SELECT 'jane@example.org' AS mail'"
)


@pytest.mark.parametrize(
    ("number", "message", "text"),
    [
        (1146, MISSING, f"error 1146 at transaction {GROUP}:3: Table 'app.unlogged' doesn't exist"),
        (
            1062,
            DUPLICATE,
            f"error 1062 at transaction {GROUP}:3: Write_rows event on table app.people, for key 'people.PRIMARY', "
            "HA_ERR_FOUND_DUPP_KEY",
        ),
        (1049, STATEMENT, f"error 1049 at transaction {GROUP}:3: Unknown database 'scratch'"),
        (1205, "Worker 2 failed; Lock wait timeout exceeded", "error 1205"),
    ],
)
def test_the_error_is_told_without_a_rows_values(number: int, message: str, text: str) -> None:
    assert applier.describe(number, message) == text


def test_a_line_of_the_error_log_is_told_as_it_is_unless_it_may_quote_a_row() -> None:
    refused = "Old incarnation found while trying to add node mysql-1:3306"
    assert applier.without_values(refused) == refused
    logged = f"Replica SQL for channel 'group_replication_applier': {DUPLICATE}, Error_code: MY-001062"
    assert applier.without_values(logged).startswith(f"the applier stopped: error 1062 at transaction {GROUP}:3: ")
    assert "jane" not in applier.without_values(logged)


def server(state: str, at: str = "") -> view.ServerView:
    failure = applier.Failure(1146, at, "error 1146") if at else None
    return view.ServerView("me", "9.7.4", GtidSet.parse(f"{GROUP}:1-2"), state=state, failure=failure)


def failed(times: int) -> failing_applier.Memory:
    memory = failing_applier.Memory()
    for number in range(times):
        memory = failing_applier.look(memory, server(view.OFFLINE, f"t{number}"), 100.0, NOW)
        memory = failing_applier.look(memory, server(view.OFFLINE, f"t{number}"), 101.0, NOW)  # the same one
    return memory


def test_pauses_grow_to_five_minutes_and_no_further() -> None:
    assert [failed(times).until - 100.0 for times in range(1, 9)] == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_member_that_stays_in_the_group_is_forgiven() -> None:
    memory = failed(4)
    for now in (200.0, 230.0):
        memory = failing_applier.look(memory, server(view.ONLINE), now, NOW)
    assert memory.failures == 4
    assert (memory.reported(server(view.ONLINE)), memory.reported(server(view.OFFLINE)), memory.reported(None)) == (
        "",
        "error 1146",
        "error 1146",
    )
    assert failing_applier.look(memory, server(view.ONLINE), 261.0, NOW) == failing_applier.Memory()
    # ONLINE for a moment between two failures is no sign of health.
    memory = failing_applier.look(memory, server(view.ERROR, "later"), 240.0, NOW)
    assert memory.failures == 5
    assert failing_applier.look(memory, server(view.ONLINE), 400.0, NOW).failures == 5


def situation(own: view.ServerView, memory: failing_applier.Memory, now: float) -> membership.Situation:
    published = Publication("uid", "", 1, "1", state=view.ONLINE, role="primary", executed=f"{GROUP}:1-9")
    around = view.Surroundings(
        3, (view.Peer("mysql-0", True, published, True),), view.GroupRecord("mysql-0", None, 0.0)
    )
    return membership.Situation("mysql-1", own, around, around.record, failing=memory, now=now)


def test_it_waits_names_the_error_and_joins_again_after_the_pause() -> None:
    memory = failed(2)
    waits = membership.plan(situation(server(view.OFFLINE, "t1"), memory, 119.0))
    assert isinstance(waits, member_actions.Wait)
    assert "error 1146, 2 times in a row; next try at 00:00:20Z" in waits.why
    assert isinstance(membership.plan(situation(server(view.OFFLINE, "t1"), memory, 120.0)), member_actions.Join)


def test_what_it_received_is_applied_outside_the_group_first() -> None:
    """If that fails once more, the group's view has not changed for it."""
    holds = replace(server(view.OFFLINE, "t1"), received=GtidSet.parse(f"{GROUP}:1-3"))
    assert isinstance(membership.plan(situation(holds, failed(2), 120.0)), member_actions.Apply)
    assert isinstance(membership.plan(situation(holds, failed(2), 119.0)), member_actions.Wait)
    assert isinstance(membership.plan(situation(holds, failing_applier.Memory(), 120.0)), member_actions.Join)


def test_without_a_group_nothing_is_joined_and_no_pause_holds_the_election_up() -> None:
    """All that the group acknowledged may be on this member."""
    alone = situation(server(view.OFFLINE, "t1"), failed(8), 100.0)
    offline = Publication("uid", "", 1, "1", state=view.OFFLINE, executed=f"{GROUP}:1")
    peers = tuple(view.Peer(f"mysql-{number}", True, offline, True) for number in (0, 2))
    assert alone.around is not None
    action = membership.plan(replace(alone, around=replace(alone.around, peers=peers)))
    assert isinstance(action, member_actions.FormGroup)


def test_a_recovery_that_fails_is_left_at_once() -> None:
    """Group Replication would try ten times, a minute apart, in the group all the while."""
    memory = failing_applier.look(failing_applier.Memory(), server(view.RECOVERING, "t1"), 100.0, NOW)
    leaves = membership.plan(situation(server(view.RECOVERING, "t1"), memory, 100.0))
    assert isinstance(leaves, member_actions.Leave)
    assert "error 1146" in leaves.why
    # What it failed at before it joined again is no reason to leave: the next try has to be waited for.
    memory = failing_applier.look(memory, server(view.OFFLINE, "t1"), 101.0, NOW)
    memory = failing_applier.look(memory, server(view.RECOVERING, "t1"), 115.0, NOW)
    assert isinstance(membership.plan(situation(server(view.RECOVERING, "t1"), memory, 115.0)), member_actions.Wait)
