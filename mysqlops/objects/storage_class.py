"""What a StorageClass and the volumes that it made promise. Pure.

https://kubernetes.io/docs/concepts/storage/storage-classes/
"""

from __future__ import annotations

from collections.abc import Iterable

from mysqlops.core.typed import Json

# A claim's class never changes, and members' claims are of the one in the StatefulSet.
ANOTHER = "mysqlops restore BACKUP --as NAME --storage-class CLASS makes a cluster on another class"
_IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def is_default(storage_class: Json) -> bool:
    return bool((storage_class["metadata"].get("annotations") or {}).get(_IS_DEFAULT) == "true")


def default_of(classes: Iterable[Json]) -> str | None:
    """The class of a claim that names none: of several defaults, Kubernetes takes the newest."""
    found = [one["metadata"] for one in classes if is_default(one)]
    newest = max(found, key=lambda one: str(one.get("creationTimestamp", "")), default=None)
    return None if newest is None else str(newest["name"])


def of_new_claim(named: str | None, classes: Iterable[Json]) -> str | None:
    """The class that makes the volume of a claim which names this class, or none. None: no class does. Empty: somebody
    makes the volume by hand."""
    if named is None:
        return default_of(classes)
    return named if named == "" or named in {one["metadata"]["name"] for one in classes} else None


def can_expand(storage_class: Json) -> bool:
    return bool(storage_class.get("allowVolumeExpansion"))


def waits_for_pod(storage_class: Json) -> bool:
    """Whether it makes a volume only when the scheduler has chosen the pod's node."""
    return bool(storage_class.get("volumeBindingMode") == "WaitForFirstConsumer")


def is_bound_to_nodes(volume: Json) -> bool:
    """Whether a pod can use it on some nodes only: those of its zone, or a single one."""
    return bool((volume["spec"].get("nodeAffinity") or {}).get("required"))


def goes_with_claim(volume: Json) -> bool:
    return bool(volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete")
