"""The verdict, from made objects; tests/cluster compares it with a real cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mysqlops.errors import Refused
from mysqlops.planning import status
from tests.unit.clusters import GROUP, HEALTHY, NOW, judge, pod


def test_three_members_and_a_primary_are_healthy() -> None:
    seen = judge(*HEALTHY)
    assert (seen.verdict, seen.primary, seen.conditions) == ("healthy", "mysql-0", ())


@pytest.mark.parametrize(
    ("pods", "primary", "code", "verdict"),
    [
        (HEALTHY[:2], ("mysql-0",), "member-not-online", "degraded"),
        (
            (*HEALTHY[:2], pod("mysql-2", state="RECOVERING", role="none")),
            ("mysql-0",),
            "member-not-online",
            "degraded",
        ),
        ((pod("mysql-0", role="primary", online=2), *HEALTHY[1:]), ("mysql-0",), "members-unseen", "degraded"),
        (
            (*HEALTHY[:2], pod("mysql-2", role="none", waiting_for="waiting: fenced: slow disk")),
            ("mysql-0",),
            "serves-nobody",
            "degraded",
        ),
        ((*HEALTHY[:2], pod("mysql-2", label="primary")), ("mysql-0",), "label-stale", "degraded"),
        (HEALTHY, (), "service-stale", "degraded"),
        (HEALTHY, ("mysql-1",), "service-stale", "degraded"),
        ((pod("mysql-0"), *HEALTHY[1:]), (), "no-primary", "down"),
        ((HEALTHY[0], pod("mysql-1", role="primary"), HEALTHY[2]), ("mysql-0",), "two-primaries", "down"),
        (
            (pod("mysql-0", role="primary", view_id="7:3"), pod("mysql-1", role="primary", view_id="7:4"), HEALTHY[2]),
            ("mysql-0",),
            "primary-moves",
            "degraded",
        ),
        (
            (pod("mysql-0", role="primary", view_id="7:3"), pod("mysql-1", role="primary", view_id="8:3"), HEALTHY[2]),
            ("mysql-0",),
            "two-primaries",
            "down",
        ),
        ((*HEALTHY[:2], pod("mysql-2", writable=True)), ("mysql-0",), "replica-writable", "degraded"),
        (
            (*HEALTHY[:2], pod("mysql-2", state="OFFLINE", role="none", writable=True)),
            ("mysql-0",),
            "two-primaries",
            "down",
        ),
        (
            # Its agent loads the time zones before it joins.
            (*HEALTHY[:2], pod("mysql-2", state="OFFLINE", role="none", writable=True, read_only=True)),
            ("mysql-0",),
            "member-not-online",
            "degraded",
        ),
        ((pod("mysql-0", role="primary", read_only=True), *HEALTHY[1:]), ("mysql-0",), "primary-read-only", "down"),
        (
            (*HEALTHY[:2], pod("mysql-2", state="OFFLINE", role="none", applier_failure="error 1146")),
            ("mysql-0",),
            "applier-fails",
            "degraded",
        ),
        (
            (*HEALTHY[:2], pod("mysql-2", state="RECOVERING", writable=True, clone_size=9)),
            ("mysql-0",),
            "member-not-online",
            "degraded",
        ),
        ((*HEALTHY[:2], pod("mysql-2", volume_size=100, volume_used=90)), ("mysql-0",), "volume-filling", "degraded"),
        ((*HEALTHY[:2], pod("mysql-2", at=NOW - timedelta(minutes=2))), ("mysql-0",), "member-not-online", "degraded"),
        ((*HEALTHY[:2], pod("mysql-2", at=NOW + timedelta(minutes=2))), ("mysql-0",), "member-not-online", "degraded"),
    ],
)
def test_what_is_wrong_has_a_code_and_a_next_command(
    pods: tuple[dict[str, Any], ...], primary: tuple[str, ...], code: str, verdict: str
) -> None:
    seen = judge(*pods, primary=primary)
    assert seen.verdict == verdict
    assert code in {condition.code for condition in seen.conditions}
    assert all(condition.message and condition.hint for condition in seen.conditions)


ALL = "mysql-0,mysql-1,mysql-2"
SILENT = pod("mysql-0", role="primary", at=NOW - timedelta(minutes=2))


@pytest.mark.parametrize(
    ("others", "code", "verdict"),
    [
        ([pod("mysql-1", group=ALL), pod("mysql-2", group=ALL)], "primary-silent", "degraded"),
        ([pod("mysql-1", group=ALL, online=2), pod("mysql-2", group=ALL)], "no-primary", "down"),
        ([pod("mysql-1", group=ALL), pod("mysql-2", group="mysql-1,mysql-2")], "no-primary", "down"),
        ([pod("mysql-1", group=ALL, role="none"), pod("mysql-2", group=ALL)], "no-primary", "down"),
        ([pod("mysql-1", group=ALL)], "no-primary", "down"),
        ([], "no-primary", "down"),
    ],
)
def test_a_primary_whose_agent_is_silent_is_no_outage_if_the_others_are_sure_of_it(
    others: list[dict[str, Any]], code: str, verdict: str
) -> None:
    seen = judge(SILENT, *others)
    assert (seen.verdict, seen.primary) == (verdict, None)
    assert {"no-primary", "primary-silent"} & {one.code for one in seen.conditions} == {code}


@pytest.mark.parametrize(
    ("state", "leaving", "told"),
    [
        ({"running": {}}, False, None),
        ({"terminated": {"reason": "Error"}}, False, "container agent has ended (Error)"),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, False, "CrashLoopBackOff"),
        ({"terminated": {"reason": "Completed"}}, True, None),
    ],
)
def test_an_agent_that_ended_is_told_while_its_last_words_are_fresh(
    state: dict[str, Any], leaving: bool, told: str | None
) -> None:
    primary = pod("mysql-0", role="primary")
    primary["status"]["containerStatuses"] = [{"name": "agent", "state": state}]
    if leaving:
        primary["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    seen = judge(primary, *HEALTHY[1:])
    found = [one.message for one in seen.conditions if one.code == "agent-away"]
    assert (not found) if told is None else (told in found[0])


def test_what_a_member_lacks_is_counted() -> None:
    seen = judge(HEALTHY[0], pod("mysql-1", executed=f"{GROUP}:1-3"), HEALTHY[2])
    assert [member.missing for member in seen.members] == [0, 2, 0]


def test_a_copy_of_a_donors_data_shows_how_far_it_is() -> None:
    copying = pod("mysql-2", state="RECOVERING", role="none", label="none", clone_copied=1 << 29, clone_size=1 << 30)
    seen = judge(*HEALTHY[:2], copying)
    assert "512.0MiB of 1.0GiB" in seen.conditions[0].message


def test_a_failed_containers_last_words_are_told() -> None:
    silent = pod("mysql-2")
    silent["metadata"]["annotations"] = {}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    failed = {"terminated": {"message": "line one\nprepare: refused: the volume holds 'x'\n"}}
    silent["status"]["initContainerStatuses"] = [{"name": "prepare", "state": waiting, "lastState": failed}]
    seen = judge(*HEALTHY[:2], silent)
    assert "CrashLoopBackOff back-off 10s: prepare: refused: the volume holds 'x'" in seen.members[2].waiting_for


def test_a_server_that_cannot_start_is_told_by_its_error_and_the_hint_names_its_container() -> None:
    """Of the last lines of prepare's log: mysqld's first error, and not that it aborts (B12)."""
    log = [
        "2026-01-01T00:00:00.1Z 0 [System] [MY-013169] [Server] mysqld (mysqld 9.7.0) initializing of server",
        "2026-01-01T00:00:00.2Z 0 [ERROR] [MY-010000] [Server] Fatal error: Illegal or unknown default time zone 'X/Y'",
        "2026-01-01T00:00:00.3Z 0 [ERROR] [MY-010119] [Server] Aborting",
        "2026-01-01T00:00:00.4Z 0 [System] [MY-015018] [Server] MySQL Server Initialization - end.",
    ]
    silent = pod("mysql-2")
    silent["metadata"]["annotations"] = {}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    failed = {"terminated": {"message": "\n".join(log)}}
    silent["status"]["initContainerStatuses"] = [{"name": "prepare", "state": waiting, "lastState": failed}]
    condition = judge(*HEALTHY[:2], silent).conditions[0]
    assert condition.message.endswith(
        "[ERROR] [MY-010000] [Server] Fatal error: Illegal or unknown default time zone 'X/Y'"
    )
    assert condition.hint == "kubectl logs mysql-2 -c prepare"


def test_a_secret_that_is_not_taken_over_is_a_condition() -> None:
    refusing = pod("mysql-2", secrets_trouble="tls.crt is not valid for mysql-2.mysql.db.svc")
    assert "secrets-refused" in {one.code for one in judge(*HEALTHY[:2], refusing).conditions}


def test_a_report_from_the_future_says_which_clock_is_ahead() -> None:
    seen = judge(*HEALTHY[:2], pod("mysql-2", at=NOW + timedelta(minutes=2)))
    assert seen.members[2].executed is None
    assert "the clock of its node is 120 s ahead" in seen.members[2].waiting_for
    assert judge(*HEALTHY[:2], pod("mysql-2", at=NOW + timedelta(seconds=20))).conditions == ()


def test_without_a_primary_it_says_why_and_what_to_look_at() -> None:
    seen = judge(pod("mysql-0"), *HEALTHY[1:], primary=())
    with pytest.raises(Refused) as refused:
        status.must_lead(seen, "choose a --member")
    (reason,) = refused.value.reasons
    (why, *_) = status.in_the_way(seen)
    assert (reason.code, reason.hint) == ("no-primary", "mysqlops status mysql; or choose a --member")
    assert reason.message.startswith(f"mysql has no primary: {why.message}")
    with pytest.raises(Refused, match=r"has no primary$"):
        status.must_lead(replace(seen, conditions=()))
    assert status.must_lead(judge(*HEALTHY)) == "mysql-0"
