"""Change the image, agent, memory or cpu of every member: plan, prove, roll out, or roll back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any

from mysqlops import errors
from mysqlops.core import image, instant, names, ownership, rollout, series, version
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client
from mysqlops.objects import drift, render
from mysqlops.operations import (
    agents,
    bundle,
    deploy,
    direction,
    existing,
    exporter,
    followers,
    image_check,
    observe,
    owned,
    programs,
    rehearsed,
    secret_move,
    unproven,
    upgrade_checker,
)
from mysqlops.operations import rollout as rolling
from mysqlops.operations.session import Session
from mysqlops.planning import image_trial, plugins, status
from mysqlops.planning import rollout as planning


@dataclass(frozen=True)
class Change:
    """The objects to apply; `manifests` go before the StatefulSet. Without steps there is nothing to do."""

    why: str
    manifests: tuple[Json, ...]
    stateful_set: Json
    record: rollout.Rollout | None
    steps: tuple[Step, ...]


def wanted_spec(running: observe.Running, options: dict[str, Any]) -> ClusterSpec:
    """The running spec with the options that were given; raises ConfigError."""
    return replaced(running.spec, **{key: value for key, value in options.items() if value is not None})


def plan(
    session: Session, name: str, running: observe.Running, spec: ClusterSpec, *, checker_secret: str | None = None
) -> Change:
    """What would change and in which order, after the images were tried; raises Refused. MySQL Shell's upgrade checker
    runs with the account in `checker_secret`."""
    now = observe.judged(session, name)
    check_whole(now)
    secret_move.check(session.client, name)
    if spec != running.spec:
        image_check.must_fit(session, spec, running.spec)
    wanted = _compared(session, running, spec)
    if not wanted.replaces_pods:
        return wanted.in_passing()
    tried, after = _try_images(session, spec, wanted.objects, now, checker_secret)
    spec = image_check.pin(session, spec, tried)
    wanted = _compared(session, running, spec)  # what the tag means may be what runs already
    if not wanted.replaces_pods:
        return wanted.in_passing()
    why = describe(running, spec)
    since = instant.text(session.clock.now())
    before = max(_versions(now).values(), default=after)
    rehearsed.say(session, spec, changes_version=before != after)
    record = rollout.Rollout(why, since, running.stateful_set["spec"]["template"], str(before), str(after))
    if record.changes_version() and now.replicas == 1:
        text = f"{name} has one member: if {after} does not come up, no other copy exists to go back to"
        session.progress.warn(f"{text}; mysqlops backup create {name}, or scale {name} --replicas 3 first")
    steps = planning.steps(now, why, changes_version=record.changes_version())
    return Change(why, wanted.others, wanted.stateful_set(), record, steps)


@dataclass(frozen=True)
class _Compared:
    """The wanted objects; which of them, but for the StatefulSet, differ from what is live; and whether that does."""

    objects: list[Json]
    others: tuple[Json, ...]
    replaces_pods: bool

    def stateful_set(self) -> Json:
        return next(item for item in self.objects if item["kind"] == "StatefulSet")

    def in_passing(self) -> Change:
        """The change of the other objects, which replaces no pod."""
        steps = tuple(Step("apply", other["kind"], other["metadata"]["name"], "differs") for other in self.others)
        return Change("", self.others, self.stateful_set(), None, steps)


def _compared(session: Session, running: observe.Running, spec: ClusterSpec) -> _Compared:
    """Raises Refused if an object of that name, or a field that differs, is somebody else's."""
    wanted = objects(running, spec)
    live = existing.objects(session.client, wanted)
    pairs = [(item, live[item["kind"], item["metadata"]["name"]]) for item in wanted]
    if strangers := [one for item, found in pairs if found and (one := ownership.stranger(item, found))]:
        raise Refused(strangers)
    different = [item for item, found in pairs if _differs(item, found) or _brings_a_program(item, running)]
    owned.check(session.client, [(item, found) for item, found in pairs if item in different])
    others = tuple(item for item in different if item["kind"] != "StatefulSet")
    replaces = len(others) < len(different) or _loses_something(running, wanted)
    return _Compared(wanted, others, replaces_pods=replaces)


