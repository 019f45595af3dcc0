"""The StatefulSet controller: revisions, adoption, claims, pods by ordinal.

As in Kubernetes' pkg/controller/statefulset (stateful_set_control.go), one reconciliation a call. Claims are made and
never deleted (the manifest's retention policy is Retain). Contract: pod_cases.py and stateful_set_cases.py.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.core.typed import Json
from tests.simulation import objects

if TYPE_CHECKING:
    from tests.simulation.apiserver import ApiServer

_MANAGER = "kube-controller-manager"
_REVISION = "controller-revision-hash"
_revisions: dict[tuple[int, str], tuple[Json, str]] = {}  # of the newest template, which is never changed in place


def reconcile_all(api: ApiServer) -> None:
    for stateful_set in api.peek_all("StatefulSet"):
        if not objects.is_going(stateful_set):
            reconcile(api, stateful_set)


def reconcile(api: ApiServer, stateful_set: Json) -> None:
    """Adopt, create or delete pods once, and write the status."""
    _adopt(api, stateful_set)
    newest = revision(stateful_set)
    api.revisions[newest] = stateful_set["spec"]["template"]
    pods = _pods(api, stateful_set)
    current = stateful_set.get("status", {}).get("currentRevision") or newest
    wanted = range(stateful_set["spec"]["replicas"])
    if _scale_up(api, stateful_set, pods, (current, newest)) and _scale_down(api, stateful_set, pods):
        _roll(api, stateful_set, {ordinal: pod for ordinal, pod in pods.items() if ordinal in wanted}, newest)
    _write_status(api, stateful_set, current, newest)


def revision(stateful_set: Json) -> str:
    """The name of the template's revision; the same template has the same name again."""
    template = stateful_set["spec"]["template"]
    key = (id(template), stateful_set["metadata"]["name"])
    if key not in _revisions or _revisions[key][0] is not template:
        text = json.dumps(template, sort_keys=True)
        _revisions.clear()
        _revisions[key] = template, f"{stateful_set['metadata']['name']}-{zlib.crc32(text.encode()):08x}"
    return _revisions[key][1]


def _adopt(api: ApiServer, stateful_set: Json) -> None:
    """Take the pods of its names that its selector matches; let go of those that it no longer matches."""
    meta = stateful_set["metadata"]
    for pod in api.peek_all("Pod"):
        named = _ordinal(pod, meta["name"]) is not None
        chosen = objects.matches(stateful_set["spec"].get("selector"), objects.labels_of(pod))
        owner, references = objects.owner_of(pod), pod["metadata"].get("ownerReferences") or []
        if named and chosen and owner is None and not objects.is_going(pod):
            _set_owners(api, pod, [*references, _owner(stateful_set)])
        elif not chosen and owner is not None and owner["uid"] == meta["uid"]:
            _set_owners(api, pod, [one for one in references if one is not owner])


def _set_owners(api: ApiServer, pod: Json, owners: list[Json]) -> None:
    change = {"metadata": {"uid": pod["metadata"]["uid"], "ownerReferences": owners or None}}
    api.merge_patch("Pod", pod["metadata"]["name"], change, manager=_MANAGER)


def _owner(stateful_set: Json) -> Json:
    meta = stateful_set["metadata"]
    found = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": meta["name"], "uid": meta["uid"]}
    return {**found, "controller": True, "blockOwnerDeletion": True}


def _ordinal(pod: Json, parent: str) -> int | None:
    name, _, number = str(pod["metadata"]["name"]).rpartition("-")
    return int(number) if name == parent and number.isdecimal() else None


def _pods(api: ApiServer, stateful_set: Json) -> dict[int, Json]:
    """Its own pods by ordinal, in order."""
    meta = stateful_set["metadata"]
    found = {}
    for pod in api.peek_all("Pod"):
        ordinal = _ordinal(pod, meta["name"])
        if ordinal is not None and (objects.owner_of(pod) or {}).get("uid") == meta["uid"]:
            found[ordinal] = pod
    return dict(sorted(found.items()))


def _is_parallel(stateful_set: Json) -> bool:
    return bool(stateful_set["spec"].get("podManagementPolicy") == "Parallel")


def _scale_up(api: ApiServer, stateful_set: Json, pods: dict[int, Json], revisions: tuple[str, str]) -> bool:
    """Create what is missing; False if the rest has to wait. Parallel pods come in batches of 1, 2, 4 and so on: one
    that cannot be made holds up those of the later batches (slowStartBatch)."""
    first, size, replicas = 0, 1, stateful_set["spec"]["replicas"]
    while first < replicas:
        batch = range(first, min(first + size, replicas))
        if not all([_is_made(api, stateful_set, ordinal, pods.get(ordinal), revisions) for ordinal in batch]):
            return False
        first, size = batch.stop, 2 * size if _is_parallel(stateful_set) else 1
    return True


