"""The cluster that a command creates for itself and deletes again, such as a drill's restored copy: each of its objects
has the command's token.

A name proves nothing: a user may have deployed a cluster of that name before, or since the copy was deleted. The whole
cluster is left alone as soon as one of its objects has another token or none.
"""

from __future__ import annotations

from functools import partial

from mysqlops.core import names
from mysqlops.core.plan import Plan, Step
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client
from mysqlops.operations import delete
from mysqlops.planning import status

CODE = "not-the-copy"
_SHOWN = 4


def put(manifest: Json, token: str) -> None:
    """Mark an object that is about to be created, in place."""
    manifest["metadata"].setdefault("annotations", {})[names.ANNOTATION_COPY] = token


def deletion(client: Client, cluster: str, token: str) -> Plan:
    """The plan that deletes the cluster with its data; empty if there is none. Raises Refused if any of it is not
    marked with this token."""
    found = delete.plan(client, cluster, purge_data=True)
    # Pods are listed only as orphans of their StatefulSet: the claims that they mount decide.
    steps = [step for step in found.steps if step.kind != "Pod"]
    live = client.together([partial(client.find, step.kind, step.name) for step in steps])
    strange = [step for step, one in zip(steps, live, strict=True) if one is not None and not _is(step, one, token)]
    if strange:
        raise Refused([_reason(cluster, strange)])
    return found


def _is(step: Step, live: Json, token: str) -> bool:
    """An object that was replaced since the plan is another one, whatever its marks."""
    is_same = not step.uid or step.uid == live["metadata"]["uid"]
    return is_same and has(live, token)


def has(live: Json, token: str) -> bool:
    """Never without a token: what has none is not marked."""
    return bool(token) and status.annotations_of(live).get(names.ANNOTATION_COPY) == token


def _reason(cluster: str, strange: list[Step]) -> Reason:
    listed = ", ".join(f"{step.kind} {step.name}" for step in strange[:_SHOWN])
    more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
    why = f"the drill did not create {listed}{more}; nothing of it was deleted"
    text = f"cluster {cluster} is not this drill's copy: {why}"
    hint = f"mysqlops status {cluster} shows it; if nobody needs it, mysqlops delete {cluster} --purge-data"
    return Reason(CODE, text, hint)