def _loses_something(running: observe.Running, wanted: Sequence[Json]) -> bool:
    """Whether pods have something that the new spec no longer asks for: what is only absent is no difference."""
    now, then = (
        next(manifest for manifest in objects if manifest["kind"] == "StatefulSet")["spec"]["template"]
        for objects in (objects(running, running.spec), wanted)
    )
    return bool(drift.differences(now, then))


def execute(session: Session, name: str, change: Change, limits: rolling.Limits) -> list[str]:
    """Make the change; returns the replaced pods. Raises StepFailed if it was rolled back."""
    unproven.attempt(session, name)
    if change.record is None:
        for manifest in change.manifests:
            session.client.apply(manifest)
        followers.refresh(session, name)  # also objects that an older version or another tool left outdated
        secret_move.split(session, name)
        exporter.settle(session, name)
        return []
    rolling.begin(session, list(change.manifests), change.record, change.stateful_set)
    session.progress.say(change.why)
    return resume(session, name, limits)


def check_whole(now: status.Status, *but: str) -> None:
    """No rollout over a group that is not whole, over another rollout, or while a member waits for a backup, except for
    conditions that the verb itself ends; raises Refused."""
    reasons = [condition.as_reason() for condition in status.in_the_way(now, *but)]
    reasons += [condition.as_reason() for condition in now.conditions if condition.code == status.RESTORE_OPEN]
    if reasons:
        raise Refused(reasons)


def resume(session: Session, name: str, limits: rolling.Limits) -> list[str]:
    """Continue an open rollout in its present direction; raises Refused, StepFailed."""
    must_be_open(session, name)
    done = rolling.finish(session, name, limits)
    secret_move.split(session, name)
    exporter.settle(session, name)
    return done


def roll_back(session: Session, name: str, limits: rolling.Limits) -> list[str]:
    """Roll an open rollout back; raises Refused, or StepFailed if the old version does not come up either."""
    record = must_be_open(session, name)
    if not record.failure:
        direction.turn_back(session, name, replaced(record, failure="requested by --rollback"))
    try:
        return rolling.finish(session, name, limits)
    except rolling.RolledBack as back:
        return back.replaced


def go_forward(session: Session, name: str, limits: rolling.Limits) -> list[str]:
    """Let an open rollout that goes back go forward again; raises Refused, StepFailed."""
    record = must_be_open(session, name)
    if record.failure:
        direction.turn_forward(session, name, record)
    return resume(session, name, limits)


def must_be_open(session: Session, name: str) -> rollout.Rollout:
    """The open rollout; raises Refused without one."""
    record = rollout.read(observe.must_run(session.client, name).stateful_set)
    if record is None:
        raise Refused([Reason("no-rollout", f"no rollout of {name} is open", f"mysqlops status {name}")])
    return record


def objects(running: observe.Running, spec: ClusterSpec, *, in_place: bool = False) -> list[Json]:
    """The wanted objects; changed settings or a changed agent get new ConfigMaps, so that old pods keep theirs, unless
    the change is made in place. Claims cannot be changed here: their template stays as it is."""
    wanted = deploy.objects(spec, running.in_use)
    maps = running.in_use
    config = next(item for item in wanted if item["metadata"]["name"] == maps.config)
    if drift.differences(config["data"], running.settings) and not in_place:
        maps = replaced(maps, config=f"{names.config_map(spec.name)}-{render.digest(config['data'])}")
    if _agent_version(running) != bundle.build().version and not in_place:
        maps = replaced(maps, agent=f"{names.agent_config_map(spec.name)}-{bundle.build().version.rpartition('-')[2]}")
    wanted = deploy.objects(spec, maps)
    wanted[-1]["spec"]["volumeClaimTemplates"] = running.stateful_set["spec"]["volumeClaimTemplates"]
    _keep_previous(next(item for item in wanted if item["metadata"]["name"] == maps.config)["data"], running.settings)
    return wanted


def as_it_runs(client: Client, name: str) -> list[Json]:
    """The objects of a running cluster as the verbs left them, for tools that apply objects; raises Refused if another
    release made them."""
    return as_rendered(observe.must_run(client, name))


