"""What the API server makes of an object before it stores it: defaults, fields that never change, generation."""

from __future__ import annotations

import base64

from mysqlops import errors
from mysqlops.core import quantity
from mysqlops.core.typed import Json

# In these kinds `metadata.generation` counts the changes of spec.
_COUNTED = frozenset({"CronJob", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "StatefulSet"})
# In these kinds `status` is written by controllers and the kubelet only: users' writes leave it as it is.
_WITH_STATUS = frozenset(
    {"CronJob", "Deployment", "Job", "Node", "PersistentVolumeClaim", "Pod", "PodDisruptionBudget", "StatefulSet"}
)
_STATEFUL_SET_MAY_CHANGE = frozenset(
    {
        *("minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy", "replicas"),
        *("revisionHistoryLimit", "template", "updateStrategy"),
    }
)
PVC_PROTECTION = "kubernetes.io/pvc-protection"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def created(kind: str, thing: Json, classes: list[Json]) -> Json:
    """A new object with its defaults."""
    thing = {key: value for key, value in thing.items() if key != "status" or kind not in _WITH_STATUS}
    if kind in _COUNTED:
        thing["metadata"] = {**thing["metadata"], "generation": 1}
    if kind in _DEFAULTED:
        _DEFAULTED[kind](thing, classes)
    return thing


def _claim(thing: Json, classes: list[Json]) -> None:
    finalizers = thing["metadata"].get("finalizers") or []
    thing["metadata"] = {**thing["metadata"], "finalizers": [*finalizers, PVC_PROTECTION]}
    thing["status"] = {"phase": "Pending"}
    if "storageClassName" not in thing["spec"]:
        annotated = ((one, one["metadata"].get("annotations") or {}) for one in classes)
        default = [one["metadata"]["name"] for one, found in annotated if found.get(_DEFAULT_CLASS) == "true"]
        thing["spec"] = {**thing["spec"], **({"storageClassName": default[0]} if default else {})}


def _pod(thing: Json, _: list[Json]) -> None:
    thing["spec"] = {"terminationGracePeriodSeconds": 30, **thing["spec"]}
    thing["status"] = {"phase": "Pending"}


def _stateful_set(thing: Json, _: list[Json]) -> None:
    defaults = {"replicas": 1, "podManagementPolicy": "OrderedReady", "updateStrategy": {"type": "RollingUpdate"}}
    thing["spec"] = {**defaults, **thing["spec"]}
    thing["status"] = {"replicas": 0}


def _secret(thing: Json, _: list[Json]) -> None:
    if texts := thing.pop("stringData", None):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in texts.items()}
        thing["data"] = {**(thing.get("data") or {}), **encoded}


def _with_empty_status(thing: Json, _: list[Json]) -> None:
    thing["status"] = {}


_DEFAULTED = {
    "CronJob": _with_empty_status,
    "Deployment": _with_empty_status,
    "Job": _with_empty_status,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "Secret": _secret,
    "StatefulSet": _stateful_set,
}


def updated(kind: str, old: Json, new: Json, classes: list[Json]) -> Json:
    """A user's change with what the server keeps for itself put back; raises KubeError for what cannot change."""
    if kind == "Secret" and "stringData" in new:
        new = dict(new)
        _secret(new, [])
    if kind in _WITH_STATUS and new.get("status") is not old.get("status"):
        new = {key: value for key, value in new.items() if key != "status"}
        if "status" in old:
            new["status"] = old["status"]
    if kind == "ConfigMap" and old.get("immutable") is True:
        _check_immutable(old, new)
    check = _CHECKS.get(kind)
    if check is not None and new.get("spec") is not old.get("spec"):
        check(old, new, classes)
    return new


def is_counted(kind: str, old: Json, new: Json) -> bool:
    """Does this change grow the generation?"""
    return kind in _COUNTED and old.get("spec") is not new.get("spec") and old.get("spec") != new.get("spec")


def _check_immutable(old: Json, new: Json) -> None:
    changed = [key for key in ("data", "binaryData", "immutable") if (old.get(key) or {}) != (new.get(key) or {})]
    if changed:
        raise errors.Invalid(
            f'422 ConfigMap "{old["metadata"]["name"]}" is invalid: {changed[0]}: Forbidden: field is immutable when '
            "`immutable` is set"
        )


def _check_stateful_set(old: Json, new: Json, _: list[Json]) -> None:
    before, after = old["spec"], new["spec"]
    fixed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if fixed - _STATEFUL_SET_MAY_CHANGE:
        raise errors.Invalid(
            f'422 StatefulSet.apps "{old["metadata"]["name"]}" is invalid: spec: Forbidden: updates to statefulset '
            "spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )


def _check_claim(old: Json, new: Json, classes: list[Json]) -> None:
    name = old["metadata"]["name"]
    before, after = dict(old["spec"]), dict(new["spec"])
    was, wanted = _requested(before.pop("resources", {})), _requested(after.pop("resources", {}))
    is_bound = (old.get("status") or {}).get("phase") == "Bound"
    if before != after or wanted < was or (wanted != was and not is_bound):
        raise errors.Invalid(
            f'422 PersistentVolumeClaim "{name}" is invalid: spec: Forbidden: spec is immutable after creation except '
            "resources.requests and volumeAttributesClassName for bound claims"
        )
    chosen = [one for one in classes if one["metadata"]["name"] == old["spec"].get("storageClassName")]
    if wanted > was and not any(one.get("allowVolumeExpansion") for one in chosen):
        raise errors.Forbidden(
            f'403 persistentvolumeclaims "{name}" is forbidden: only dynamically provisioned pvc can be resized and '
            "the storageclass that provisions the pvc must support resize"
        )


def _check_pod(old: Json, new: Json, _: list[Json]) -> None:
    if _fixed(old["spec"]) != _fixed(new["spec"]):
        raise errors.Invalid(
            f'422 Pod "{old["metadata"]["name"]}" is invalid: spec: Forbidden: pod updates may not change fields other '
            "than `spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, "
            "`spec.tolerations`, `spec.terminationGracePeriodSeconds`"
        )


def _fixed(spec: Json) -> Json:
    left = {key: value for key, value in spec.items() if key not in ("activeDeadlineSeconds", "tolerations")}
    for key in ("containers", "initContainers"):
        left[key] = [{**one, "image": ""} for one in spec.get(key) or []]
    return left


def _requested(resources: Json) -> int:
    return quantity.parse_bytes(str((resources.get("requests") or {}).get("storage", "0")))


_CHECKS = {"PersistentVolumeClaim": _check_claim, "Pod": _check_pod, "StatefulSet": _check_stateful_set}
