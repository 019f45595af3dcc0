"""Change my.cnf: settings that can change live are set on every member at once, the others by a rollout.

Live: one replica first, then the other members, then a write as a client makes it. If a server refuses the value or
the write, every member gets the values of my.cnf again; if no answer came, the change stays open. Only proven settings
are written to the ConfigMap, in place: until then a server that restarts has the old values, and the next run undoes
what a killed run left (unproven.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced

from mysqlops import errors
from mysqlops.core import mysqld_config, publication, setting_kinds, setting_secrets, view
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import render
from mysqlops.operations import agents, image_check, observe, owned, programs, proof, rollout, unproven, upgrade
from mysqlops.operations.session import Session
from mysqlops.planning import settings, status


@dataclass(frozen=True)
class Change:
    """Variable -> new value (None: the server's default); `rolling` if some take a restart (`static`)."""

    values: Mapping[str, str | None]
    static: tuple[str, ...]
    config_map: Json
    rolling: upgrade.Change | None

    def steps(self) -> tuple[Step, ...]:
        if self.rolling is not None:
            return self.rolling.steps
        return tuple(
            Step("set", "Variable", name, "to the server's default" if value is None else f"to {value}, at once")
            for name, value in ((name, setting_secrets.shown(name, value)) for name, value in self.values.items())
        )


def with_settings(running: observe.Running, given: Mapping[str, str | None]) -> ClusterSpec:
    """The running spec with other settings, each value as a line of my.cnf has it; None removes a setting. Raises
    ConfigError."""
    source = "config set"
    wanted = {key: f"{key}={value}" for key, value in given.items() if value is not None}
    for key, line in wanted.items():
        if len(found := mysqld_config.parse(f"[mysqld]\n{line}", source)) != 1 or "\n" in line:
            raise errors.ConfigError(f"{key!r} sets {len(found)} variables: give each one as KEY=VALUE")
    parsed = mysqld_config.parse("\n".join(["[mysqld]", *wanted.values()]), source)
    checked = mysqld_config.check_user_settings(parsed, source, running.spec.mysqld)
    taken = {mysqld_config.normalise(key) for key in given}
    kept = {key: value for key, value in running.spec.mysqld.items() if mysqld_config.normalise(key) not in taken}
    return replaced(running.spec, mysqld={**kept, **checked})


def reverted(running: observe.Running) -> ClusterSpec:
    """The running spec with the settings before the last change; raises Refused. The cluster ran with them: for values
    that only an older version allowed, must_fit warns, and the way back stays open."""
    text = running.settings.get(render.PREVIOUS_CNF)
    if text is None:
        raise Refused([Reason("no-previous", f"no earlier settings of {running.spec.name} are recorded")])
    return replaced(running.spec, mysqld=mysqld_config.read(mysqld_config.parse(text, render.PREVIOUS_CNF)))


def plan(
    session: Session, name: str, running: observe.Running, spec: ClusterSpec, again: Collection[str] = ()
) -> Change:
    """What would change, once a server of the image has accepted the whole my.cnf; raises Refused.

    Variables named in `again` are set live although my.cnf has their values already: a run may have been killed, or
    somebody used SET GLOBAL.
    """
    now = observe.judged(session, name)
    upgrade.check_whole(now)
    objects = upgrade.objects(running, spec, in_place=True)
    config_map = next(manifest for manifest in objects if manifest["metadata"]["name"] == running.in_use.config)
    old = running.settings.get(render.MY_CNF, "")
    values = settings.changes(old, config_map["data"][render.MY_CNF])
    if reasons := settings.belongs_to_data(values):
        raise Refused(reasons)
    wanted = settings.values(config_map["data"][render.MY_CNF])
    kinds = _kinds(session, now, [*values, *map(mysqld_config.normalise, again)])
    static = tuple(key for key in values if kinds[key] != setting_kinds.DYNAMIC)
    if static:
        return Change(values, static, config_map, upgrade.plan(session, name, running, spec))
    values |= {one: wanted.get(one) for one, kind in kinds.items() if kind == setting_kinds.DYNAMIC}
    owned.check(session.client, [(config_map, session.client.find("ConfigMap", running.in_use.config))])
    image_check.must_fit(session, spec, running.spec)
    image_check.must_pass(session, spec, objects)
    return Change(values, (), config_map, None)


def _kinds(session: Session, now: status.Status, values: Collection[str]) -> dict[str, str]:
    if not values:
        return {}
    if now.primary is None:
        raise errors.WaitTimeout(f"{now.name} has no primary to ask")
    found = agents.run(session.client, now.primary, programs.SETTING_KINDS, *values, timeout_seconds=20)
    # A value that is set live goes through an argument of a program in the pod, which audit logs keep, and a statement.
    waits = {*filter(settings.waits_for_start, found), *setting_secrets.any_of(found)}
    return {one: setting_kinds.STATIC if one in waits else kind for one, kind in found.items()}


def execute(session: Session, name: str, change: Change, limits: rollout.Limits) -> list[str]:
    """Make the change; the pods replaced. Raises Refused if a server refuses a value, StepFailed if rolled back."""
    if change.rolling is not None:
        return upgrade.execute(session, name, change.rolling, limits)
    now = observe.judged(session, name)
    members = [member.name for member in now.members if member.name != now.primary]
    members += [now.primary] if now.primary else []
    unproven.settle(session, name)  # what a killed run noted: the new note would replace it
    run = unproven.begin(session, name, change.values) if change.values else ""
    _try(session, name, members, change, run)
    session.client.apply(change.config_map)
    session.progress.say(f"set on {', '.join(members)}")
    _await_files(session, name, change.config_map["data"][render.MY_CNF])
    for member in members:  # a server that restarted before it got the new file has the old values
        unproven.put(session, member, change.values, run)
    if change.values:
        unproven.end(session, name)
    return []


def _try(session: Session, name: str, members: Sequence[str], change: Change, run: str) -> None:
    """Set the values, and write as a client does; if a server refuses, sets the old values again and raises the reason.
    Without an answer to the write, the values and their note stay."""
    try:
        _put_everywhere(session, name, members, change, run)
        if change.values:
            hint = f"run it again, or mysqlops config set {name} --settle sets the values of my.cnf"
            proof.of_client(session, name, hint)
    except proof.NoWrite as error:
        _must_set_back(session, name, change, error)
        text = f"clients could not write with the new {', '.join(change.values)}: {error.__cause__}"
        hint = "correct the value; `mysqlops explain configuration` says what each setting must allow"
        raise Refused([Reason("stops-writes", f"{text}; the values of my.cnf are set again", hint)]) from error
    except KeyboardInterrupt:  # no client's write has proved the values yet
        session.progress.say("setting the values of my.cnf again")
        if left := unproven.set_back(session, name):
            session.progress.warn(f"the values of my.cnf are not restored on {'; '.join(left)}")
        raise


def _put_everywhere(session: Session, name: str, members: Sequence[str], change: Change, run: str) -> None:
    """Raises Refused, or StepFailed if a member could not be asked; the values of my.cnf are set again before."""
    done: list[str] = []
    try:
        for member in members:
            unproven.put(session, member, change.values, run)
            done.append(member)
    except errors.OperationLocked:  # whoever has the lock now finds the note
        raise
    except Refused as error:
        if done:
            _must_set_back(session, name, change, error)
        else:  # the first member has set its old values again
            unproven.end(session, name)
        raise
    except errors.MysqlopsError as error:
        _must_set_back(session, name, change, error)
        text = f"{', '.join(change.values)}: {error}; the values of my.cnf are set again"
        raise errors.StepFailed(text, hint=f"mysqlops status {name}, then run it again") from error


def _must_set_back(session: Session, name: str, change: Change, why: Exception) -> None:
    """Raises StepFailed if a member could not be asked."""
    if left := unproven.set_back(session, name):
        keys = ", ".join(change.values)
        text = f"{keys}: {why}; and the values of my.cnf are not restored on {'; '.join(left)}"
        raise errors.StepFailed(text, hint=f"mysqlops restart {name} restarts every server with my.cnf") from why


def _await_files(session: Session, name: str, my_cnf: str) -> None:
    """kubelet updates a changed ConfigMap in pods within a minute or so; until then a restart brings old values."""
    digest = publication.config_digest(my_cnf.encode())
    observe.until(
        session,
        name,
        lambda now: all(member.config == digest for member in now.members if member.state == view.ONLINE),
        "every member's my.cnf to have it too",
    )


@dataclass(frozen=True)
class Value:
    """One variable: its value in my.cnf (None: not set), and the value that each member runs with."""

    name: str
    configured: str | None
    by_user: bool
    running: Mapping[str, str | None]

    def differs(self) -> bool:
        """True if a member's value differs from my.cnf."""
        return self.configured is not None and any(
            settings.differs(self.name, self.configured, value) for value in self.running.values()
        )

    def as_json(self) -> Json:
        shown = self.shown()
        return {"name": self.name, "my_cnf": shown.configured, "by_user": self.by_user, "members": dict(shown.running)}

    def shown(self) -> Value:
        """As it may be printed."""
        running = {member: setting_secrets.shown(self.name, value) for member, value in self.running.items()}
        return replaced(self, configured=setting_secrets.shown(self.name, self.configured), running=running)


def read(session: Session, name: str, keys: list[str]) -> list[Value]:
    """The variables asked for, or all that my.cnf sets; raises Refused if a server does not know one."""
    running = observe.must_run(session.client, name)
    configured = settings.values(running.settings.get(render.MY_CNF, ""))
    wanted_keys = [mysqld_config.normalise(key) for key in keys] or sorted(configured)
    online = [member.name for member in observe.judged(session, name).members if member.state == view.ONLINE]
    answers = {
        pod: agents.run(session.client, pod, programs.GET_SETTINGS, *wanted_keys, timeout_seconds=30) for pod in online
    }
    unknown = [key for key in keys if all(mysqld_config.normalise(key) not in found for found in answers.values())]
    if unknown:
        text = f"the servers of {name} know no variable {', '.join(unknown)}"
        raise Refused([Reason("unknown-variable", text, f"mysqlops config get {name} lists what is set")])
    return [
        Value(
            key,
            configured.get(key),
            key in mysqld_config.by_name(running.spec.mysqld),
            {pod: found[key] for pod, found in answers.items() if key in found},
        )
        for key in wanted_keys
    ]
