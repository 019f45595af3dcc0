"""Users' commands: each verb as cli/* runs it, lock included, as a process that can be killed, stopped and repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.operations import (
    data_version,
    delete,
    deploy,
    lock,
    member,
    observe,
    recover,
    remake,
    restart,
    rollout,
    scale,
    stop,
    storage,
    switchover,
    upgrade,
)
from mysqlops.operations.session import Progress, Session
from mysqlops.planning import switchover as switching
from tests.simulation import backup_verbs, more_verbs
from tests.simulation.clients import CliClient
from tests.simulation.faults import Event
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

_TIMEOUT_SECONDS = 150.0
BAD_IMAGE = "mysql:9.7.99-bad"
_TRIES = 6  # of a command that found the cluster locked


@dataclass
class Command:
    """One run of a verb."""

    verb: str
    who: int
    process: Process | None = None
    outcome: str = "running"
    last_words: str = ""
    hint: str = ""
    refused: str = ""  # the hints of a refusal
    tries: int = 0
    ended_at: float = 0.0
    took_lock_at: float | None = None
    accepts_loss_of: tuple[str, ...] = ()
    may_delete: set[str] | None = None  # the UIDs of what its user has seen

    def __str__(self) -> str:
        return f"{self.verb} {self.who}"


class UserClient(CliClient):
    """A user who may do everything: the sixty questions whether he may are not asked one by one."""

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        if kind == "SelfSubjectAccessReview":
            return {"status": {"allowed": True}}
        return super().create(kind, manifest, dry_run=dry_run)


class Verbs:
    """Runs commands and remembers how they ended."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.commands: list[Command] = []
        self.wanted_replicas = 3
        self.image = ""  # of the cluster that was deleted last: who deploys it again gives that one

    def run(self, verb: str, who: int) -> Command:
        command = Command(verb, who)
        command.process = Process(
            self.world.scheduler, f"cli {verb}", lambda: self._body(command), partial(self._ended, command)
        )
        command.process.nap = self._nap
        self.commands.append(command)
        return command

    def again(self, killed: Command) -> None:
        """The user repeats what was killed."""
        self.run(killed.verb, killed.who)

    def by_event(self, verb: str, event: Event) -> None:
        self.run(verb, event.who)

    def _nap(self, seconds: float) -> float:
        return seconds if seconds > 1.0 else self.world.random.uniform(0.5, 2.0)

    def _ended(self, command: Command) -> None:
        command.ended_at = self.world.now()
        if command.outcome == "running":
            command.outcome = "killed"
        self.world.say(f"CLI {command}: {command.outcome[:200]}")
        if command.outcome.startswith("locked") and command.tries < _TRIES:
            self.world.scheduler.after(self.world.random.uniform(2.0, 9.0), partial(self._again, command))

    def _again(self, command: Command) -> None:
        """The user does what he is told: he waits, and tries again."""
        self.run(command.verb, command.who).tries = command.tries + 1

    def _body(self, command: Command) -> None:
        self.world.say(f"CLI {command}: begins")
        try:
            VERBS[command.verb](self, self._session(command), command)
            command.outcome = "ok"
        except errors.MysqlopsError as error:
            command.outcome, command.hint = f"{error.code}: {error}", str(error.hint or "")
            if isinstance(error, errors.Refused):
                command.refused = "; ".join(reason.hint or "" for reason in error.reasons)

    def _session(self, command: Command) -> Session:
        def say(text: str) -> None:
            command.last_words = text
            self.world.say(f"  [cli {command.verb}] {text}")

        def waiting(text: str) -> None:
            command.last_words = text

        world = self.world
        client = UserClient(
            world.api, world.before_call, world.after_call, run_in=world.programs.run_in, logs=world.logs
        )
        return Session(client, world.user_clock, Progress(say, waiting, say), _TIMEOUT_SECONDS)

    @contextmanager
    def changing(self, session: Session, command: Command) -> Iterator[None]:
        """As cli/context.py does it."""
        with lock.held(session, self.world.name, command.verb):
            command.took_lock_at = self.world.now()
            yield

    def member(self, command: Command) -> str:
        return names.pod(self.world.name, command.who)


def _deploy(verbs: Verbs, session: Session, command: Command) -> None:
    spec = verbs.world.spec(command.who)
    spec = replace(spec, image=verbs.image or spec.image)
    deploy.check(session, spec)
    with verbs.changing(session, command):
        plan = deploy.apply(session, spec, {"replicas"})
    status = deploy.await_healthy(session, spec.name)
    data_version.note_alone(session, status)
    if plan.steps:
        deploy.prove(session.client, status)


def _deploy_whole(verbs: Verbs, session: Session, command: Command) -> None:
    command.who = verbs.wanted_replicas = 3
    _deploy(verbs, session, command)


