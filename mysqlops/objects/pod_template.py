"""The last step of every pod of a cluster, whoever builds it: the user's pull secrets and patch. Pure.

What mysqlops needs of the pod stays as it is: core/pod_patch.py refuses everything else that a patch could say.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mysqlops.core import names, pod_patch
from mysqlops.core.typed import Json

ANNOTATION_USER = f"{names.DOMAIN}/user"  # of a pod: who chooses its user; absent: the manifests
_ANY = "any"
_SCHEDULING = ("nodeSelector", "affinity", "topologySpreadConstraints")


class Owner(Protocol):
    """The cluster whose pod it is."""

    @property
    def pod(self) -> str: ...

    @property
    def any_uid(self) -> bool: ...

    def pull_references(self) -> list[dict[str, str]]: ...


@dataclass(frozen=True)
class Noted:
    """What a StatefulSet says of the pods of its cluster."""

    pod: str
    pull_secrets: tuple[str, ...]
    any_uid: bool = False

    def pull_references(self) -> list[dict[str, str]]:
        return [{"name": secret} for secret in self.pull_secrets]


def noted(stateful_set: Json) -> Noted:
    """Raises ConfigError for a patch that mysqlops never writes."""
    template = stateful_set["spec"]["template"]
    notes = template["metadata"].get("annotations") or {}
    text = notes.get(pod_patch.ANNOTATION, "")
    pod_patch.load(text)
    secrets = tuple(secret["name"] for secret in template["spec"].get("imagePullSecrets") or ())
    return Noted(text, secrets, notes.get(ANNOTATION_USER) == _ANY)


def finish(template: Json, owner: Owner, role: str) -> None:
    """Changes a pod, or the template of one, in place."""
    template["spec"]["imagePullSecrets"] = owner.pull_references()
    if owner.any_uid:
        _leave_user_open(template)
    for part in pod_patch.parts(owner.pod, role):
        patch = copy.deepcopy(part)
        for key, values in patch.get("metadata", {}).items():
            template.setdefault("metadata", {}).setdefault(key, {}).update(values)
        _merge(template["spec"], patch.get("spec", {}))


def _leave_user_open(template: Json) -> None:
    """An admission plugin fills these in, such as OpenShift's for restricted-v2; what it sets besides, it sets anyway.
    The annotation is what a running cluster is known by, and what makes the change a difference."""
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        template["spec"]["securityContext"].pop(key, None)
    template.setdefault("metadata", {}).setdefault("annotations", {})[ANNOTATION_USER] = _ANY


def _merge(pod: Json, patch: Json) -> None:
    _containers(pod, patch)
    for key, value in patch.items():
        if key in _SCHEDULING and "nodeName" in pod:
            continue  # placed already: kubelet would only refuse it
        if key in ("tolerations", "volumes"):
            pod[key] = [*pod.get(key, []), *(item for item in value if item not in pod.get(key, []))]
        elif key == "nodeSelector":
            pod[key] = {**pod.get(key, {}), **value}
        elif key == "affinity":
            pod[key] = _affinity(pod.get(key, {}), value)
        elif key == "topologySpreadConstraints":
            pod[key] = _spread(pod.get(key, []), value)
        else:
            pod[key] = value


def _containers(pod: Json, patch: Json) -> None:
    """Ours get environment and mounts, in whichever list they are: the steps of a Job are init containers. Others come
    before our init containers, and after our containers."""
    init, main = (patch.pop(kind, []) for kind in ("initContainers", "containers"))
    ours = [
        container
        for container in (*pod.get("initContainers", []), *pod["containers"])
        if pod_patch.is_ours(container["name"])
    ]
    for wanted in (*init, *main):
        for container in ours:
            if wanted["name"] in (container["name"], pod_patch.EVERY):
                _add(container, "env", "name", wanted)
                _add(container, "volumeMounts", "mountPath", wanted)
    if added := [found for found in init if not pod_patch.is_ours(found["name"])]:
        pod["initContainers"] = [*added, *pod.get("initContainers", [])]
    pod["containers"] = [*pod["containers"], *(found for found in main if not pod_patch.is_ours(found["name"]))]


def _add(container: Json, field: str, key: str, patch: Json) -> None:
    if field in patch:
        existing = container.get(field, [])
        known = {item[key] for item in existing}
        container[field] = [*existing, *(item for item in patch[field] if item[key] not in known)]


def _affinity(ours: Json, theirs: Json) -> Json:
    made = dict(ours)
    for kind, inside in theirs.items():
        found = dict(made.get(kind, {}))
        for key, value in inside.items():
            found[key] = [*found.get(key, []), *value] if isinstance(value, list) else _both(found.get(key), value)
        made[kind] = found
    return made


def _both(ours: Json | None, theirs: Json) -> Json:
    """Node selectors whose terms are alternatives: a node must match one of each."""
    if ours is None:
        return theirs
    pairs = [(term, other) for term in ours["nodeSelectorTerms"] for other in theirs.get("nodeSelectorTerms", [])]
    terms = [{key: [*one.get(key, []), *other.get(key, [])] for key in {*one, *other}} for one, other in pairs]
    return {"nodeSelectorTerms": terms}


def _spread(ours: Sequence[Json], theirs: Sequence[Json]) -> list[Json]:
    """Merged by their keys, as Kubernetes does: a constraint of ours keeps what a patch of it does not name."""
    by_key = {their["topologyKey"]: their for their in theirs}
    known = {constraint["topologyKey"] for constraint in ours}
    kept = [{**constraint, **by_key.get(constraint["topologyKey"], {})} for constraint in ours]
    return [*kept, *(their for their in theirs if their["topologyKey"] not in known)]