def _is_made(api: ApiServer, stateful_set: Json, ordinal: int, pod: Json | None, revisions: tuple[str, str]) -> bool:
    """Make the pod or its claims if they are missing; False if the next ones have to wait."""
    if pod is not None and objects.is_ended(pod):
        if not objects.is_going(pod):
            api.delete("Pod", pod["metadata"]["name"], uid=pod["metadata"]["uid"])
        pod = None if api.peek("Pod", _pod_name(stateful_set, ordinal)) is None else pod
    made = True
    if pod is None:
        made = _create(api, stateful_set, ordinal, revisions)
    elif not pod["spec"].get("nodeName") and not objects.is_going(pod):
        made = _make_claims(api, stateful_set, ordinal)
    if _is_parallel(stateful_set):
        return made
    return pod is not None and objects.is_ready(pod) and not objects.is_going(pod)


def _pod_name(stateful_set: Json, ordinal: int) -> str:
    return f"{stateful_set['metadata']['name']}-{ordinal}"


def _create(api: ApiServer, stateful_set: Json, ordinal: int, revisions: tuple[str, str]) -> bool:
    """Make the pod, unless a claim of it is going or a pod of somebody else has its name."""
    if not _make_claims(api, stateful_set, ordinal):
        return False
    current, newest = revisions
    strategy = stateful_set["spec"]["updateStrategy"]
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    is_old = strategy["type"] == "RollingUpdate" and ordinal < partition
    try:
        api.create("Pod", _pod(api, stateful_set, ordinal, current if is_old else newest), manager=_MANAGER)
    except errors.Conflict:
        return False
    return True


def _make_claims(api: ApiServer, stateful_set: Json, ordinal: int) -> bool:
    """Make the claims that are missing; False if one is being deleted."""
    ready = True
    for template in stateful_set["spec"].get("volumeClaimTemplates") or []:
        name = f"{template['metadata']['name']}-{_pod_name(stateful_set, ordinal)}"
        found = api.peek("PersistentVolumeClaim", name)
        if found is None:
            labels = {**objects.labels_of(template), **stateful_set["spec"]["selector"].get("matchLabels", {})}
            meta = {**template["metadata"], "name": name, "labels": labels}
            claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": template["spec"]}
            api.create("PersistentVolumeClaim", claim, manager=_MANAGER)
        elif objects.is_going(found):
            ready = False
    return ready


def _pod(api: ApiServer, stateful_set: Json, ordinal: int, made_of: str) -> Json:
    template, name = api.revisions[made_of], _pod_name(stateful_set, ordinal)
    own = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(ordinal)}
    labels = {**((template.get("metadata") or {}).get("labels") or {}), **own, _REVISION: made_of}
    annotations = (template.get("metadata") or {}).get("annotations")
    meta = {"name": name, "labels": labels, "ownerReferences": [_owner(stateful_set)]}
    claimed = [one["metadata"]["name"] for one in stateful_set["spec"].get("volumeClaimTemplates") or []]
    volumes = [{"name": one, "persistentVolumeClaim": {"claimName": f"{one}-{name}"}} for one in claimed]
    volumes += [one for one in template["spec"].get("volumes") or [] if one["name"] not in claimed]
    spec = {**template["spec"], "hostname": name, "volumes": volumes}
    spec |= {"subdomain": stateful_set["spec"]["serviceName"]} if stateful_set["spec"].get("serviceName") else {}
    meta |= {"annotations": annotations} if annotations else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _scale_down(api: ApiServer, stateful_set: Json, pods: dict[int, Json]) -> bool:
    """Delete what is too much, the highest ordinal first; False if the rest has to wait."""
    replicas = stateful_set["spec"]["replicas"]
    for ordinal in sorted((one for one in pods if one >= replicas), reverse=True):
        pod = pods[ordinal]
        if not objects.is_going(pod):
            api.delete("Pod", pod["metadata"]["name"], uid=pod["metadata"]["uid"])
        if not _is_parallel(stateful_set):
            return False
    return True


def _roll(api: ApiServer, stateful_set: Json, pods: dict[int, Json], newest: str) -> None:
    """RollingUpdate: replace the highest outdated pod once all above it are ready. OnDelete: nothing."""
    strategy = stateful_set["spec"]["updateStrategy"]
    if strategy["type"] != "RollingUpdate":
        return
    lowest = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    for ordinal in sorted((one for one in pods if one >= lowest), reverse=True):
        pod = pods[ordinal]
        if objects.labels_of(pod).get(_REVISION) != newest and not objects.is_going(pod):
            api.delete("Pod", pod["metadata"]["name"], uid=pod["metadata"]["uid"])
            return
        if objects.is_going(pod) or not objects.is_ready(pod):
            return


def _write_status(api: ApiServer, stateful_set: Json, current: str, newest: str) -> None:
    pods = list(_pods(api, stateful_set).values())
    made_of = [objects.labels_of(pod).get(_REVISION) for pod in pods if not objects.is_going(pod)]
    ready = sum(objects.is_ready(pod) for pod in pods)
    rolled = stateful_set["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    if rolled and made_of.count(newest) == len(pods) == ready == stateful_set["spec"]["replicas"]:
        current = newest
    status = {
        "availableReplicas": ready,
        "currentReplicas": made_of.count(current),
        "currentRevision": current,
        "observedGeneration": stateful_set["metadata"]["generation"],
        "readyReplicas": ready,
        "replicas": len(pods),
        "updateRevision": newest,
        "updatedReplicas": made_of.count(newest),
    }
    api.set_status("StatefulSet", stateful_set["metadata"]["name"], {"status": status})