def _delete(verbs: Verbs, session: Session, command: Command) -> None:
    found = verbs.world.find("StatefulSet", verbs.world.name)
    image = found["spec"]["template"]["spec"]["containers"][0]["image"] if found else BAD_IMAGE
    verbs.image = verbs.image if image == BAD_IMAGE else image
    with verbs.changing(session, command):
        plan = delete.plan(session.client, verbs.world.name, purge_data=False)
        delete.execute(session, verbs.world.name, plan)


def _delete_and_deploy(verbs: Verbs, session: Session, command: Command) -> None:
    """The same cluster again, perhaps with fewer members."""
    _delete(verbs, session, command)
    command.who = (1, 3, 3)[command.who % 3]
    verbs.wanted_replicas = command.who
    _deploy(verbs, session, command)


def _scale(verbs: Verbs, session: Session, command: Command) -> None:
    _scale_to(verbs, session, command, (1, 3, 5)[command.who % 3])


def _bring_back(verbs: Verbs, session: Session, command: Command) -> None:
    """To as many members as an error names."""
    _scale_to(verbs, session, command, command.who)


def _scale_to(verbs: Verbs, session: Session, command: Command, target: int) -> None:
    with verbs.changing(session, command):
        scale.plan(session, verbs.world.name, target, scale.Request())
        verbs.wanted_replicas = target
        scale.execute(session, verbs.world.name, target, scale.Request())


def _scale_and_delete(verbs: Verbs, session: Session, command: Command) -> None:
    target = (1, 3)[command.who % 2]
    with verbs.changing(session, command):
        scale.plan(session, verbs.world.name, target, scale.Request(scale.DELETE))
        verbs.wanted_replicas = target
        scale.execute(session, verbs.world.name, target, scale.Request(scale.DELETE))


def _recover(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        found, order = recover.plan(session, verbs.world.name)
        verbs.world.ledger.accept_loss([risk.member for risk in found.risks], "recover")
        recover.execute(session, verbs.world.name, order)


def _rebuild(verbs: Verbs, session: Session, command: Command, *, accept_loss: bool = False) -> None:
    with verbs.changing(session, command):
        if accept_loss:
            verbs.world.ledger.accept_loss([verbs.member(command)], "rebuild --accept-loss")
        member.rebuild(session, verbs.world.name, verbs.member(command), accept_loss=accept_loss)


def _fence(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        member.fence(session, verbs.world.name, verbs.member(command), "by hand")


def _unfence(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        member.unfence(session, verbs.world.name, verbs.member(command))


def _switchover(verbs: Verbs, session: Session, command: Command) -> None:
    limits = switching.Limits()
    with verbs.changing(session, command):
        chosen = switchover.plan(session, verbs.world.name, None, limits)
        if chosen is not None:
            switchover.execute(session, verbs.world.name, chosen, limits)


def _stop(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        stop.stop(session, verbs.world.name)


def _start(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        stop.start(session, verbs.world.name)


def _restart(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        restart.check(session, verbs.world.name)
        restart.execute(session, verbs.world.name)


def _upgrade(verbs: Verbs, session: Session, command: Command, image: str = "mysql:9.7.5") -> None:
    with verbs.changing(session, command):
        running = observe.must_run(session.client, verbs.world.name)
        change = upgrade.plan(session, verbs.world.name, running, upgrade.wanted_spec(running, {"image": image}))
        upgrade.execute(session, verbs.world.name, change, rollout.Limits(60.0))


_Way = Callable[[Session, str, rollout.Limits], list[str]]


def _upgrade_way(verbs: Verbs, session: Session, command: Command, way: _Way) -> None:
    with verbs.changing(session, command):
        way(session, verbs.world.name, rollout.Limits(60.0))


def _resize(verbs: Verbs, session: Session, command: Command, *, by_rebuild: bool) -> None:
    with verbs.changing(session, command):
        remake.finish(session, verbs.world.name)
        size = f"{20 + 10 * command.who}Gi"
        change = storage.plan(session, verbs.world.name, size, by_rebuild=by_rebuild)
        storage.execute(session, verbs.world.name, change)


VERBS: dict[str, Callable[[Verbs, Session, Command], None]] = {
    "deploy": _deploy,
    "deploy-whole": _deploy_whole,
    "delete-and-deploy": _delete_and_deploy,
    "scale": _scale,
    "bring-back": _bring_back,
    "scale-and-delete": _scale_and_delete,
    "recover": _recover,
    "rebuild": _rebuild,
    "rebuild-with-loss": partial(_rebuild, accept_loss=True),
    "fence": _fence,
    "unfence": _unfence,
    "switchover": _switchover,
    "stop": _stop,
    "start": _start,
    "restart": _restart,
    "upgrade": _upgrade,
    "upgrade-to-bad": partial(_upgrade, image=BAD_IMAGE),
    "resume": partial(_upgrade_way, way=upgrade.resume),
    "roll-back": partial(_upgrade_way, way=upgrade.roll_back),
    "forward": partial(_upgrade_way, way=upgrade.go_forward),
    "resize-by-rebuild": partial(_resize, by_rebuild=True),
    **more_verbs.MORE,
    **backup_verbs.BACKUPS,
}
