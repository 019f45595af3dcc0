"""The contract of the StatefulSet controller beyond pod_cases.py: in which order, made of what, and what waits."""

from __future__ import annotations

from typing import Any

from mysqlops.core.typed import Json
from tests.simulation import manifests, objects
from tests.simulation.backend import Backend, find
from tests.simulation.pod_cases import await_ready, pods_of, run, scale, uids

_MADE_OF = "controller-revision-hash"
_FINALIZER = "mysqlops.io/test"


def _status(api: Backend, name: str) -> Json:
    found: Json = api.get("StatefulSet", name)["status"]
    return found


def _change_template(api: Backend, name: str, mark: str | None) -> None:
    """Until its controller has seen it."""
    change = {"spec": {"template": {"metadata": {"annotations": {"mark": mark}}}}}
    generation = api.merge_patch("StatefulSet", name, change)["metadata"]["generation"]
    api.until(lambda: _status(api, name)["observedGeneration"] == generation, "the template is observed")


def _marks(api: Backend, name: str) -> dict[str, str]:
    """Of what each pod is made."""
    annotations = {pod: one["metadata"].get("annotations") or {} for pod, one in pods_of(api, name).items()}
    return {pod: found.get("mark", "") for pod, found in annotations.items()}


def _revisions(api: Backend, name: str) -> dict[str, str]:
    return {pod: one["metadata"]["labels"][_MADE_OF] for pod, one in pods_of(api, name).items()}


def _apply(api: Backend, name: str, replicas: int, **options: Any) -> None:
    api.apply(manifests.stateful_set(name, api.image, replicas=replicas, **options), manager="one")


def _until_replaced(api: Backend, name: str, pod: str, old: str) -> None:
    """A new pod of that name runs."""

    def is_new() -> bool:
        found = pods_of(api, name).get(pod)
        return found is not None and found["metadata"]["uid"] != old and objects.is_ready(found)

    api.until(is_new, f"a new {pod}")


def ordered_pods_come_one_after_the_other(api: Backend) -> None:
    _apply(api, "one-by-one", 2, podManagementPolicy="OrderedReady", is_ready=False)
    api.until(lambda: bool((find(api, "Pod", "one-by-one-0") or {}).get("status", {}).get("podIP")), "the first runs")
    api.let_pass()
    assert [*pods_of(api, "one-by-one")] == ["one-by-one-0"]
    assert (_status(api, "one-by-one")["replicas"], _status(api, "one-by-one").get("readyReplicas", 0)) == (1, 0)


def parallel_pods_do_not_wait_for_each_other(api: Backend) -> None:
    _apply(api, "at-once", 3, is_ready=False)
    api.until(lambda: _status(api, "at-once")["replicas"] == 3, "all are made")
    assert [*pods_of(api, "at-once")] == ["at-once-0", "at-once-1", "at-once-2"]
    scale(api, "at-once", 1)
    api.until(lambda: len(pods_of(api, "at-once")) == 1, "the higher ones go, ready or not")
    assert [*pods_of(api, "at-once")] == ["at-once-0"]


def on_delete_the_status_counts_what_is_new(api: Backend) -> None:
    before = run(api, "counts", 2)
    first = _status(api, "counts")["updateRevision"]
    _change_template(api, "counts", "new")
    status = _status(api, "counts")
    assert (status.get("updatedReplicas", 0), status["currentReplicas"], status["currentRevision"]) == (0, 2, first)
    for number, pod in enumerate(before, 1):
        api.delete("Pod", pod)
        _until_replaced(api, "counts", pod, before[pod]["metadata"]["uid"])
        api.until(lambda: _status(api, "counts").get("updatedReplicas") == number, "it is counted")  # noqa: B023
    assert _marks(api, "counts") == {"counts-0": "new", "counts-1": "new"}
    status = _status(api, "counts")
    assert status["updateRevision"] != first
    assert (status["currentRevision"], status.get("currentReplicas", 0)) == (first, 0), "it never says that all is done"


