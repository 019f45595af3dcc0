"""From a running cluster to the one that a file describes: the verbs that lead there, or why none does. Pure.

Each verb is planned from what is observed, so a killed `apply` is repeated. What a verb leaves unfinished without a
trace in the objects that are compared here is covered by a note: the verb that `apply` was running, by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mysqlops.core import file_fields, mysqld_config, names, quantity, rollout, setting_secrets
from mysqlops.core.cluster_file import Document
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Reason, Refused
from mysqlops.objects import cluster_file, schedule
from mysqlops.objects import running as live
from mysqlops.objects.cluster_file import Receiver
from mysqlops.objects.exposed import Request
from mysqlops.planning import agreed, file_parts, settings
from mysqlops.planning.agreed import Choice, Gone
from mysqlops.planning.file_parts import Difference

DEPLOY = "deploy"
FINISH, SETTLE, RESUME = "finish storage resize", "config set --settle", "upgrade --resume"
RESIZE, SCALE, CONFIGURE, UPGRADE = "storage resize", "scale", "config set", "upgrade"
SCHEDULE, UNSCHEDULE = "backup schedule set", "backup schedule remove"
STREAM, STOP_STREAM = "backup binlog start", "backup binlog stop"
UNEXPOSE, EXPOSE = "unexpose", "expose"
_OF_PARTS = (SCHEDULE, UNSCHEDULE, STREAM, STOP_STREAM, UNEXPOSE, EXPOSE)
_VERBS = (DEPLOY, RESIZE, SCALE, CONFIGURE, UPGRADE, *_OF_PARTS)  # that a note may name
_SETTING, _INTERRUPTED = "spec.settings", "it was interrupted"
_FIELDS = {field: path for path, field in {**cluster_file.KEPT, **cluster_file.OPTIONAL}.items()}
_ELSEWHERE = ("replicas", "storage_size", "storage_class")  # changed by no rollout


@dataclass(frozen=True)
class State:
    """What exists. `spec` is None if the cluster does not; `replicas_stopped` is what `stop` noted."""

    spec: ClusterSpec | None = None
    is_complete: bool = False  # it was whole once: a deploy has done all its work
    replicas_stopped: int = 0
    rollout: rollout.Rollout | None = None
    is_remade: bool = False  # its StatefulSet is being replaced
    unproven: tuple[str, ...] = ()  # settings that a killed command left live
    noted: str = ""  # the verb that an `apply` was running
    schedule: schedule.Request | None = None
    receiver: Receiver | None = None
    exposed: Mapping[str, Request | None] = field(default_factory=dict)  # file_parts.Outside says which
    targets: frozenset[str] = frozenset()
    gone: Gone = agreed.NOTHING  # if it does not exist


@dataclass(frozen=True)
class Wanted:
    """The cluster of a document: `receiver` and `schedule` are None for none, `exposed` if the file does not say."""

    spec: ClusterSpec
    schedule: schedule.Request | None
    receiver: Receiver | None
    exposed: tuple[Request, ...] | None = None

    def outside(self, state: State) -> file_parts.Outside:
        return file_parts.Outside(state.exposed, self.exposed)

    def going(self, state: State) -> frozenset[str]:
        before, after = state.spec.replicas if state.spec else 0, self.spec.replicas
        return frozenset(names.pod(self.spec.name, number) for number in range(after, before) if after)


@dataclass(frozen=True)
class Action:
    """One verb, and why."""

    verb: str
    why: str


def wanted(document: Document, new: ClusterSpec, state: State) -> Wanted:
    """`new` is the spec of a new cluster without anything chosen. Raises ConfigError."""
    base = state.spec or new
    if state.spec is not None and state.spec.replicas == 0:
        base = replace(base, replicas=state.replicas_stopped)
    spec = cluster_file.spec_of(document, base, is_running=state.spec is not None)
    return Wanted(
        spec,
        cluster_file.schedule_of(document, state.schedule),
        cluster_file.receiver_of(document, state.receiver),
        cluster_file.exposed_of(document),
    )


def plan(goal: Wanted, state: State, choice: Choice) -> tuple[Action, ...]:
    """The verbs in order; raises Refused with every reason, before anything is changed."""
    if state.is_remade and state.spec is None:
        return (Action(FINISH, "its StatefulSet is being replaced, and the command was killed"),)
    if reasons := [*_refused(goal, state), *_no_target(goal, state, choice), *_not_agreed(goal, state, choice)]:
        raise Refused(reasons)
    return tuple(_actions(goal, state))


def differences(goal: Wanted, state: State) -> list[Difference]:
    """What the file says otherwise than the cluster, in the order of the file's reference."""
    if state.spec is None:
        return [Difference("cluster", None if state.gone == agreed.NOTHING else state.gone, goal.spec.name)]
    running = state.spec if state.spec.replicas else replace(state.spec, replicas=state.replicas_stopped)
    return [
        *_of_spec(goal.spec, running),
        *_of_settings(goal.spec.mysqld, running.mysqld),
        *file_parts.differences(cluster_file.SCHEDULE, state.schedule, goal.schedule),
        *file_parts.differences(cluster_file.BINLOG, state.receiver, goal.receiver),
        *goal.outside(state).differences(),
    ]


