"""What the StatefulSet says of its template: an open rollout, or `kubectl apply` of older objects. Pure."""

from __future__ import annotations

from typing import Any

from mysqlops.core import rollout
from mysqlops.objects import field_owners, revisions
from mysqlops.planning.status import NOTE, Condition, Observed


def conditions(seen: Observed) -> list[Condition]:
    return [*_of_rollout(seen), *applied_over(seen.name, seen.stateful_set)]


def _of_rollout(seen: Observed) -> list[Condition]:
    under_way = rollout.read(seen.stateful_set)
    if under_way is None:
        return []
    left, all_of = len(revisions.outdated(seen.stateful_set, seen.pods)), len(seen.pods)
    text = f"a rollout is open ({under_way.why}): {all_of - left} of {all_of} pods are up to date"
    if under_way.failure:
        text = f"a rollout is being rolled back ({under_way.failure}): {left} pods to go"
    return [Condition("rollout-open", text, f"mysqlops upgrade {seen.name} --resume, or --rollback")]


def applied_over(cluster: str, stateful_set: dict[str, Any]) -> list[Condition]:
    """A note: client-side apply asks nobody, so this is where it becomes visible. Pods keep what they have."""
    fields = field_owners.applied_over(stateful_set)
    if not fields:
        return []
    text = f"kubectl apply has changed StatefulSet {cluster} since mysqlops did: {', '.join(fields)}"
    hint = f"mysqlops upgrade {cluster} with the values that you want, then commit mysqlops render {cluster} --running"
    return [Condition("applied-over", text, hint, NOTE)]