def a_rolling_update_goes_from_the_top_to_its_partition(api: Backend) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    before = run(api, "rolls", 3, updateStrategy=strategy)
    first = _status(api, "rolls")["updateRevision"]
    _change_template(api, "rolls", "new")

    def is_done() -> bool:
        pods, made_of = pods_of(api, "rolls"), _marks(api, "rolls")
        assert sum(objects.is_going(pod) for pod in pods.values()) <= 1
        assert made_of.get("rolls-0") == ""
        assert made_of.get("rolls-1") != "new" or made_of.get("rolls-2") == "new"
        return made_of == {"rolls-0": "", "rolls-1": "new", "rolls-2": "new"}

    api.until(is_done, "the upper ones are new")
    assert pods_of(api, "rolls")["rolls-0"]["metadata"]["uid"] == before["rolls-0"]["metadata"]["uid"]
    api.delete("Pod", "rolls-0")
    _until_replaced(api, "rolls", "rolls-0", before["rolls-0"]["metadata"]["uid"])
    assert (_marks(api, "rolls")["rolls-0"], _revisions(api, "rolls")["rolls-0"]) == ("", first)
    api.until(lambda: _status(api, "rolls").get("updatedReplicas") == 2, "the new ones are counted")
    assert (_status(api, "rolls")["currentRevision"], _status(api, "rolls")["currentReplicas"]) == (first, 1)
    api.merge_patch("StatefulSet", "rolls", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    api.until(lambda: _status(api, "rolls")["currentRevision"] != first, "the update is complete")
    status = _status(api, "rolls")
    assert (status["currentRevision"], status["currentReplicas"]) == (status["updateRevision"], 3)
    assert set(_marks(api, "rolls").values()) == {"new"}


def a_pod_that_failed_is_replaced(api: Backend) -> None:
    pods = run(api, "fails", 1)
    api.merge_patch("Pod", "fails-0", {"spec": {"activeDeadlineSeconds": 1}})
    _until_replaced(api, "fails", "fails-0", pods["fails-0"]["metadata"]["uid"])


def a_new_stateful_set_of_the_same_template_has_the_same_revision(api: Backend) -> None:
    """How `storage resize` changes what cannot change: nobody may take the pods for old ones."""
    run(api, "again", 1, claims=True)
    first = _status(api, "again")["updateRevision"]
    api.delete("StatefulSet", "again", orphan=True)
    api.until(lambda: find(api, "StatefulSet", "again") is None, "the StatefulSet goes")
    larger = manifests.stateful_set("again", api.image, replicas=1, claims=True)
    larger["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = "32Mi"
    api.apply(larger, manager="one")
    api.until(lambda: _status(api, "again").get("updatedReplicas") == 1, "it has its pod")
    assert _status(api, "again")["updateRevision"] == first
    assert _revisions(api, "again") == {"again-0": first}


def a_pod_whose_labels_no_longer_match_is_let_go_and_taken_back(api: Backend) -> None:
    before = run(api, "lets-go", 2)
    api.merge_patch("Pod", "lets-go-1", {"metadata": {"labels": {"app": "another"}}})
    api.until(lambda: objects.owner_of(api.get("Pod", "lets-go-1")) is None, "nobody owns it")
    api.until(lambda: _status(api, "lets-go")["replicas"] == 1, "it is not counted")
    assert api.get("Pod", "lets-go-1")["metadata"]["uid"] == before["lets-go-1"]["metadata"]["uid"]
    api.merge_patch("Pod", "lets-go-1", {"metadata": {"labels": {"app": "lets-go"}}})
    await_ready(api, "lets-go", 2)
    api.until(lambda: objects.owner_of(api.get("Pod", "lets-go-1")) is not None, "it is owned again")
    assert uids(pods_of(api, "lets-go")) == uids(before)


def a_pod_of_somebody_else_holds_its_name_and_those_above(api: Backend) -> None:
    """The controller begins with the first one alone, and goes on with the others once that one is made."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "occupied-0"}, "spec": manifests.pod_spec(api.image)}
    uid = api.create("Pod", pod)["metadata"]["uid"]
    _apply(api, "occupied", 3)
    api.until(lambda: _status(api, "occupied").get("observedGeneration") == 1, "it is observed")
    api.let_pass()
    assert api.get("Pod", "occupied-0")["metadata"]["uid"] == uid
    assert not pods_of(api, "occupied")
    api.delete("Pod", "occupied-0")
    await_ready(api, "occupied", 3)


def a_claim_that_is_going_holds_its_pod_and_those_above(api: Backend) -> None:
    before = run(api, "held-up", 3, claims=True)
    claim = "data-held-up-0"
    finalizers = [*api.get("PersistentVolumeClaim", claim)["metadata"]["finalizers"], _FINALIZER]
    api.merge_patch("PersistentVolumeClaim", claim, {"metadata": {"finalizers": finalizers}})
    api.delete("PersistentVolumeClaim", claim)
    api.delete("Pod", "held-up-0")  # first: while it ends, those above would be replaced
    api.until(lambda: "held-up-0" not in pods_of(api, "held-up"), "the pod of the claim goes")
    for pod in ("held-up-1", "held-up-2"):
        api.delete("Pod", pod)
    api.until(lambda: not set(uids(pods_of(api, "held-up")).values()) & set(uids(before).values()), "the old pods go")
    api.let_pass()
    assert not pods_of(api, "held-up")
    api.merge_patch("PersistentVolumeClaim", claim, {"metadata": {"finalizers": None}})
    api.until(lambda: find(api, "PersistentVolumeClaim", claim) is None, "it goes")
    # The controller watches no claims, and tries again after pauses that double; a change of its object ends the pause.
    api.merge_patch("StatefulSet", "held-up", {"metadata": {"annotations": {"example.com/look": "again"}}})
    await_ready(api, "held-up", 3)


CASES = [
    ordered_pods_come_one_after_the_other,
    parallel_pods_do_not_wait_for_each_other,
    on_delete_the_status_counts_what_is_new,
    a_rolling_update_goes_from_the_top_to_its_partition,
    a_pod_that_failed_is_replaced,
    a_new_stateful_set_of_the_same_template_has_the_same_revision,
    a_pod_whose_labels_no_longer_match_is_let_go_and_taken_back,
    a_pod_of_somebody_else_holds_its_name_and_those_above,
    a_claim_that_is_going_holds_its_pod_and_those_above,
]
