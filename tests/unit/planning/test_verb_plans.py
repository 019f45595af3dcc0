"""Switchover, fence and rebuild: what is chosen, and every reason to refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mysqlops.core import group, names, ordered, rights
from mysqlops.core.activity import Transaction
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
    found = [Transaction(7, "app", 60, 1)]
    with pytest.raises(Refused) as error:
        switchover.check_transactions(found, LIMITS)
    assert "connection 7 of app: 60 s" in str(error.value)
    switchover.check_transactions(found, replace(LIMITS, rolls_back=True))
    switchover.check_transactions([Transaction(7, "app", 1, 1)], LIMITS)


def test_a_lock_that_a_hand_over_would_wait_for_is_named_with_its_session_however_short_it_is_held() -> None:
    """Nothing rolls a lock back: once begun, the hand-over stands still, and so does each write (bug 15)."""
    found = [Transaction(63, "dumper", 0, 0, "the lock of FLUSH")]
    for limits in (LIMITS, replace(LIMITS, rolls_back=True)):
        with pytest.raises(Refused) as refused:
            switchover.check_transactions(found, limits)
        (reason,) = refused.value.reasons
        assert (reason.code, "KILL CONNECTION 63" in str(reason.hint)) == ("locked-tables", True)
        assert "connection 63 of dumper holds the lock of FLUSH (idle for 0 s)" in reason.message


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
    assert ordered.fenced(annotations) == {}
    assert group.order_of(annotations, "") is None
    assert ordered.stopped(annotations) == {}


def test_orders_are_read_as_they_were_written() -> None:
    text = ordered.write({"mysql-1": "slow disk"})
    assert text is not None
    assert ordered.fenced({names.ANNOTATION_FENCED: text}) == {"mysql-1": "slow disk"}
    assert ordered.stopped({names.ANNOTATION_STOPPED: text}) == {}  # it is no note of a stop
    note = {"replicas": 3, "executed": {"mysql-1": ""}, "fenced": {}}
    assert ordered.stopped({names.ANNOTATION_STOPPED: ordered.write(note) or ""}) == note
    order = group.GoOnWithout({"mysql-2": "uuid"}, "new", "10:00")
    assert group.order_of({names.ANNOTATION_GIVEN_UP: group.dump(order)}, "10:00") == order
    assert ordered.write({}) is None


def test_each_identity_holds_what_the_lesser_one_does_and_a_resource_appears_once() -> None:
    viewer, client, operator, owner = (
        {(right.group, right.resource, verb) for right in held for verb in right.verbs}
        for held, _ in rights.IDENTITIES.values()
    )
    assert viewer < operator < owner
    assert viewer < client < owner
    for held, _ in rights.IDENTITIES.values():
        rules = rights.rules(held, "mysql")
        resources = [(one["apiGroups"][0], one["resources"][0], str(one.get("resourceNames"))) for one in rules]
        assert len(resources) == len(set(resources))
    assert rights.identity_for("status") == "viewer"


def test_an_operator_of_one_cluster_enters_and_deletes_nothing_of_another() -> None:
    rules = rights.rules(rights.OPERATOR, "orders")
    unlimited = {verb for rule in rules if "resourceNames" not in rule for verb in rule["verbs"]}
    assert unlimited == {"get", "list", "create"}
    creating = [rule["resources"] for rule in rules if "resourceNames" not in rule and "create" in rule["verbs"]]
    assert creating == [["leases"]]
    (exec_rule,) = [rule for rule in rules if rule["resources"] == ["pods/exec"]]
    assert exec_rule["resourceNames"] == [f"orders-{ordinal}" for ordinal in range(9)]


def test_only_the_owner_writes_what_a_pod_is_made_of() -> None:
    """Whoever may change a template mounts any Secret of the namespace into a pod that an operator may enter."""
    for identity in ("viewer", "operator"):
        held, _ = rights.IDENTITIES[identity]
        writing = {one.resource for one in held if set(one.verbs) - {"get", "list"}}
        assert writing <= {"pods", "pods/exec", "persistentvolumeclaims", "statefulsets/scale", "leases"}
        assert {verb for one in held if one.resource == "pods" for verb in one.verbs} <= {"get", "list", "delete"}


def test_nobody_may_read_secrets_but_the_owner_and_a_client_that_of_the_application() -> None:
    for identity in ("viewer", "operator"):
        held, _ = rights.IDENTITIES[identity]
        assert all(right.resource != "secrets" for right in held)
    (rule,) = [one for one in rights.rules(rights.CLIENT, "orders") if one["resources"] == ["secrets"]]
    assert (rule["verbs"], rule["resourceNames"]) == (["get"], ["orders-app"])


def test_a_switchover_does_not_wait_for_a_member_that_a_user_fenced() -> None:
    """It ended after its whole --timeout with an error, minutes after the roles had changed."""
    barred = {"role": "none", "label": "none", "waiting_for": "waiting: fenced: slow disk"}
    made = switchover.Switchover("mysql-1", "mysql-0")
    now = judge(HEALTHY[0], HEALTHY[1], pod("mysql-2", **barred))
    assert switchover.is_over(now, made, ["mysql-2"])
    old = judge(HEALTHY[0], pod("mysql-1", **{**barred, "waiting_for": "it was primary a moment ago"}), HEALTHY[2])
    assert not switchover.is_over(old, made, ["mysql-2"])
    assert switchover.is_over(old, made, ["mysql-1"])
    assert not switchover.is_over(now, switchover.Switchover("mysql-0", "mysql-1"), [])
    assert not switchover.is_over(judge(*HEALTHY, primary=("mysql-1",)), made, [])
