"""Which pods were made from which template of their StatefulSet. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops.core import names
from mysqlops.core.typed import Json


def outdated(stateful_set: Json, pods: Mapping[str, Json]) -> frozenset[str]:
    """The pods that were not created from the newest template; reliable only once `is_observed`."""
    newest = stateful_set.get("status", {}).get("updateRevision")
    labels = {name: pod["metadata"].get("labels") or {} for name, pod in pods.items()}
    return frozenset(name for name, found in labels.items() if found.get("controller-revision-hash") != newest)


def is_observed(stateful_set: Json) -> bool:
    """True once the StatefulSet's status refers to its newest template."""
    observed = stateful_set.get("status", {}).get("observedGeneration", 0)
    return bool(observed >= stateful_set["metadata"].get("generation", 0))


def image_of(stateful_set: Json) -> str:
    """The image of MySQL that a pod would start with now; empty if the StatefulSet does not say."""
    containers = stateful_set["spec"].get("template", {}).get("spec", {}).get("containers", [])
    return next(
        (str(container.get("image", "")) for container in containers if container["name"] == names.CONTAINER_MYSQLD), ""
    )
