"""Faults that any owner of a namespace can cause: a planned change of the primary, and deleted pods."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core.typed import Json
from mysqlops.drill.model import EVERYBODY, NOBODY, About
from mysqlops.drill.scene import Facts, Fault, Scene
from mysqlops.operations import switchover, waiting
from mysqlops.planning.switchover import Limits

_NEW_POD_SECONDS = 90.0


def _switch_over(scene: Scene, _: Facts) -> Json:
    limits = Limits(rolls_back=True)
    chosen = switchover.plan(scene.session, scene.name, None, limits)
    if chosen is None:
        raise errors.StepFailed("the switchover found nothing to do")
    done = switchover.execute(scene.session, scene.name, chosen, limits)
    return {"roles_seconds": done.roles_seconds, "to": done.primary}


def _uids(scene: Scene) -> Facts:
    return {"uids": {member.name: scene.pod(member.name)["metadata"]["uid"] for member in scene.status.members}}


def _delete_pod(scene: Scene, facts: Facts) -> None:
    """Returns once the pod is a new one: until then the cluster looks as healthy as before."""
    scene.session.client.delete("Pod", scene.target, uid=facts["uids"][scene.target])

    def look() -> waiting.Pending | None:
        found = scene.session.client.find("Pod", scene.target)
        is_new = found is not None and found["metadata"]["uid"] != facts["uids"][scene.target]
        return None if is_new else waiting.Pending(f"a new pod {scene.target}")

    waiting.until(scene.session, look, seconds=_NEW_POD_SECONDS)


def _delete_all(scene: Scene, facts: Facts) -> None:
    for member, uid in facts["uids"].items():
        scene.session.client.delete("Pod", member, uid=uid, grace_seconds=0)


FAULTS = (
    Fault(
        About(
            "calm",
            "no fault: what the drill itself costs, to compare with",
            "nobody",
            aim=NOBODY,
            lasts=5,
            in_all=False,
        ),
        lambda _, __: None,
    ),
    Fault(
        About("switchover", "the primary is handed over as mysqlops switchover does", "{target} becomes a replica"),
        _switch_over,
    ),
    Fault(
        About(
            "pod-delete",
            "the primary's pod is deleted, as an eviction does",
            "{target} leaves the group cleanly and comes back; {others} continue",
        ),
        _delete_pod,
        prepare=_uids,
    ),
    Fault(
        About(
            "full-outage",
            "all pods are deleted at once, without grace",
            "{target} and {others}: nothing can be written or read until the group has formed again",
            aim=EVERYBODY,
        ),
        _delete_all,
        prepare=_uids,
    ),
)