def unfinished(goal: Wanted, state: State) -> list[Difference]:
    """What a command left to be done, although the fields are as wanted."""
    open_verbs = (FINISH, SETTLE, RESUME)
    found = [] if state.spec is None else [*_unfinished(state), *_actions(goal, state)]
    return [
        Difference(action.verb, action.why, "finished")
        for action in dict.fromkeys(found)
        if action.verb in open_verbs or action.why == _INTERRUPTED
    ]


def _of_spec(goal: ClusterSpec, running: ClusterSpec) -> Iterator[Difference]:
    for name, path in _FIELDS.items():
        if live.differs(name, goal, running):
            yield Difference(path, getattr(running, name), getattr(goal, name))


def _of_settings(goal: Mapping[str, str | None], running: Mapping[str, str | None]) -> Iterator[Difference]:
    for key in sorted({*goal, *running}):
        if key not in goal or key not in running or goal[key] != running[key]:
            said = [setting_secrets.said(key, among) for among in (running, goal)]
            yield Difference(f"{_SETTING}.{key}", *said)


def _refused(goal: Wanted, state: State) -> Iterator[Reason]:
    """What no verb does, whatever is chosen."""
    running = state.spec
    if running is None:
        return
    name = running.name
    if running.replicas == 0:
        yield Reason("stopped", f"{name} is stopped", f"mysqlops start {name}, then apply again")
    if rollout.goes_back(state.rollout):
        text = f"a rollout of {name} is being taken back: {state.rollout.failure if state.rollout else ''}"
        yield Reason("rollout-open", text, f"mysqlops upgrade {name} --resume, then correct the file")
    if goal.spec.storage_class != running.storage_class:
        default = running.storage_class or "the default"
        text = f"spec.storage.class {goal.spec.storage_class}: {name} runs with {default}"
        hint = "a running cluster keeps its class: deploy another one, and restore a backup there"
        yield Reason("changed-option", text, hint)
    if quantity.parse(goal.spec.storage_size) < quantity.parse(running.storage_size):
        text = f"spec.storage.size {goal.spec.storage_size}: volumes of {running.storage_size} cannot shrink"
        yield Reason("shrinks", text, "back up, and restore into a new cluster with smaller volumes")
    changed = _of_settings(mysqld_config.by_name(goal.spec.mysqld), mysqld_config.by_name(running.mysqld))
    yield from settings.belongs_to_data(difference.path.removeprefix(f"{_SETTING}.") for difference in changed)
    if goal.receiver and state.receiver and goal.receiver.target != state.receiver.target:
        text = f"{cluster_file.BINLOG}.target {goal.receiver.target}: the binary logs go to {state.receiver.target}"
        yield Reason("other-target", text, f"mysqlops backup binlog stop {name}, then apply again")


def _no_target(goal: Wanted, state: State, choice: Choice) -> Iterator[Reason]:
    existing = {*state.targets, *choice.added}
    for section, request in ((cluster_file.SCHEDULE, goal.schedule), (cluster_file.BINLOG, goal.receiver)):
        if request is not None and request.target not in existing:
            listed = ", ".join(sorted(existing)) or "none"
            text = f"{section}.target {request.target}: no such target; the namespace has {listed}"
            hint = f"add a document of kind BackupTarget to the file, or mysqlops backup target add {request.target}"
            yield Reason("no-such-target", text, hint)


