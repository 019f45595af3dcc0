"""A cluster beside what its file says: what exists, where that differs, and the verbs that `apply` would run.

It reads only, and imports no verb: most runs of `diff` and `apply` find nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mysqlops import errors
from mysqlops.core import names, ordered, rollout, timeline, typed
from mysqlops.core.cluster_file import Document
from mysqlops.core.spec import ClusterSpec
from mysqlops.kube.client import Client
from mysqlops.objects import binlog as receiving
from mysqlops.objects import cluster_file, exposed
from mysqlops.objects import schedule as cron_jobs
from mysqlops.operations import leases, observe, outside, own, targets
from mysqlops.planning import agreed, status
from mysqlops.planning import apply as planning
from mysqlops.planning import storage as volumes
from mysqlops.planning.file_parts import Difference


@dataclass(frozen=True)
class Task:
    """A document to be applied; `new` is the spec of a new cluster of its name, with nothing chosen."""

    document: Document
    new: ClusterSpec
    choice: agreed.Choice


@dataclass(frozen=True)
class Seen:
    """What was observed, what is wanted, and the verbs from the one to the other."""

    state: planning.State
    goal: planning.Wanted
    actions: tuple[planning.Action, ...]


def look(client: Client, name: str) -> planning.State:
    """What exists of that cluster; raises Refused if a restore left it without its StatefulSet."""
    reads: list[Callable[[], Any]] = [
        partial(observe.running, client, name),
        partial(leases.find, client, name),
        partial(own.find, client, "CronJob", names.schedule(name, cron_jobs.BACKUP), name),
        partial(own.find, client, "Deployment", names.receiver(name), name),
        partial(targets.everything, client),
        *(partial(outside.opened, client, kind, name) for kind in exposed.KINDS),
    ]
    running, lease, cron_job, deployment, known, made, policies = client.together(reads)
    annotations = status.annotations_of(lease)
    if running is None:
        running = _half_remade(client, name, annotations)
    noted = planning.noted(_noted(annotations))
    return planning.State(
        spec=running.spec if running else None,
        is_complete=names.ANNOTATION_VERSION in annotations and noted != planning.DEPLOY,
        replicas_stopped=int(ordered.stopped(annotations).get("replicas", 0)),
        rollout=rollout.read(running.stateful_set) if running else None,
        is_remade=names.ANNOTATION_RECREATING in annotations,
        unproven=ordered.setting(annotations) if running else (),
        noted=noted,
        schedule=cron_jobs.request_of(cron_job) if cron_job else None,
        receiver=cluster_file.Receiver(*receiving.noted(deployment)) if deployment else None,
        exposed=outside.requests(name, made, policies, annotations),
        targets=frozenset(target.name for target in known),
        gone=agreed.NOTHING if running else _gone(client, name, annotations),
    )


def _gone(client: Client, name: str, annotations: dict[str, str]) -> agreed.Gone:
    """Claims count without a note too: kubectl leaves none."""
    left = sorted(str(claim["metadata"]["name"]) for claim in observe.own_claims(client, name))
    return agreed.Gone(ordered.deleted(annotations), tuple(left))


def _half_remade(client: Client, name: str, annotations: dict[str, str]) -> observe.Running | None:
    """The cluster whose StatefulSet is set aside, by the command that was to create it again."""
    remaking = observe.half_remade(name, annotations)
    if remaking is None:
        return None
    if timeline.swap_of(annotations) is not None:
        raise errors.Refused([remaking])
    parked = client.find("StatefulSet", names.parked(name))
    return observe.running_of(client, volumes.unparked(parked, name)) if parked else None


def _noted(annotations: dict[str, str]) -> str:
    found = typed.json_of(annotations.get(names.ANNOTATION_APPLYING))
    return str(found.get("verb", "")) if isinstance(found, dict) else ""


def differences(client: Client, task: Task) -> list[Difference]:
    """Where the cluster is not what the file says, also where a command was interrupted; raises ConfigError."""
    state = look(client, task.document.name)
    goal = planning.wanted(task.document, task.new, state)
    return [*planning.differences(goal, state), *planning.unfinished(goal, state)]


def seen(client: Client, task: Task) -> Seen:
    """Raises ConfigError, Refused."""
    state = look(client, task.document.name)
    goal = planning.wanted(task.document, task.new, state)
    return Seen(state, goal, planning.plan(goal, state, task.choice))
