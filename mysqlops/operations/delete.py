"""Delete a cluster's objects; its data only if the user confirms that with the cluster's name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from mysqlops import errors
from mysqlops.core import counting, instant, names, ordered, rehearsal
from mysqlops.core.plan import Plan, Step
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.objects import claims as naming
from mysqlops.operations import data_version, lock, observe, orders, own, waiting
from mysqlops.operations.session import Session

_RUNNING = ("Job", "CronJob", "Deployment", "StatefulSet", "Pod")  # makers of pods are deleted before what pods use


def plan(client: Client, name: str, *, purge_data: bool) -> Plan:
    """The deletions in order, the StatefulSet first: members must stop before what they use is gone. Raises Refused."""
    selector = names.selector_text(name)
    steps = []
    for job, why in (
        (names.adopt_job(name), f"copies data into {name}"),
        (rehearsal.name_for(name), f"rehearses an upgrade of {name}"),
        (names.restore_job(name), f"fills a claim of {name}"),
    ):
        if (found := own.find(client, "Job", job, name)) is not None:
            steps.append(_step("Job", found, why))
    for kind in (
        "CronJob",
        "Deployment",
        "StatefulSet",
        "Pod",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Service",
        "RoleBinding",
        "Role",
        "ServiceAccount",
        "ConfigMap",
    ):
        listed = _orphans(client, name) if kind == "Pod" else client.list(kind, selector)
        steps += [_step(kind, item, f"belongs to {name}") for item in listed]
    if (found := own.find(client, "Lease", names.receiver(name), name)) is not None:
        steps.append(_step("Lease", found, f"belongs to the receiver of {name}'s binary logs"))
    if purge_data:
        for kind in ("Lease", "Secret"):
            existing = [
                manifest
                for manifest in client.list(kind, selector)
                if manifest["metadata"]["name"] not in _not_data(name)
            ]
            steps += [_step(kind, manifest, "opens the data", destructive=True) for manifest in existing]
        claims = observe.own_claims(client, name)
        steps += [_step("PersistentVolumeClaim", claim, "holds data", destructive=True) for claim in claims]
    elif any(step.kind == "StatefulSet" for step in steps):
        _check_kept(client, name)
    return Plan(tuple(steps))


def _step(kind: str, found: Json, why: str, *, destructive: bool = False) -> Step:
    """Exactly the object that was seen: what somebody else put under the name meanwhile stays."""
    metadata = found["metadata"]
    return Step("delete", kind, metadata["name"], why, destructive=destructive, uid=metadata["uid"])


def _orphans(client: Client, name: str) -> list[Json]:
    """Members that still run after their StatefulSet was deleted to be replaced."""
    if client.find("StatefulSet", name) is not None:
        return []
    existing = client.list("Pod", names.selector_text(name))
    return [pod for pod in existing if names.is_member(pod["metadata"]["name"], name)]


def _not_data(name: str) -> tuple[str, ...]:
    """Leases of commands: the Lease of `delete` itself is deleted at its end."""
    return names.receiver(name), names.operation_lease(name)


def kept(client: Client, name: str) -> list[str]:
    """The objects that a delete without --purge-data keeps: the claims, and the keys that open them."""
    selector = names.selector_text(name)
    secrets = [f"Secret {item['metadata']['name']}" for item in client.list("Secret", selector)]
    found = [item["metadata"]["name"] for item in client.list("Lease", selector)]
    leases = [f"Lease {lease}" for lease in found if lease not in _not_data(name)]
    return [
        *(f"PersistentVolumeClaim {claim['metadata']['name']}" for claim in observe.own_claims(client, name)),
        *secrets,
        *leases,
    ]


def strangers(client: Client, name: str) -> list[str]:
    """Claims with names as this cluster's that are another application's, or another cluster's."""
    mine = {claim["metadata"]["name"] for claim in observe.own_claims(client, name)}
    return [f"PersistentVolumeClaim {claim}" for claim in observe.claims(client, name) if claim not in mine]


def _check_kept(client: Client, name: str) -> None:
    """Objects to keep must not be in deletion already; raises Refused."""
    existing = [
        claim for claim in client.list("PersistentVolumeClaim") if names.is_claim_of(claim["metadata"]["name"], name)
    ]
    if reasons := naming.going(name, existing):
        raise errors.Refused(reasons)


def check_confirmation(name: str, confirmed: str | None) -> None:
    """Data is deleted only if the cluster's name was typed; raises Refused."""
    if confirmed != name:
        raise errors.Refused(
            [
                Reason(
                    "not-confirmed",
                    f"--purge-data deletes the data of {name} for good, and the name was not confirmed",
                    f"type the name when asked, or give --confirm {name}",
                )
            ]
        )


def execute(session: Session, name: str, plan: Plan) -> None:
    """Delete step by step; wait until the pods are gone before deleting what they use. Raises WaitTimeout.

    An order to recreate the StatefulSet is withdrawn first, since it would be obeyed.
    """
    with suppress(errors.NotFound):
        orders.change(session.client, name, partial(_noted, session, plan))
    has_members = any(step.kind in ("StatefulSet", "Pod") for step in plan.steps)
    if any(step.kind == "StatefulSet" for step in plan.steps):
        data_version.note(session.client, observe.judged(session, name))
    for step in plan.steps:
        if has_members and step.kind not in _RUNNING:
            _await_no_pods(session, name)
            has_members = False
        session.progress.waiting(f"deleting {step.kind} {step.name}")
        session.client.delete(step.kind, step.name, uid=step.uid or None)
    if has_members:
        _await_no_pods(session, name)
    session.progress.say(f"deleted {counting.of(len(plan.steps), 'object')}")


def _noted(session: Session, plan: Plan, annotations: Mapping[str, str]) -> dict[str, Any]:
    """Before anything is deleted, so that `apply` does not deploy what somebody deletes; the first of two counts. The
    Services of `expose` go with the rest."""
    orders_of: dict[str, Any] = {"recreating": None, "exposed": None}
    if ordered.deleted(annotations) is None or any(step.kind == "StatefulSet" for step in plan.steps):
        orders_of["deleted"] = {"at": instant.text(session.clock.now()), "by": lock.who()}
    return orders_of


def _await_no_pods(session: Session, name: str) -> None:
    def look() -> waiting.Pending | None:
        pods = [item["metadata"]["name"] for item in session.client.list("Pod", names.selector_text(name))]
        return waiting.Pending(f"{', '.join(pods)} to stop") if pods else None

    hint = "check whether a node is down (kubectl get pods -o wide), then run the same command again to continue"
    waiting.until(session, look, hint=hint)