def _not_agreed(goal: Wanted, state: State, choice: Choice) -> Iterator[Reason]:
    if state.spec is None:
        return agreed.deploy(goal.spec.name, state.gone, choice)
    return agreed.members_go(goal.spec.replicas, goal.going(state), choice)


def _actions(goal: Wanted, state: State) -> Iterator[Action]:
    running = state.spec
    if running is None or not state.is_complete:
        yield Action(DEPLOY, _of_new(goal.spec) if running is None else "it was never seen whole: wait for that")
    if running is not None:
        yield from _unfinished(state)
        found = [*_changes(goal, running)]
        yield from found
        if state.noted in (RESIZE, SCALE, CONFIGURE, UPGRADE) and state.noted not in {action.verb for action in found}:
            yield Action(state.noted, _INTERRUPTED)
    yield from _backups(goal, state)
    yield from _ways_in(goal, state)


def _of_new(spec: ClusterSpec) -> str:
    members = f"{spec.replicas} members" if spec.replicas > 1 else "one member"
    return f"{members} of {spec.image}, each with {spec.memory} of memory and a volume of {spec.storage_size}"


def _unfinished(state: State) -> Iterator[Action]:
    if state.is_remade:
        yield Action(FINISH, "its StatefulSet is being replaced, and the command was killed")
    if state.rollout is not None:
        yield Action(RESUME, f"a rollout is open: {state.rollout.why}")
    if state.unproven:
        yield Action(SETTLE, f"a killed command left {', '.join(state.unproven)} live")


def _changes(goal: Wanted, running: ClusterSpec) -> Iterator[Action]:
    """Room first; more members before a rollout, which is safer with them, and fewer after it."""
    spec = goal.spec
    changed = {difference.path: str(difference) for difference in _of_spec(spec, running)}
    of_settings = [str(difference) for difference in _of_settings(spec.mysqld, running.mysqld)]
    rolled = [text for path, text in changed.items() if path not in [_FIELDS[field] for field in _ELSEWHERE]]
    scale = [Action(SCALE, changed[_FIELDS["replicas"]])] if spec.replicas != running.replicas else []
    if text := changed.get(_FIELDS["storage_size"]):
        yield Action(RESIZE, text)
    if spec.replicas > running.replicas:
        yield from scale
    if rolled:
        yield Action(UPGRADE, ", ".join([*rolled, *of_settings]))
    elif of_settings:
        yield Action(CONFIGURE, ", ".join(of_settings))
    if spec.replicas < running.replicas:
        yield from scale


def _backups(goal: Wanted, state: State) -> Iterator[Action]:
    pairs = (
        (cluster_file.SCHEDULE, state.schedule, goal.schedule, (SCHEDULE, UNSCHEDULE)),
        (cluster_file.BINLOG, state.receiver, goal.receiver, (STREAM, STOP_STREAM)),
    )
    for section, running, request, (put, remove) in pairs:
        changed = [str(difference) for difference in file_parts.differences(section, running, request)]
        if changed or state.noted in (put, remove):
            yield Action(put if request else remove, ", ".join(changed) or _INTERRUPTED)


def _ways_in(goal: Wanted, state: State) -> Iterator[Action]:
    """Closing first: the port of a node may be wanted for another Service."""
    outside = goal.outside(state)
    if closed := outside.to_close():
        yield Action(UNEXPOSE, f"{file_fields.EXPOSE} does not name {', '.join(closed)}")
    if outside.to_open():
        closing = [f"{file_fields.EXPOSE}.{name}" for name in closed]
        yield Action(EXPOSE, ", ".join(str(one) for one in outside.differences() if one.path not in closing))


def spec_for(verb: str, goal: ClusterSpec, running: ClusterSpec) -> ClusterSpec:
    """The running spec with what this verb changes."""
    if verb == CONFIGURE:
        return replace(running, mysqld=goal.mysqld)
    return replace(goal, **{field: getattr(running, field) for field in _ELSEWHERE})


def noted(text: str) -> str:
    """The verb that a note of the Lease names; empty if it is none of ours: every member may write there."""
    return text if text in _VERBS else ""
