"""Clusters as the API server shows them, made for tests that only decide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from mysqlops.core import names
from mysqlops.core.publication import Publication, dump
from mysqlops.planning import status, verdict

CLAIMS: dict[str, Any] = {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE: dict[str, Any] = {"metadata": {}}
GROUP = "11111111-1111-1111-1111-111111111111"


def pod(name: str, **published: Any) -> dict[str, Any]:
    role = published.get("role", "replica")
    facts = {
        "state": "ONLINE",
        "role": role,
        "writable": role == "primary",
        "executed": f"{GROUP}:1-5",
        "online": 3,
        "server_version": "9.7.4",
        **published,
    }
    facts.setdefault("server_uuid", "" if facts["state"] in ("DOWN", "UNKNOWN") else f"uuid of {name}")
    label = facts.pop("label", role)
    at = facts.pop("at", NOW)
    text = dump(Publication(name, f"{at:%Y-%m-%dT%H:%M:%SZ}", 1, "1", **facts))
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "labels": {names.LABEL_ROLE: label},
            "annotations": {names.ANNOTATION_MEMBER: text},
        },
        "spec": {"nodeName": "node"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def judge(*pods: dict[str, Any], primary: tuple[str, ...] = ("mysql-0",), replicas: int = 3) -> status.Status:
    return verdict.judge(observed(*pods, primary=primary, replicas=replicas))


def judge_set(
    stateful_set: dict[str, Any], pods: Iterable[dict[str, Any]], primary: tuple[str, ...] = ("mysql-0",)
) -> status.Status:
    """Of a StatefulSet of the test's own; `primary` is whom the Service leads to."""
    return verdict.judge(_observed(stateful_set, pods, primary))


def observed(*pods: dict[str, Any], primary: tuple[str, ...] = ("mysql-0",), replicas: int = 3) -> status.Observed:
    """What is judged, for a test that changes it first."""
    stateful_set = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": replicas, **CLAIMS}}
    return _observed(stateful_set, pods, primary)


def _observed(
    stateful_set: dict[str, Any], pods: Iterable[dict[str, Any]], primary: tuple[str, ...]
) -> status.Observed:
    found = {one["metadata"]["name"]: one for one in pods}
    return status.Observed("mysql", NOW, stateful_set, found, {}, {"mysql-primary": primary}, lease=LEASE)


HEALTHY = (pod("mysql-0", role="primary"), pod("mysql-1"), pod("mysql-2"))
DOWN = {"state": "DOWN", "role": "none", "label": "none"}


def of_members(replicas: int, primary: str = "mysql-0", running: int | None = None, **changed: Any) -> status.Status:
    """A cluster of that many members, `running` of which have pods; `changed` by member's number, as `m2={…}`."""
    count = replicas if running is None else running
    pods = []
    for number, name in enumerate(f"mysql-{number}" for number in range(count)):
        facts = {"role": "primary" if name == primary else "replica", "online": count}
        pods.append(pod(name, **{**facts, **changed.get(f"m{number}", {})}))
    return judge(*pods, primary=(primary,), replicas=replicas)
