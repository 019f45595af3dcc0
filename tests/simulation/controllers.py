"""The controllers of the simulated world: each a function that brings existing objects nearer to the wanted ones.

They act through the API server's verbs, one round at a time and in this order; how often, and after which delay, the
world decides. There is no kubelet and no scheduler here: pods get their node and their state from the world.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.core.typed import Json
from tests.simulation import admission, job_controller, objects, statefulset

if TYPE_CHECKING:
    from tests.simulation.apiserver import ApiServer

Controller = Callable[["ApiServer"], None]
_MANAGER = "kube-controller-manager"
_ORPHAN = "orphan"
_NO_NEWS = ("Lease", "Event")
_MARKS = ("labels", "ownerReferences", "finalizers", "deletionTimestamp")  # of metadata


def run(api: ApiServer, *names: str) -> None:
    """One round of each, or of those named."""
    for name, controller in ALL.items():
        if not names or name in names:
            controller(api)


def is_news(kind: str, old: Json, new: Json) -> bool:
    """Whether a controller may look at this change: not if it is a Lease's, or only of a pod's annotations."""
    if kind != "Pod":
        return kind not in _NO_NEWS
    if old["spec"] is not new["spec"] or old.get("status") is not new.get("status"):
        return True
    before, after = old["metadata"], new["metadata"]
    return any(before.get(key) != after.get(key) for key in _MARKS)


def collect_garbage(api: ApiServer) -> None:
    """Free the dependents of what is deleted as an orphan; delete what has lost every owner."""
    things = left = _everything(api)
    for kind, thing in things:
        if _ORPHAN in (thing["metadata"].get("finalizers") or ()) and objects.is_going(thing):
            _free(api, things, thing["metadata"]["uid"])
            api.release(kind, thing["metadata"]["name"], _ORPHAN)
            left = _everything(api)
    present = {thing["metadata"]["uid"] for _, thing in left}
    for kind, thing in left:
        owners = thing["metadata"].get("ownerReferences")
        if owners and not objects.is_going(thing) and not any(one["uid"] in present for one in owners):
            api.delete(kind, thing["metadata"]["name"], uid=thing["metadata"]["uid"])


def _everything(api: ApiServer) -> list[tuple[str, Json]]:
    return [(kind, thing) for kind in api.kinds() for thing in api.peek_all(kind)]


def _free(api: ApiServer, things: list[tuple[str, Json]], owner: str) -> None:
    for kind, thing in things:
        owners = thing["metadata"].get("ownerReferences") or []
        left = [one for one in owners if one["uid"] != owner]
        if left != owners:
            change = {"metadata": {"uid": thing["metadata"]["uid"], "ownerReferences": left or None}}
            try:
                api.merge_patch(kind, thing["metadata"]["name"], change, manager=_MANAGER)
            except errors.NotFound:
                continue


def protect_claims(api: ApiServer) -> None:
    """Let a deleted claim go once no pod that has a node uses it."""
    pods = [pod for pod in api.peek_all("Pod") if pod["spec"].get("nodeName") and not objects.is_ended(pod)]
    used = {claim for pod in pods for claim in objects.claims_of(pod)}
    for claim in api.peek_all("PersistentVolumeClaim"):
        name = claim["metadata"]["name"]
        finalizers = claim["metadata"].get("finalizers") or []
        if objects.is_going(claim) and name not in used and admission.PVC_PROTECTION in finalizers:
            api.release("PersistentVolumeClaim", name, admission.PVC_PROTECTION)


def bind_claims(api: ApiServer) -> None:
    """Give each claim a volume of its size, and let the volume grow with the claim."""
    late = {
        one["metadata"]["name"]
        for one in api.peek_all("StorageClass")
        if one.get("volumeBindingMode") == "WaitForFirstConsumer"
    }
    used = {claim for pod in api.peek_all("Pod") for claim in objects.claims_of(pod)}
    for claim in api.peek_all("PersistentVolumeClaim"):
        name, spec = claim["metadata"]["name"], claim["spec"]
        is_bound = claim.get("status", {}).get("phase") == "Bound"
        if objects.is_going(claim) or (not is_bound and spec.get("storageClassName") in late and name not in used):
            continue
        size = (spec.get("resources", {}).get("requests") or {}).get("storage")
        status = {"phase": "Bound", "accessModes": spec.get("accessModes"), "capacity": {"storage": size}}
        volume = spec.get("volumeName") or f"pvc-{claim['metadata']['uid']}"
        api.set_status("PersistentVolumeClaim", name, {"spec": {"volumeName": volume}, "status": status})


def fill_slices(api: ApiServer) -> None:
    """One EndpointSlice for each Service that selects pods; a pod without an address is in none."""
    pods = sorted(api.peek_all("Pod"), key=lambda pod: str(pod["metadata"]["name"]))
    for service in api.peek_all("Service"):
        selector = service["spec"].get("selector")
        if not selector:
            continue
        name, always = service["metadata"]["name"], bool(service["spec"].get("publishNotReadyAddresses"))
        chosen = [pod for pod in pods if _is_behind(pod, selector)]
        slice_name = f"{name}-{zlib.crc32(name.encode()):08x}"
        wanted: Json = {
            "metadata": {"name": slice_name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [_endpoint(pod, always) for pod in chosen],
        }
        if api.peek("EndpointSlice", slice_name) is None:
            meta = service["metadata"]
            owner = {"apiVersion": "v1", "kind": "Service", "name": name, "uid": meta["uid"], "controller": True}
            manifest = {**wanted, "metadata": {**wanted["metadata"], "ownerReferences": [owner]}}
            api.create("EndpointSlice", {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **manifest})
        else:
            api.set_status("EndpointSlice", slice_name, {"endpoints": wanted["endpoints"]})


def _is_behind(pod: Json, selector: Mapping[str, str]) -> bool:
    labels = objects.labels_of(pod)
    has_address = "podIP" in pod.get("status", {}) and not objects.is_ended(pod)
    return has_address and all(labels.get(key) == value for key, value in selector.items())


def _endpoint(pod: Json, always: bool) -> Json:
    ready, going, meta = objects.is_ready(pod), objects.is_going(pod), pod["metadata"]
    found = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": always or (ready and not going), "serving": always or ready, "terminating": going},
        "targetRef": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
    }
    return {**found, **({"nodeName": pod["spec"]["nodeName"]} if "nodeName" in pod["spec"] else {})}


def give_addresses(api: ApiServer) -> None:
    """As a cloud's load balancers do it."""
    for service in api.peek_all("Service"):
        if service["spec"].get("type") == "LoadBalancer" and not service.get("status"):
            status = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}
            api.set_status("Service", service["metadata"]["name"], {"status": status})


ALL: Mapping[str, Controller] = {
    "garbage": collect_garbage,
    "claims": protect_claims,
    "statefulsets": statefulset.reconcile_all,
    "jobs": job_controller.run_jobs,
    "binder": bind_claims,
    "slices": fill_slices,
    "balancers": give_addresses,
}
