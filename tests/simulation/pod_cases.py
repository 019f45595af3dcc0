"""The contract of the controllers: StatefulSet, claims, garbage, endpoints, as in api_cases.py."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import quantity
from mysqlops.core.typed import Json
from tests.simulation import manifests, objects
from tests.simulation.backend import Backend, find, is_refused


def pods_of(api: Backend, name: str) -> dict[str, Json]:
    return {one["metadata"]["name"]: one for one in api.list("Pod", f"app={name}")}


def uids(things: dict[str, Json]) -> dict[str, str]:
    return {name: one["metadata"]["uid"] for name, one in things.items()}


def _claims(api: Backend, name: str) -> dict[str, Json]:
    return {one["metadata"]["name"]: one for one in api.list("PersistentVolumeClaim", f"app={name},of={name}")}


def run(api: Backend, name: str, replicas: int, **options: Any) -> dict[str, Json]:
    """A StatefulSet whose pods are all ready."""
    api.apply(manifests.stateful_set(name, api.image, replicas=replicas, **options), manager="one")
    return await_ready(api, name, replicas)


def await_ready(api: Backend, name: str, replicas: int) -> dict[str, Json]:
    api.until(
        lambda: (
            len(found := pods_of(api, name)) == replicas
            and all(objects.is_ready(pod) and not objects.is_going(pod) for pod in found.values())
        ),
        f"{replicas} pods of {name} are ready",
    )
    return pods_of(api, name)


def scale(api: Backend, name: str, replicas: int) -> None:
    api.merge_patch("StatefulSet", name, {"spec": {"replicas": replicas}})


def pods_carry_what_mysqlops_reads(api: Backend) -> None:
    pods = run(api, "carries", 2, claims=True)
    assert list(pods) == ["carries-0", "carries-1"]
    stateful_set = api.get("StatefulSet", "carries")
    labels = pods["carries-1"]["metadata"]["labels"]
    assert labels["statefulset.kubernetes.io/pod-name"] == "carries-1"
    assert labels["controller-revision-hash"].startswith("carries-")
    owner = objects.owner_of(pods["carries-1"]) or {}
    assert (owner["kind"], owner["uid"]) == ("StatefulSet", stateful_set["metadata"]["uid"])
    assert objects.claims_of(pods["carries-1"]) == ["data-carries-1"]
    assert pods["carries-1"]["spec"]["hostname"] == "carries-1"
    claim = _claims(api, "carries")["data-carries-1"]
    assert claim["status"]["capacity"]["storage"]
    assert (claim["status"]["phase"], "ownerReferences" in claim["metadata"]) == ("Bound", False)
    api.until(lambda: api.get("StatefulSet", "carries")["status"].get("readyReplicas") == 2, "it counts its pods")
    status = api.get("StatefulSet", "carries")["status"]
    assert status["updateRevision"] == labels["controller-revision-hash"]
    assert (status["replicas"], status["observedGeneration"]) == (2, stateful_set["metadata"]["generation"])


def scaling_keeps_claims(api: Backend) -> None:
    run(api, "keeps", 2, claims=True)
    before = uids(_claims(api, "keeps"))
    scale(api, "keeps", 1)
    api.until(lambda: list(pods_of(api, "keeps")) == ["keeps-0"], "the higher pod goes")
    assert uids(_claims(api, "keeps")) == before
    scale(api, "keeps", 2)
    await_ready(api, "keeps", 2)
    assert uids(_claims(api, "keeps")) == before


def an_orphan_delete_leaves_pods_to_be_adopted(api: Backend) -> None:
    before = uids(run(api, "orphans", 2))
    old = api.get("StatefulSet", "orphans")["metadata"]
    api.merge_patch("StatefulSet", "orphans", {"metadata": {"annotations": {"x": "1"}}})
    with pytest.raises(errors.Conflict):
        api.delete("StatefulSet", "orphans", uid=old["uid"], resource_version=old["resourceVersion"], orphan=True)

    def is_deleted() -> bool:
        """Its controller writes to it as well."""
        if (now := find(api, "StatefulSet", "orphans")) is not None:
            exactly = {"uid": old["uid"], "resource_version": now["metadata"]["resourceVersion"]}
            with contextlib.suppress(errors.Conflict, errors.NotFound):
                api.delete("StatefulSet", "orphans", orphan=True, **exactly)
        return now is None

    api.until(is_deleted, "the StatefulSet goes")
    free = pods_of(api, "orphans")
    assert uids(free) == before
    assert all("ownerReferences" not in pod["metadata"] for pod in free.values())
    new = api.apply(manifests.stateful_set("orphans", api.image, replicas=2), manager="one")["metadata"]["uid"]
    api.until(
        lambda: all((objects.owner_of(pod) or {}).get("uid") == new for pod in pods_of(api, "orphans").values()),
        "the new StatefulSet owns the pods",
    )
    assert uids(pods_of(api, "orphans")) == before


def on_delete_keeps_old_pods(api: Backend) -> None:
    before = run(api, "waits", 2)
    first = api.get("StatefulSet", "waits")["status"]["updateRevision"]
    change = {"spec": {"template": {"metadata": {"annotations": {"x": "1"}}}}}
    generation = api.merge_patch("StatefulSet", "waits", change)["metadata"]["generation"]

    def status() -> Json:
        found: Json = api.get("StatefulSet", "waits")["status"]
        return found

    api.until(lambda: status()["observedGeneration"] == generation, "the template is observed")
    second = status()["updateRevision"]
    assert second != first
    assert uids(pods_of(api, "waits")) == uids(before)
    api.delete("Pod", "waits-0", uid=before["waits-0"]["metadata"]["uid"])
    api.until(
        lambda: (
            (pod := find(api, "Pod", "waits-0")) is not None
            and pod["metadata"]["uid"] != before["waits-0"]["metadata"]["uid"]
        ),
        "a new pod of that name",
    )
    made_of = {
        name: pod["metadata"]["labels"]["controller-revision-hash"] for name, pod in pods_of(api, "waits").items()
    }
    assert made_of == {"waits-0": second, "waits-1": first}
    with pytest.raises(errors.Conflict):
        api.delete("Pod", "waits-0", uid=before["waits-0"]["metadata"]["uid"])
    api.merge_patch("StatefulSet", "waits", {"spec": {"template": {"metadata": {"annotations": None}}}})
    api.until(lambda: status()["updateRevision"] == first, "the old template has its old revision")


def ordered_pods_go_from_the_top(api: Backend) -> None:
    run(api, "ordered", 3, podManagementPolicy="OrderedReady")
    scale(api, "ordered", 0)

    def are_gone() -> bool:
        pods = pods_of(api, "ordered")
        going = {name for name, pod in pods.items() if objects.is_going(pod)}
        assert len(going) <= 1
        assert not going or going == {max(pods)}
        return not pods

    api.until(are_gone, "all pods are gone")


def parallel_pods_go_at_once(api: Backend) -> None:
    run(api, "parallel", 3)
    scale(api, "parallel", 1)
    api.until(lambda: len(pods_of(api, "parallel")) == 1, "the higher pods go")
    assert list(pods_of(api, "parallel")) == ["parallel-0"]


def a_claim_stays_while_a_pod_uses_it(api: Backend) -> None:
    claim = api.create("PersistentVolumeClaim", manifests.claim("used"))
    api.create("Pod", manifests.pod_with_claim("uses", api.image, "used"))
    api.until(lambda: objects.is_ready(api.get("Pod", "uses")), "the pod runs")
    assert api.get("PersistentVolumeClaim", "used")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    api.delete("PersistentVolumeClaim", "used", uid=claim["metadata"]["uid"])
    found = api.get("PersistentVolumeClaim", "used")["metadata"]
    assert (found["uid"], "deletionTimestamp" in found) == (claim["metadata"]["uid"], True)
    with pytest.raises(errors.Conflict):
        api.create("PersistentVolumeClaim", manifests.claim("used"))
    api.delete("Pod", "uses")
    api.until(lambda: find(api, "PersistentVolumeClaim", "used") is None, "the claim goes with the pod")


def a_bound_claim_grows_if_its_class_does(api: Backend) -> None:
    fixed = [one["metadata"]["name"] for one in api.list("StorageClass") if not one.get("allowVolumeExpansion")]
    for name, options in {"grows": {}, "stays": {"storageClassName": fixed[0]}}.items():
        api.create("PersistentVolumeClaim", manifests.claim(name, **options))
        api.create("Pod", manifests.pod_with_claim(name, api.image, name))
    api.until(lambda: all(objects.is_ready(api.get("Pod", name)) for name in ("grows", "stays")), "the pods run")
    # A volume may be larger than what was asked for.
    wanted = f"{2 * _capacity(api, 'grows') // quantity.MIB}Mi"
    more = {"spec": {"resources": {"requests": {"storage": wanted}}}}
    assert api.merge_patch("PersistentVolumeClaim", "grows", more)["spec"]["resources"] == more["spec"]["resources"]
    with pytest.raises(errors.Forbidden):
        api.merge_patch("PersistentVolumeClaim", "stays", more)
    api.until(lambda: _capacity(api, "grows") >= quantity.parse_bytes(wanted), "it has grown")
    for name in ("grows", "stays"):
        api.delete("Pod", name)


def _capacity(api: Backend, name: str) -> int:
    return quantity.parse_bytes(api.get("PersistentVolumeClaim", name)["status"]["capacity"]["storage"])


def a_pods_spec_cannot_change(api: Backend) -> None:
    run(api, "constant", 1)
    with pytest.raises(errors.KubeError) as refused:
        api.merge_patch("Pod", "constant-0", {"spec": {"hostname": "other"}})
    assert is_refused(refused)
    found = api.merge_patch("Pod", "constant-0", {"metadata": {"labels": {"x": "1"}}, "status": {"phase": "Failed"}})
    assert (found["metadata"]["labels"]["x"], found["status"]["phase"]) == ("1", "Running")


def an_unused_claim_goes(api: Backend) -> None:
    api.create("PersistentVolumeClaim", manifests.claim("unused"))
    api.delete("PersistentVolumeClaim", "unused")
    api.until(lambda: find(api, "PersistentVolumeClaim", "unused") is None, "the claim goes")


def a_pod_waits_for_its_claim_to_go(api: Backend) -> None:
    """How `member rebuild` empties a volume: the claim is deleted, then the pod; both come back under new uids."""
    pods = run(api, "rebuilt", 1, claims=True)
    old = _claims(api, "rebuilt")["data-rebuilt-0"]["metadata"]["uid"]
    api.delete("PersistentVolumeClaim", "data-rebuilt-0", uid=old)
    api.delete("Pod", "rebuilt-0", uid=pods["rebuilt-0"]["metadata"]["uid"])

    def is_new() -> bool:
        pod, claim = find(api, "Pod", "rebuilt-0"), find(api, "PersistentVolumeClaim", "data-rebuilt-0")
        if pod is None or pod["metadata"]["uid"] == pods["rebuilt-0"]["metadata"]["uid"]:
            return False
        if claim is not None and claim["metadata"]["uid"] == old:
            assert not objects.is_ready(pod)
            return False
        return claim is not None and objects.is_ready(pod)

    api.until(is_new, "a new pod on a new claim")


def a_deleted_pod_takes_its_time(api: Backend) -> None:
    pods = run(api, "slow", 1)
    api.delete("Pod", "slow-0", uid=pods["slow-0"]["metadata"]["uid"])
    found = find(api, "Pod", "slow-0")
    assert found is not None
    assert objects.is_going(found)
    assert found["metadata"]["deletionGracePeriodSeconds"] == 1


def a_forced_delete_is_at_once(api: Backend) -> None:
    pods = run(api, "forced", 1)
    old = pods["forced-0"]["metadata"]["uid"]
    api.delete("Pod", "forced-0", uid=old, grace_seconds=0)
    found = find(api, "Pod", "forced-0")
    assert found is None or found["metadata"]["uid"] != old


def a_deleted_stateful_set_takes_its_pods(api: Backend) -> None:
    run(api, "leaves", 1, claims=True)
    claims = uids(_claims(api, "leaves"))
    api.delete("StatefulSet", "leaves")
    assert find(api, "StatefulSet", "leaves") is None
    api.until(lambda: not pods_of(api, "leaves"), "its pods go")
    assert uids(_claims(api, "leaves")) == claims


def what_has_lost_its_owner_goes(api: Backend) -> None:
    owner = api.create("ConfigMap", manifests.config_map("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    api.create("ConfigMap", manifests.config_map("belongs", ownerReferences=[reference]))
    stale = {**reference, "uid": "00000000-0000-4000-8000-000000000000"}
    api.create("ConfigMap", manifests.config_map("belonged", ownerReferences=[stale]))
    api.until(lambda: find(api, "ConfigMap", "belonged") is None, "what another incarnation owned goes")
    assert find(api, "ConfigMap", "belongs") is not None
    api.delete("ConfigMap", "owner")
    api.until(lambda: find(api, "ConfigMap", "belongs") is None, "what it owned goes")


def endpoints_follow_labels(api: Backend) -> None:
    run(api, "serves", 2)
    api.create("Service", manifests.service("serves-primary", {"app": "serves", "role": "primary"}))

    def ready() -> list[str]:
        slices = api.list("EndpointSlice", "kubernetes.io/service-name in (serves-primary)")
        points = [point for one in slices for point in one.get("endpoints") or []]
        return [point["targetRef"]["name"] for point in points if point["conditions"]["ready"]]

    assert ready() == []
    api.merge_patch("Pod", "serves-1", {"metadata": {"labels": {"role": "primary"}}})
    api.until(lambda: ready() == ["serves-1"], "the labelled pod is behind the Service")
    api.merge_patch("Pod", "serves-1", {"metadata": {"labels": {"role": None}}})
    api.until(lambda: ready() == [], "the pod is no longer behind it")


CASES = [
    pods_carry_what_mysqlops_reads,
    scaling_keeps_claims,
    an_orphan_delete_leaves_pods_to_be_adopted,
    on_delete_keeps_old_pods,
    ordered_pods_go_from_the_top,
    parallel_pods_go_at_once,
    a_claim_stays_while_a_pod_uses_it,
    a_bound_claim_grows_if_its_class_does,
    a_pods_spec_cannot_change,
    an_unused_claim_goes,
    a_pod_waits_for_its_claim_to_go,
    a_deleted_pod_takes_its_time,
    a_forced_delete_is_at_once,
    a_deleted_stateful_set_takes_its_pods,
    what_has_lost_its_owner_goes,
    endpoints_follow_labels,
]
