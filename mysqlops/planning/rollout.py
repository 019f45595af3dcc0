"""Which pod is replaced next, what a rollout waits for, and when a new pod has failed. Pure.

Replicas go first, the highest ordinal as the canary, the primary last and after a switchover. Nobody is replaced while
the group is not whole, except a pod that is out of it anyway.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mysqlops.core import names, version, view
from mysqlops.core.plan import Step
from mysqlops.planning.actions import Done, Wait
from mysqlops.planning.pods import containers, last_words
from mysqlops.planning.status import Member, Status, in_the_way
from mysqlops.planning.switchover import Switchover

Json = dict[str, Any]
_CAUGHT_UP = 1000  # transactions still to apply, of a member that counts as back
_HOPELESS = {"ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff", "CreateContainerConfigError"}
_CRASHES = 2  # restarts: the third start failed too


@dataclass(frozen=True)
class Replace:
    """Delete this pod; the StatefulSet makes it anew from its newest template."""

    pod: str
    why: str


Action = Replace | Switchover | Wait | Done


def plan(now: Status, old: Collection[str]) -> Action:
    """The next action; `old` are the pods that are still to be replaced."""
    out_of_group = [one for one in now.members if one.name in old and one.state not in (view.ONLINE, view.RECOVERING)]
    if out_of_group:
        return Replace(out_of_group[-1].name, f"it is {out_of_group[-1].state}")
    blocking = held_up_by(now)
    if blocking:
        return Wait(blocking[0])
    waiting = sorted((one for one in now.members if one.name in old), key=lambda one: (_leads(one, now), -one.ordinal))
    if not waiting:
        return Done()
    first = waiting[0]
    if not _leads(first, now):
        return Replace(first.name, "a replica")
    successor = next((one for one in now.members if one.name not in old and one.role == names.ROLE_REPLICA), None)
    # A group makes no member of a newer version its primary by order; it elects one when the old primary leaves.
    if successor is not None and version.is_same(successor.version, first.version):
        return Switchover(first.name, successor.name)
    return Replace(first.name, "the primary, last: it hands over as it leaves")


def _leads(member: Member, now: Status) -> bool:
    return member.name == now.primary


def held_up_by(now: Status) -> list[str]:
    """Why nobody may be replaced now."""
    found = [one.message for one in in_the_way(now, "rollout-open")]
    found += [
        f"{one.name} has {one.behind} transactions to apply" for one in now.members if (one.behind or 0) > _CAUGHT_UP
    ]
    return found


def failed_because(pod: Json) -> str | None:
    """Why a new pod will not come up by itself, or None while it still may."""
    for container in containers(pod):
        waiting = container.get("state", {}).get("waiting") or {}
        crashed = waiting.get("reason") == "CrashLoopBackOff" and int(container.get("restartCount", 0)) >= _CRASHES
        if waiting.get("reason") in _HOPELESS or crashed:
            told = last_words(container) or str(waiting.get("message", ""))[:300]
            return f"container {container['name']} of {pod['metadata']['name']}: {waiting['reason']}: {told}"
    return None


def steps(now: Status, why: str) -> tuple[Step, ...]:
    """The order in which all pods will be replaced, for the eyes of a user."""
    replicas = sorted((one for one in now.members if not _leads(one, now)), key=lambda one: -one.ordinal)
    found = [Step("replace", "Pod", one.name, "replica" + (", the canary" * (one is replicas[0]))) for one in replicas]
    if now.primary is not None:
        successor = replicas[-1].name if replicas else None
        if successor:
            found.append(Step("switchover", "Pod", successor, f"becomes primary in place of {now.primary}"))
        found.append(Step("replace", "Pod", now.primary, "the old primary, last" if replicas else "the only member"))
    return (Step("apply", "StatefulSet", now.name, why), *found)
