"""Which pods still use a Secret that is to be deleted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mysqlops.core import names
from mysqlops.core.typed import Json


def of(pods: Sequence[Json], secret: str, cluster: str) -> list[str]:
    """The pods and workloads, other than the cluster's own, that mount it or have it in their environment."""
    others = [pod for pod in pods if not names.is_member(pod["metadata"]["name"], cluster)]
    others = [
        pod for pod in others if (pod["metadata"].get("labels") or {}).get(names.LABEL_MANAGED_BY) != names.APP_NAME
    ]
    return sorted(pod["metadata"]["name"] for pod in others if secret in set(named(pod["spec"])))


def named(node: Any) -> Iterable[str]:
    """The names of all Secrets in a pod's spec, or in any object: `secretName`, and `name` below secret, secretRef or
    secretKeyRef."""
    if isinstance(node, list):
        for item in node:
            yield from named(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "secretName":
                yield str(value)
            elif key in ("secret", "secretRef", "secretKeyRef") and isinstance(value, dict) and "name" in value:
                yield str(value["name"])
            yield from named(value)
