"""Replace the members' pods one at a time, by role; go back by itself if a new one does not come up.

Runs from what is observed: killed at any point, the same command goes on. What cannot be observed, where from and why,
is written to the StatefulSet in the same call as its new template (core/rollout.py).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from mysqlops import errors
from mysqlops.core import names, rollout, version
from mysqlops.operations import followers, member, observe, switchover
from mysqlops.operations.session import Session
from mysqlops.planning import actions, claims, render, revisions, status, verdict
from mysqlops.planning import rollout as planning
from mysqlops.planning import switchover as switching

Json = dict[str, Any]
_POLL_SECONDS = 0.3
Old = Callable[[status.Observed], Collection[str]]


class NewPodFailed(Exception):
    """A pod of the new template did not come up; the reason."""


class RolledBack(errors.StepFailed):
    """The change that was asked for was not made; all is as before."""

    def __init__(self, message: str, replaced: list[str]) -> None:
        super().__init__(message, hint="mend what is named, then run it again")
        self.replaced = replaced


@dataclass(frozen=True)
class Limits:
    """Seconds for one member to be back in the group and caught up."""

    member_seconds: float = 600.0


def old_of_template(seen: status.Observed) -> Collection[str]:
    """The pods that are still to be replaced by the newest template, or whose claim is going for an empty one."""
    held = {name: claims.of(seen.stateful_set, names.ordinal_of(name)) for name in seen.pods}
    going = {
        name
        for name, claim in held.items()
        if "deletionTimestamp" in seen.claims.get(claim, {"metadata": {}})["metadata"]
    }
    return revisions.outdated(seen.stateful_set, seen.pods) | going


def begin(session: Session, manifests: list[Json], record: rollout.Rollout, stateful_set: Json) -> None:
    """Apply what the new pods need, then the new template together with the record."""
    for manifest in manifests:
        session.client.apply(manifest)
    wanted = copy.deepcopy(stateful_set)
    wanted["metadata"].setdefault("annotations", {})[names.ANNOTATION_ROLLOUT] = rollout.dump(record)
    session.client.apply(wanted)


def finish(session: Session, name: str, limits: Limits) -> list[str]:
    """Replace what is outdated; the pods replaced, in order. If a new one fails, go back and raise StepFailed."""
    record = _record(session, name)
    if record is not None and record.failure:
        return _go_back(session, name, record, limits)
    try:
        replaced = replace_all(session, name, old_of_template, limits)
    except NewPodFailed as failure:
        if record is None:
            raise errors.StepFailed(str(failure), hint=f"mysqlops status {name}") from failure
        record = replace(record, failure=str(failure))
        turn_back(session, name, record)
        return _go_back(session, name, record, limits)
    _close(session, name)
    return replaced


def turn_back(session: Session, name: str, record: rollout.Rollout) -> None:
    """Put the template from before back, in one call with the reason; raises StepFailed if there is no way back."""
    _check_way_back(session, name, record)
    session.progress.warn(f"{record.failure}; going back")
    found = session.client.get("StatefulSet", name)
    kept = {key: found["metadata"][key] for key in ("name", "namespace", "labels")}
    session.client.apply(
        {
            "apiVersion": found["apiVersion"],
            "kind": found["kind"],
            "metadata": {**kept, "annotations": {names.ANNOTATION_ROLLOUT: rollout.dump(record)}},
            "spec": {**found["spec"], "template": record.before},
        }
    )


def _record(session: Session, name: str) -> rollout.Rollout | None:
    return rollout.read(session.client.get("StatefulSet", name))


def _check_way_back(session: Session, name: str, record: rollout.Rollout) -> None:
    """Once a member of the newer version leads, the older ones cannot follow it: there is only the way forward."""
    now = observe.judged(session, name)
    leader = next((one for one in now.members if one.name == now.primary), None)
    after = record.version_after
    if record.changes_version() and leader is not None and version.is_same(leader.version, after):
        raise errors.StepFailed(
            f"{record.failure}; {leader.name} leads with {after} already, so there is no way back to "
            f"{record.version_before}",
            hint=f"mend what is named, then mysqlops upgrade {name} --resume",
        )


def _go_back(session: Session, name: str, record: rollout.Rollout, limits: Limits) -> list[str]:
    """Always ends in RolledBack or another StepFailed: the change that was asked for was not made."""
    try:
        replaced = replace_all(session, name, old_of_template, limits, rebuild=record.changes_version())
    except NewPodFailed as failure:
        text = f"{failure}, also with the template from before"
        raise errors.StepFailed(
            text, hint=f"mysqlops status {name}; then mysqlops upgrade {name} --resume"
        ) from failure
    _close(session, name)
    back = f"{', '.join(replaced)} replaced by what was before" if replaced else "all is as before"
    raise RolledBack(f"{record.failure}; rolled back: {back}", replaced)


def _close(session: Session, name: str) -> None:
    """Nothing uses the other settings and agents any more, but for applications' init containers, which take the agent
    from the ConfigMap with the plain name: it follows last."""
    change = {"metadata": {"annotations": {names.ANNOTATION_ROLLOUT: None}}}
    used = render.in_use_of(session.client.patch("StatefulSet", name, change))
    plain = names.agent_config_map(name)
    if used.agent != plain:
        newest = session.client.get("ConfigMap", used.agent)
        session.client.apply(render.renamed(newest, plain))
    for found in session.client.list("ConfigMap", names.selector_text(name)):
        if found["metadata"]["name"] not in (used.config, used.agent, plain):
            session.client.delete("ConfigMap", found["metadata"]["name"])
    followers.refresh(session, name)


def replace_all(session: Session, name: str, old: Old, limits: Limits, *, rebuild: bool = False) -> list[str]:
    """Replace the old pods in their order; raises NewPodFailed, WaitTimeout, Refused or StepFailed."""
    replaced: list[str] = []
    since = session.clock.monotonic()
    while True:
        seen = observe.cluster(session.client, name, session.clock)
        left = old(seen)
        now = verdict.judge(seen)
        if not revisions.is_told(seen.stateful_set):
            session.clock.sleep(_POLL_SECONDS)  # its status still speaks of the template before
            continue
        match planning.plan(now, left):
            case actions.Done():
                return replaced
            case planning.Replace(pod, why):
                session.progress.say(f"replacing {pod}: {why}")
                _replace(session, name, pod, rebuild=rebuild)
                replaced.append(pod)
                since = session.clock.monotonic()
            case switching.Switchover() as chosen:
                _hand_over(session, name, chosen)
            case actions.Wait(why):
                session.progress.waiting(f"waiting: {why}")
                _check_new_pods(seen, now, left, session.clock.monotonic() - since, limits)
                session.clock.sleep(_POLL_SECONDS)


def _hand_over(session: Session, name: str, chosen: switching.Switchover) -> None:
    try:
        switchover.execute(session, name, chosen, switching.Limits(rolls_back=True))
    except errors.Refused as refusal:  # which would say that nothing was changed
        raise errors.StepFailed(str(refusal), hint="run the same command again to go on") from refusal


def _replace(session: Session, name: str, pod: str, *, rebuild: bool) -> None:
    if rebuild:
        member.empty(session, name, pod)
        return
    found = session.client.get("Pod", pod)
    session.client.delete("Pod", pod, uid=found["metadata"]["uid"])
    deadline = session.clock.monotonic() + session.timeout_seconds
    while (new := session.client.find("Pod", pod)) is None or new["metadata"]["uid"] == found["metadata"]["uid"]:
        session.progress.waiting(f"waiting for {pod} to stop")
        observe.check_deadline(session, deadline, f"a new pod {pod}")
        session.clock.sleep(_POLL_SECONDS)


def _check_new_pods(
    seen: status.Observed, now: status.Status, left: Collection[str], waited: float, limits: Limits
) -> None:
    """A new pod that crashes or takes too long has failed; an old one may take its time, up to the deadline."""
    new = [one for one in now.members if one.name in seen.pods and one.name not in left]
    for one in new:
        if why := planning.failed_because(seen.pods[one.name]):
            raise NewPodFailed(why)
    if waited > limits.member_seconds:
        late = [f"{one.name} is {one.state}: {one.waiting_for}" for one in new if one.state != "ONLINE"]
        if late:
            raise NewPodFailed(f"not back in the group after {waited:.0f} s: {'; '.join(late)}")
        raise errors.WaitTimeout(
            f"{seen.name} is not whole after {waited:.0f} s: {'; '.join(planning.held_up_by(now))}",
            hint="run the same command again to go on",
        )
