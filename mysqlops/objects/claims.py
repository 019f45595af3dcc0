"""Which claim belongs to which member: the StatefulSet's template names them, and a restore in place changes it.
Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.errors import Reason

GOING = "claim-going"  # the condition and reason: a claim that is deleted as soon as its pod stops


def template_of(stateful_set: Json) -> str:
    """The name of the claims' template, with which their names start."""
    return str(stateful_set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"])


def astray(pods: Iterable[Json], cluster: str, template: str) -> list[Json]:
    """The members' pods that mount a claim of another template, and so run on other data. A pod's volumes never change,
    whichever StatefulSet adopts it."""

    def is_other(volume: Json) -> bool:
        claim = str((volume.get("persistentVolumeClaim") or {}).get("claimName", ""))
        return names.is_claim_of(claim, cluster) and not claim.startswith(f"{template}-{cluster}-")

    members = [pod for pod in pods if names.is_member(pod["metadata"]["name"], cluster)]
    return [pod for pod in members if any(map(is_other, pod["spec"].get("volumes") or []))]


def left_out(cluster: str, claims: Iterable[str], replicas: int) -> list[Reason]:
    """Why a cluster of `replicas` members may not start with these claims: one that would get no pod may hold the last
    acknowledged transactions, because the members of a stopping cluster leave one after another."""
    beyond = sorted(claim for claim in claims if names.ordinal_of(claim) >= replicas)
    if not beyond:
        return []
    members = max(names.ordinal_of(claim) for claim in beyond) + 1
    text = (
        f"{', '.join(beyond)} would get no pod with {replicas} members, and may hold the last acknowledged transactions"
    )
    hint = f"start {cluster} with at least {members} members first, then mysqlops scale {cluster} --replicas {replicas}"
    return [Reason("claims-left-out", text, hint)]


def is_going(claim: Json) -> bool:
    """Whether it was deleted while a pod still uses it."""
    return "deletionTimestamp" in claim["metadata"]


def going(cluster: str, claims: Iterable[Json]) -> list[Reason]:
    """Why the pods of a cluster may not stop if their data must be kept."""
    gone = sorted(claim["metadata"]["name"] for claim in claims if is_going(claim))
    return [
        Reason(
            GOING,
            f"claim {claim} is being deleted: it goes as soon as its pod stops",
            f"mysqlops member rebuild {cluster} {names.pod_of_claim(claim)} finishes that",
        )
        for claim in gone
    ]


def of(stateful_set: Json, ordinal: int) -> str:
    """The name of a member's claim."""
    return names.claim(stateful_set["metadata"]["name"], ordinal, template_of(stateful_set))
