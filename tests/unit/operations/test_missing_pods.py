"""Why a pod is missing or does not start, and the command that shows more: what Kubernetes warned of (bugs 12, 21)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core.typed import Json
from mysqlops.objects import pods
from mysqlops.operations import image_check, observe
from mysqlops.planning import status, verdict
from tests.unit.clusters import CLAIMS, HEALTHY, LEASE, NOW, pod
from tests.unit.fakes import api

QUOTA = (
    'create Pod mysql-2 in StatefulSet mysql failed error: pods "mysql-2" is forbidden: exceeded quota: team, '
    "requested: pods=1, used: pods=2, limited: pods=2"
)
STATEFUL_SET: Json = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": 3, **CLAIMS}}


def event(kind: str, name: str, message: str, **more: Any) -> Json:
    about = {"kind": kind, "name": name, **more}
    metadata = {"name": f"{name}.{len(message)}"}
    return {
        "metadata": metadata,
        "involvedObject": about,
        "message": message,
        "lastTimestamp": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    }


def judge(members: list[Json], *events: Json, now: timedelta = timedelta()) -> status.Status:
    found = {one["metadata"]["name"]: one for one in members}
    seen = status.Observed("mysql", NOW + now, STATEFUL_SET, found, {}, {}, warnings=tuple(events), lease=LEASE)
    return verdict.judge(seen)


def condition(seen: status.Status, code: str = "member-not-online") -> status.Condition:
    return next(one for one in seen.conditions if one.code == code)


def pending(**statuses: Any) -> Json:
    made = pod("mysql-2")
    made["metadata"]["annotations"] = {}
    made["status"] = {"phase": "Pending", **statuses}
    return made


def test_a_pod_that_a_quota_forbids_is_told_with_the_quotas_words() -> None:
    other = event("StatefulSet", "mysql", "create Pod mysql-1 in StatefulSet mysql failed error: something")
    seen = judge([*HEALTHY[:2]], other, event("StatefulSet", "mysql", QUOTA))
    assert "the pod does not exist: create Pod mysql-2" in condition(seen).message
    assert "exceeded quota: team" in condition(seen).message
    assert condition(seen).hint == "kubectl describe statefulset mysql"


def test_what_was_warned_of_long_ago_is_not_told() -> None:
    seen = judge([*HEALTHY[:2]], event("StatefulSet", "mysql", QUOTA), now=timedelta(minutes=21))
    assert "quota" not in next(one.waiting_for for one in seen.members if one.name == "mysql-2")


def test_a_volume_that_cannot_be_mounted_is_told() -> None:
    text = "MountVolume.SetUp failed for volume data"
    seen = judge([*HEALTHY[:2], pending()], event("Pod", "mysql-2", text, uid="mysql-2"))
    assert f"its containers are starting: {text}" in condition(seen).message
    assert condition(seen).hint == "kubectl describe pod mysql-2"
    of_another = judge([*HEALTHY[:2], pending()], event("Pod", "mysql-2", text, uid="an earlier pod of that name"))
    assert text not in condition(of_another).message


@pytest.mark.parametrize(
    ("init", "hint"),
    [
        ({"name": "prepare", "state": {"running": {}}}, "kubectl logs mysql-2 -c prepare"),
        (
            {
                "name": "prepare",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"message": "x"}},
            },
            "kubectl logs mysql-2 -c prepare",
        ),
        ({"name": "prepare", "state": {"waiting": {"reason": "ErrImagePull"}}}, "kubectl describe pod mysql-2"),
    ],
)
def test_the_hint_names_the_container_that_has_something_to_say(init: Json, hint: str) -> None:
    assert condition(judge([*HEALTHY[:2], pending(initContainerStatuses=[init])])).hint == hint


def test_a_running_member_is_looked_at_through_its_agent() -> None:
    assert pods.command("mysql", "mysql-1", HEALTHY[1]) == "kubectl logs mysql-1 -c agent"


def test_mysqlds_first_error_says_more_than_its_last_line() -> None:
    log = (
        "2026 0 [System] Starts\n2026 0 [ERROR] [MY-010] Fatal error: Illegal or unknown default time zone"
        " 'Europe/Berlin'\n2026 0 [ERROR] Aborting\n2026 0 [System] Server Initialization - end"
    )
    assert "Europe/Berlin" in pods.last_words({"state": {"terminated": {"message": log}}})


def test_events_are_read_only_while_a_pod_is_missing_or_pending() -> None:
    store = api.Store(api.Clock())
    asked: list[tuple[str, str]] = []

    class Client(api.Client):
        def warnings(self, kind: str, name: str) -> list[Json]:
            asked.append((kind, name))
            return super().warnings(kind, name)

    client = Client(store)
    whole = {one["metadata"]["name"]: one for one in HEALTHY}
    assert observe._warnings(client, STATEFUL_SET, whole) == ()
    assert asked == []
    store.put({"kind": "Event", **event("StatefulSet", "mysql", QUOTA)})
    members = {"mysql-0": HEALTHY[0], "mysql-2": pending()}
    assert [one["message"] for one in observe._warnings(client, STATEFUL_SET, members)] == [QUOTA]
    assert sorted(asked) == [("Pod", "mysql-2"), ("StatefulSet", "mysql")]


def refused_for(why: str) -> errors.Reason:
    """The reason that a user is given if the API server refuses the pod of an image's trial for this one."""

    class Client(api.Client):
        def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
            raise errors.Forbidden(f'POST /api/v1/pods: 403 pods "mysql-image-check" is forbidden: {why}')

    with pytest.raises(errors.Refused) as refused:
        image_check._create(Client(api.Store(api.Clock())), {"metadata": {"name": "mysql-image-check"}})
    (reason,) = refused.value.reasons
    return reason


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        ("failed quota: team: must specify limits.cpu for: mysqld,python", "create a LimitRange"),
        ("exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3", "ask for a larger quota"),
    ],
)
def test_a_quota_that_the_pods_would_not_pass_is_refused_before_anything_is_made(why: str, hint: str) -> None:
    reason = refused_for(why)
    assert (reason.code, reason.message) == ("quota", why)
    assert str(reason.hint).startswith(hint)


def test_a_namespace_that_chooses_the_user_of_its_pods_is_told_apart() -> None:
    why = (
        "unable to validate against any security context constraint: [provider restricted-v2: "
        ".spec.securityContext.fsGroup: Invalid value: []int64{999}: 999 is not an allowed group]"
    )
    reason = refused_for(why)
    assert (reason.code, reason.message) == ("user-refused", why)
    assert "--any-uid" in str(reason.hint)


def test_a_right_that_is_missing_is_no_quota() -> None:
    class Client(api.Client):
        def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
            raise errors.Forbidden('POST /api/v1/pods: 403 pods is forbidden: User "x" cannot create resource "pods"')

    with pytest.raises(errors.Forbidden):
        image_check._create(Client(api.Store(api.Clock())), {})
