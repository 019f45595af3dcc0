"""Delete a cluster's objects; its data only if the user confirms that with the cluster's name."""

from __future__ import annotations

from typing import Any

from mysqlops import errors
from mysqlops.core import exposure, names, rehearsal
from mysqlops.core.plan import Plan, Step
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.objects import claims as naming
from mysqlops.operations import data_version, observe, orders, own, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import status

Json = dict[str, Any]
_RUNNING = ("Job", "CronJob", "Deployment", "StatefulSet", "Pod")  # makers of pods are deleted before what pods use


def plan(client: Client, name: str, *, purge_data: bool) -> Plan:
    """The deletions in order, the StatefulSet first: members must stop before what they use is gone. Raises Refused."""
    selector = names.selector_text(name)
    steps = []
    if own.find(client, "Job", names.adopt_job(name), name) is not None:
        steps.append(Step("delete", "Job", names.adopt_job(name), f"copies data into {name}"))
    if own.find(client, "Job", rehearsal.name_for(name), name) is not None:
        steps.append(Step("delete", "Job", rehearsal.name_for(name), f"rehearses an upgrade of {name}"))
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
        found = _orphans(client, name) if kind == "Pod" else client.list(kind, selector)
        steps += [Step("delete", kind, item["metadata"]["name"], f"belongs to {name}") for item in found]
    if own.find(client, "Lease", names.receiver(name), name) is not None:
        steps.append(Step("delete", "Lease", names.receiver(name), f"belongs to the receiver of {name}'s binary logs"))
    if purge_data:
        for kind in ("Lease", "Secret"):
            there = [one["metadata"]["name"] for one in client.list(kind, selector)]
            opening = [one for one in there if one not in _not_data(name)]
            steps += [Step("delete", kind, one, "opens the data", destructive=True) for one in opening]
        claims = observe.own_claims(client, name)
        steps += [Step("delete", "PersistentVolumeClaim", one, "holds data", destructive=True) for one in claims]
    elif any(one.kind == "StatefulSet" for one in steps):
        _check_kept(client, name)
    return Plan(tuple(steps))


def _orphans(client: Client, name: str) -> list[Json]:
    """Members that still run after their StatefulSet was deleted to be replaced."""
    if client.find("StatefulSet", name) is not None:
        return []
    there = client.list("Pod", names.selector_text(name))
    return [one for one in there if names.is_member(one["metadata"]["name"], name)]


def _not_data(name: str) -> tuple[str, ...]:
    """Leases of commands: the Lease of `delete` itself is deleted at its end."""
    return names.receiver(name), names.operation_lease(name)


def kept(client: Client, name: str) -> list[str]:
    """The objects that a delete without --purge-data keeps: the claims, and the keys that open them."""
    selector = names.selector_text(name)
    secrets = [f"Secret {item['metadata']['name']}" for item in client.list("Secret", selector)]
    found = [item["metadata"]["name"] for item in client.list("Lease", selector)]
    leases = [f"Lease {one}" for one in found if one not in _not_data(name)]
    return [*(f"PersistentVolumeClaim {claim}" for claim in observe.own_claims(client, name)), *secrets, *leases]


def _check_kept(client: Client, name: str) -> None:
    """Objects to keep must not be in deletion already; raises Refused."""
    there = [one for one in client.list("PersistentVolumeClaim") if names.is_claim_of(one["metadata"]["name"], name)]
    if reasons := naming.going(name, there):
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
    lease = session.client.find("Lease", names.group_lease(name))
    if names.ANNOTATION_RECREATING in status.annotations_of(lease):
        orders.write(session.client, name, recreating=None)
    if exposure.read(status.annotations_of(lease)):  # the Services go with the rest
        orders.write(session.client, name, exposed=None)
    has_members = any(step.kind in ("StatefulSet", "Pod") for step in plan.steps)
    if any(step.kind == "StatefulSet" for step in plan.steps):
        data_version.note(session.client, observe.judged(session, name))
    for step in plan.steps:
        if has_members and step.kind not in _RUNNING:
            _await_no_pods(session, name)
            has_members = False
        session.progress.waiting(f"deleting {step.kind} {step.name}")
        session.client.delete(step.kind, step.name)
    if has_members:
        _await_no_pods(session, name)
    session.progress.say(f"deleted {len(plan.steps)} objects")


def _await_no_pods(session: Session, name: str) -> None:
    def look() -> waiting.Pending | None:
        pods = [item["metadata"]["name"] for item in session.client.list("Pod", names.selector_text(name))]
        return waiting.Pending(f"{', '.join(pods)} to stop") if pods else None

    hint = "check whether a node is down (kubectl get pods -o wide), then run the same command again to continue"
    waiting.until(session, look, hint=hint)
