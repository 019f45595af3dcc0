"""Switchover, fence and rebuild: what is chosen, and every reason to refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mysqlops.core import group, names, record, rights
from mysqlops.errors import Refused
from mysqlops.planning import member, switchover
from mysqlops.planning.status import Status
from tests.unit.clusters import HEALTHY, judge, pod

LIMITS = switchover.Limits()
WHOLE = judge(*HEALTHY)


def refused(error: pytest.ExceptionInfo[Refused]) -> set[str]:
    return {reason.code for reason in error.value.reasons}


def test_the_replica_with_the_least_to_apply_is_chosen() -> None:
    behind = judge(HEALTHY[0], pod("mysql-1", behind=7), pod("mysql-2", behind=2))
    assert switchover.choose(behind, None, LIMITS) == switchover.Switchover("mysql-0", "mysql-2")
    assert switchover.choose(behind, "mysql-1", LIMITS) == switchover.Switchover("mysql-0", "mysql-1")
    assert switchover.choose(WHOLE, "mysql-0", LIMITS) is None


@pytest.mark.parametrize(
    ("seen", "to", "code"),
    [
        (judge(*(pod(f"mysql-{n}") for n in range(3)), primary=()), None, "no-primary"),
        (WHOLE, "mysql-9", "no-such-member"),
        (judge(HEALTHY[0], pod("mysql-1", behind=5000), HEALTHY[2]), "mysql-1", "no-successor"),
        (judge(HEALTHY[0], pod("mysql-1", role="none"), HEALTHY[2]), "mysql-1", "no-successor"),
        (judge(HEALTHY[0], pod("mysql-1", state="ERROR", role="none")), None, "no-successor"),
    ],
)
def test_a_switchover_that_would_cost_too_much_is_refused(seen: Status, to: str | None, code: str) -> None:
    with pytest.raises(Refused) as error:
        switchover.choose(seen, to, LIMITS)
    assert refused(error) == {code}


def test_long_transactions_are_rolled_back_only_when_wanted() -> None:
    found = [{"connection": 7, "user": "app", "seconds": 60}]
    with pytest.raises(Refused) as error:
        switchover.check_transactions(found, LIMITS)
    assert "connection 7 of app: 60 s" in str(error.value)
    switchover.check_transactions(found, replace(LIMITS, rolls_back=True))
    switchover.check_transactions([{"connection": 7, "user": "app", "seconds": 1}], LIMITS)


def test_a_fence_leaves_somebody_to_serve() -> None:
    member.check_fence(WHOLE, "mysql-1", {})
    member.check_fence(WHOLE, "mysql-1", {"mysql-2": ""})
    with pytest.raises(Refused) as error:
        member.check_fence(WHOLE, "mysql-1", {"mysql-2": "", "mysql-0": ""})
    assert refused(error) == {"last-to-serve"}
    with pytest.raises(Refused) as error:
        member.check_fence(WHOLE, "mysql-7", {})
    assert refused(error) == {"no-such-member"}


@pytest.mark.parametrize("text", [None, "", "nonsense", "[1", "7"])
def test_an_order_that_cannot_be_read_is_no_order(text: str | None) -> None:
    annotations = {} if text is None else dict.fromkeys(
        (names.ANNOTATION_FENCED, names.ANNOTATION_GIVEN_UP, names.ANNOTATION_STOPPED), text
    )  # fmt: skip
    assert record.fenced(annotations) == {}
    assert group.order_of(annotations, "") is None
    assert record.stopped(annotations) == {}


def test_orders_are_read_as_they_were_written() -> None:
    text = record.write({"mysql-1": "slow disk"})
    assert text is not None
    assert record.fenced({names.ANNOTATION_FENCED: text}) == {"mysql-1": "slow disk"}
    stopped = {"replicas": 3, "executed": {"mysql-0": ""}, "fenced": {"mysql-1": "slow disk"}, "group": "g"}
    assert record.stopped({names.ANNOTATION_STOPPED: str(record.write(stopped))}) == stopped
    order = group.GoOnWithout({"mysql-2": "uuid"}, "new", "10:00")
    assert group.order_of({names.ANNOTATION_GIVEN_UP: group.dump(order)}, "10:00") == order
    assert record.write({}) is None


def test_each_identity_holds_what_the_lesser_one_does_and_a_resource_appears_once() -> None:
    viewer, operator, owner = (
        {(right.group, right.resource, verb) for right in held for verb in right.verbs}
        for held, _ in rights.IDENTITIES.values()
    )
    assert viewer < operator < owner
    for held, _ in rights.IDENTITIES.values():
        resources = [(rule["apiGroups"][0], rule["resources"][0]) for rule in rights.rules(held)]
        assert len(resources) == len(set(resources))
    assert rights.identity_for("status") == "viewer"


def test_nobody_may_read_secrets_but_the_owner() -> None:
    for identity in ("viewer", "operator"):
        held, _ = rights.IDENTITIES[identity]
        assert all(right.resource != "secrets" for right in held)
