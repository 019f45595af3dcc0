"""What a cluster file cannot say of a cluster, so that `export` does not look like a copy of everything. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from mysqlops.core import names, ordered
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.planning.apply import State


def of_state(name: str, state: State) -> Iterator[str]:
    if state.spec is not None and state.spec.replicas == 0:
        yield f"{name} is stopped: the file has its {state.replicas_stopped} members, and `apply` refuses until it runs"
    if state.rollout is not None:
        yield f"a rollout is open ({state.rollout.why}): the file has what the StatefulSet has now"
    if state.unproven:
        yield f"settings that no write has verified are live: {', '.join(state.unproven)}"
    if unclear := [service for service, request in state.exposed.items() if request is None]:
        yield (
            f"the file omits spec.expose: {', '.join(unclear)} is unfinished, or was changed by somebody else; run the "
            "same `mysqlops expose` again"
        )
    if state.spec is None:
        yield "its StatefulSet is being replaced: the file has what the one before it had"


def of_notes(annotations: Mapping[str, str], cron_jobs: Collection[Json]) -> Iterator[str]:
    """`annotations` are those of the group's Lease."""
    if fenced := ordered.fenced(annotations):
        yield f"a file cannot hold fences: {', '.join(sorted(fenced))}"
    if obituary := annotations.get(names.ANNOTATION_OBITUARY):
        yield f"a file cannot hold annotation {names.ANNOTATION_OBITUARY}={obituary} of the Lease"
    for job in cron_jobs:
        if job["spec"].get("suspend"):
            yield f"CronJob {job['metadata']['name']} is suspended: a file cannot hold that"


def of_targets(used: Collection[str], existing: Collection[Target]) -> Iterator[str]:
    known = {target.name for target in existing}
    for name in sorted(used):
        if name not in known:
            yield f"target {name} is used and does not exist, so the file has no document for it"
    for target in sorted(existing, key=lambda one: one.name):
        if target.name in used:
            fields = "spec.passwordSecret" if target.claim else "spec.credentials and spec.passwordSecret"
            yield f"target {target.name}: a file holds no passwords or keys; give {fields} where it does not exist yet"
