"""Grow the members' volumes: online where the class allows, else by rebuilding one member after another.

A StatefulSet's claim template is immutable: the StatefulSet is recreated (operations/remake.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.objects import claims, storage_class
from mysqlops.operations import configure, followers, observe, owned, preflight, remake, rollout, upgrade, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import gate, status, verdict
from mysqlops.planning import storage as planning


@dataclass(frozen=True)
class Change:
    """The size, the method, and the steps; no steps if all volumes have the size."""

    size: str
    by_rebuild: bool
    steps: tuple[Step, ...]


def plan(session: Session, name: str, size: str, *, by_rebuild: bool) -> Change:
    """What would change; raises ConfigError for a bad size, Refused for an impossible size."""
    running = observe.must_run(session.client, name)
    _with_size(running.spec, size)
    seen = observe.cluster(session.client, name, session.clock)
    if by_rebuild:
        upgrade.check_whole(verdict.judge(seen), claims.GOING)  # left by a killed run
    found = list(planning.in_use(seen).values())
    planning.check_larger(running.spec.storage_size, found, size)
    steps = planning.steps(name, running.spec.storage_size, found, size, by_rebuild=by_rebuild)
    if by_rebuild and (reasons := gate.only_member(verdict.judge(seen), "--by-rebuild would delete its data")):
        raise errors.Refused(reasons)
    if steps and by_rebuild:
        preflight.must_get_volumes(session, name)
    if steps and not by_rebuild:
        planning.check_expandable(found, _expandable(session, found), size)
    if planning.template_differs(running.stateful_set, size):
        owned.refuse(running.stateful_set, owned.CLAIM_TEMPLATES)
    return Change(size, by_rebuild, steps)


def _with_size(spec: ClusterSpec, size: str) -> ClusterSpec:
    try:
        return replace(spec, storage_size=size)
    except errors.ConfigError as error:
        raise errors.ConfigError(str(error).replace("--storage-size", "--size")) from error


def _expandable(session: Session, claims: list[Json]) -> dict[str, bool | None]:
    """Class -> whether it can expand; None if the user may not read it."""
    found: dict[str, bool | None] = {}
    for claim in claims:
        name = claim["spec"].get("storageClassName") or ""
        try:
            one = session.client.find("StorageClass", name) if name else None
            found[name] = one is not None and storage_class.can_expand(one)
        except errors.Forbidden:
            found[name] = None
    return found


def execute(session: Session, name: str, change: Change) -> None:
    """Make the change; raises StepFailed if the volumes' driver refuses, WaitTimeout."""
    if change.by_rebuild and change.steps:
        _make_template(session, name, change.size)
        _rebuild(session, name, change.size)
    elif change.steps:
        _grow_claims(session, name, change.size)
        _make_template(session, name, change.size)
    _fit_settings(session, name)
    followers.refresh(session, name)


def _grow_claims(session: Session, name: str, size: str) -> None:
    for claim in planning.in_use(observe.cluster(session.client, name, session.clock)).values():
        if planning.is_smaller(claim, size):
            session.progress.say(f"growing {claim['metadata']['name']}")
            change = {"spec": {"resources": {"requests": {"storage": size}}}}
            session.client.patch("PersistentVolumeClaim", claim["metadata"]["name"], change)
    waiting.until(session, lambda: _still_small(session, name, size))


def _still_small(session: Session, name: str, size: str) -> waiting.Pending | None:
    claims = planning.in_use(observe.cluster(session.client, name, session.clock)).values()
    for claim in claims:
        if why := planning.infeasible_because(claim):
            hint = f"mysqlops storage resize {name} --size {size} --by-rebuild, or ask the storage's administrator"
            raise errors.StepFailed(why, hint=hint)
    small = [claim["metadata"]["name"] for claim in claims if not planning.has_capacity(claim, size)]
    return waiting.Pending(f"{', '.join(small)} to grow") if small else None


def _make_template(session: Session, name: str, size: str) -> None:
    stateful_set = session.client.get("StatefulSet", name)
    if planning.template_differs(stateful_set, size):
        session.progress.say(f"recreating StatefulSet {name}; its pods keep running")
        remake.begin(session, name, lambda found: planning.with_size(found, size))


def _rebuild(session: Session, name: str, size: str) -> None:
    """Replicas first, the primary last: each gets a new claim of the new size and copies its data from the group."""

    def small(seen: status.Observed) -> Collection[str]:
        claims = {names.pod_of_claim(claim): found for claim, found in planning.in_use(seen).items()}
        return [pod for pod, found in claims.items() if planning.is_smaller(found, size)]

    try:
        rollout.replace_all(session, name, small, rollout.Limits(session.timeout_seconds), rebuild=True)
    except rollout.NewPodFailed as failure:
        raise errors.StepFailed(str(failure), hint=f"mysqlops status {name}; run it again to continue") from failure


def _fit_settings(session: Session, name: str) -> None:
    """Redo and binary logs may be larger on a larger volume. They can wait where the full volume was the problem."""
    if blocking := status.in_the_way(observe.judged(session, name)):
        session.progress.warn(
            f"logs keep their size until the cluster is whole ({blocking[0].message}); then run the command again"
        )
        return
    running = observe.must_run(session.client, name)
    change = configure.plan(session, name, running, running.spec)
    if change.values and not change.static:
        configure.execute(session, name, change, rollout.Limits())