def as_rendered(running: observe.Running) -> list[Json]:
    """The same of a cluster that was observed."""
    name = running.spec.name
    if _agent_version(running) != (mine := bundle.build().version):
        text = f"{name} runs agent {_agent_version(running)}, and this mysqlops would render {mine}"
        raise Refused([Reason("agent-differs", text, f"mysqlops upgrade {name}, then render again")])
    return objects(running, running.spec, in_place=True)


def _keep_previous(data: Json, running: Json) -> None:
    """The user's settings before their last change."""
    previous = running.get(render.PREVIOUS_CNF)
    if data[render.USER_CNF] != running.get(render.USER_CNF, data[render.USER_CNF]):
        previous = running[render.USER_CNF]
    if previous is not None:
        data[render.PREVIOUS_CNF] = previous


def _agent_version(running: observe.Running) -> str | None:
    annotations = running.stateful_set["spec"]["template"]["metadata"].get("annotations") or {}
    return annotations.get(names.ANNOTATION_AGENT)


def _differs(wanted: Json, found: Json | None) -> bool:
    filled_secret = wanted["kind"] == "Secret" and found is not None
    return not filled_secret and (found is None or bool(drift.differences(wanted, found)))


def _brings_a_program(wanted: Json, running: observe.Running) -> bool:
    """Whether members do not run it yet. Then it is applied, whatever exists under its name: anybody can know that name
    before, and whoever may create ConfigMaps would have their own program run with the members' rights."""
    return "binaryData" in wanted and wanted["metadata"]["name"] != running.in_use.agent


_OTHERS = {"mysqld": "settings", "spread": "spread", "any_uid": "user", "pod": "pod patch"}


def describe(running: observe.Running, spec: ClusterSpec) -> str:
    """A short description of the change."""
    fields = ("image", "agent_image", "exporter_image", "memory", "cpu")
    pairs = [(field, image.shown(getattr(running.spec, field)), image.shown(getattr(spec, field))) for field in fields]
    words = [f"{field.replace('_', ' ')} {old or 'none'} -> {new or 'none'}" for field, old, new in pairs if old != new]
    words += [word for field, word in _OTHERS.items() if getattr(spec, field) != getattr(running.spec, field)]
    if _agent_version(running) != bundle.build().version:
        words.append(f"agent {_agent_version(running)} -> {bundle.build().version}")
    return ", ".join(words) or "manifests"


def _versions(now: status.Status) -> dict[str, version.ServerVersion]:
    return {member.name: version.ServerVersion.parse(member.version) for member in now.members if member.version}


def _try_images(
    session: Session, spec: ClusterSpec, wanted: list[Json], now: status.Status, checker_secret: str | None
) -> tuple[image_trial.Tried, version.ServerVersion]:
    """The images and their version, if they accept the new my.cnf and the upgrade path is allowed; raises Refused."""
    tried = image_check.check(session, spec, wanted)
    if tried.reasons or tried.version is None:
        raise Refused(tried.reasons)
    found, reasons = _versions(now), path_refused(now, tried.version)
    reasons += removed_plugins(session, now, spec, tried.version)
    if reasons:
        raise Refused(reasons)
    if tried.version not in found.values():
        image_check.warn_of_version(session, tried)
        if reasons := upgrade_checker.look(session, spec, wanted, tried, checker_secret):
            raise Refused(reasons)
    for warning in tried.warnings:
        session.progress.warn(warning)
    return tried, tried.version


def path_refused(now: status.Status, after: version.ServerVersion) -> list[Reason]:
    """Why members of their present versions may not be upgraded to that one."""
    return [
        Reason("version-path", f"{pod}: {refusal}", "`mysqlops explain versions` lists the upgrade paths")
        for pod, before in _versions(now).items()
        if (refusal := series.upgrade_refused_because(before, after))
    ]


def removed_plugins(
    session: Session, now: status.Status, spec: ClusterSpec, after: version.ServerVersion
) -> list[Reason]:
    """Accounts that could no longer log in; none if a member runs that version already."""
    if after in _versions(now).values():
        return []
    if now.primary is None:
        raise errors.WaitTimeout(f"{now.name} has no primary to ask")
    accounts = agents.run(session.client, now.primary, programs.PLUGINS, timeout_seconds=20)
    return plugins.lost(accounts, after, spec.mysqld, now.name)
