"""A whole drill: check, announce, round after round, report, and leave nothing behind; or undo one that was killed."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.drill import LAB, TARGET, Record, Report, Round
from mysqlops.operations import lock, observe, targets
from mysqlops.operations.drill import faults, fleet, healing, lab, record, round, rows, signals, store
from mysqlops.operations.drill.scene import Drill, Fault, Scene
from mysqlops.operations.session import Session
from mysqlops.planning import schedule, status
from mysqlops.planning.drill import choice, statistic
from mysqlops.version import __version__

Json = dict[str, Any]
_LOCK_SECONDS = 25.0
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Wish:
    """What `drill` was told."""

    count: int
    clients: int
    slo: dict[str, float]
    seed: int | None = None
    force: str = ""
    target: str | None = None
    folder: Path = Path("drills")
    uses_lab: bool = True


@dataclass(frozen=True)
class Plan:
    """A drill that may begin."""

    session: Session
    name: str
    fault: Fault
    wish: Wish
    seed: int
    status: status.Status
    lab: lab.Lab | None

    def preview(self) -> list[str]:
        about, spared = self.fault.about, self.lab.control_plane if self.lab else None
        hit = choice.target(about, self.status, self.seed, 1, spared)
        lines = choice.preview(about, self.status, hit, self.wish.count, self.wish.clients)
        if choice.must_move(about, self.status, spared):
            lines.append(f"first: {hit} shares its node with the API server, so another member is made primary")
        return lines


def the_cluster(session: Session, name: str | None) -> str:
    """The one that is named, or the only one of the namespace; raises ConfigError."""
    if name is not None:
        return name
    found = session.client.list("StatefulSet", f"{names.LABEL_NAME}={names.APP_NAME}")
    listed = sorted(str(one["metadata"]["name"]) for one in found)
    if len(listed) != 1:
        text = f"--cluster: which of {', '.join(listed)}?" if listed else "the namespace holds no cluster"
        raise errors.ConfigError(text, hint="--cluster NAME, --namespace NAME")
    return listed[0]


def plan(session: Session, name: str, fault: Fault, wish: Wish) -> Plan:
    """Raises Refused with every reason, ConfigError."""
    choice.check_count(wish.count)
    record.check_none(session.client, name)
    seen = observe.cluster(session.client, name, session.clock)
    judged, own = status.judge(seen), lab.find(session.client) if wish.uses_lab else None
    has_target = fault.about.needs != TARGET or bool(targets.everything(session.client))
    schedules = [schedule.judge(one, session.clock.now()) for one in seen.schedules]
    reasons = choice.refusals(
        fault.about, judged, schedules, has_lab=own is not None, has_target=has_target, force=wish.force
    )
    if reasons:
        raise errors.Refused(reasons)
    seed = wish.seed if wish.seed is not None else secrets.randbelow(1_000_000)
    return Plan(session, name, fault, wish, seed, judged, own)


def possible(session: Session, name: str, wish: Wish) -> tuple[list[str], dict[str, str]]:
    """The faults of `drill all`, and why others are left out; raises Refused for what concerns all of them."""
    here: list[str] = []
    skipped: dict[str, str] = {}
    for one, fault in faults.FAULTS.items():
        if not fault.about.in_all:
            continue
        try:
            plan(session, name, fault, wish)
            here.append(one)
        except errors.Refused as error:
            if any(reason.code not in _OF_ONE_FAULT for reason in error.reasons):
                raise
            skipped[one] = str(error)
    return here, skipped


_OF_ONE_FAULT = {"needs-lab", "needs-target"}


@dataclass(frozen=True)
class Outcome:
    """The report, where it is, and what ended the drill early (None: nothing did)."""

    report: Report
    folder: Path
    failure: BaseException | None


def execute(chosen: Plan) -> Outcome:
    """All rounds. The report is written whatever happens; each round is on disk before the next begins."""
    session, name, wish = chosen.session, chosen.name, chosen.wish
    about, by = chosen.fault.about, _who()
    drill = Drill(session, name, chosen.fault, wish.clients, chosen.seed, by, chosen.lab, {"target": wish.target})
    report = _new_report(chosen)
    folder, began = store.Folder(wish.folder, about.name, session.clock.now()), session.clock.monotonic()
    folder.write(report)  # a folder that takes nothing is met before anything is broken
    done: list[Round] = []
    failure: BaseException | None = None
    try:
        with signals.handled(_ENDING, _stop), _open(chosen, by):
            for number in range(1, wish.count + 1):
                result = round.run(drill, number)
                done.append(result.round)
                folder.keep(result)
                report = statistic.finish(report, done, seconds=session.clock.monotonic() - began)
                folder.write(report)
                session.progress.say(_sentence(result.round, wish.count))
                if result.round.failed:
                    raise errors.WaitTimeout(f"round {number}: {result.round.failed}", hint=f"mysqlops status {name}")
    except (errors.MysqlopsError, KeyboardInterrupt) as error:
        failure = error
    stopped = "" if failure is None else str(failure) or "interrupted"
    report = statistic.finish(report, done, stopped=stopped, seconds=session.clock.monotonic() - began)
    folder.write(report)
    return Outcome(report, folder.path, failure)


def _sentence(one: Round, count: int) -> str:
    if one.failed:
        return f"round {one.number} of {count}: {one.failed}"
    wrong = ", ".join(f"{one.counts[kind]} {kind}" for kind in statistic.MUST_BE_ZERO if one.counts.get(kind))
    return f"round {one.number} of {count}: write gap {one.gap:.2f} s, {one.counts['acknowledged']} writes" + (
        f", {wrong}" if wrong else ", nothing lost"
    )


def _new_report(chosen: Plan) -> Report:
    session, wish = chosen.session, chosen.wish
    servers = sorted({one.version for one in chosen.status.members if one.version})
    versions = {"mysqlops": __version__, "MySQL": ", ".join(servers), "Kubernetes": session.client.version()}
    return Report(
        fault=chosen.fault.about.name,
        does=chosen.fault.about.does,
        cluster=chosen.name,
        namespace=session.client.namespace,
        at=f"{session.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        seed=chosen.seed,
        wanted=wish.count,
        clients=wish.clients,
        slo=wish.slo,
        members=len(chosen.status.members),
        forced=wish.force,
        versions=versions,
        options=({"target": wish.target} if wish.target else {}) | ({} if wish.uses_lab else {"no-lab": ""}),
    )


@contextmanager
def _open(chosen: Plan, by: str) -> Iterator[None]:
    """The record says that a drill runs; at the end nothing of it is left."""
    session, name = chosen.session, chosen.name
    began = f"{session.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    fleet.remove_all(session, name)  # what a killed drill before this one left would write among ours
    record.write(session, name, Record(chosen.fault.about.name, began, by))
    is_evidence = False
    try:
        yield
    except errors.WaitTimeout:
        is_evidence = True
        raise
    finally:
        # A fault that is not undone, for whatever reason, stays on record for `drill abort`, as does what undoes it.
        found = record.read(session.client, name)
        if found is None or (found.fault == chosen.fault.about.name and not found.deadline):
            clean(session, name, keeps_table=is_evidence)


def clean(session: Session, name: str, *, keeps_table: bool = False) -> None:
    """Remove clients, table and record. The table of a cluster that did not come back is evidence."""
    fleet.remove_all(session, name)
    now = observe.judged(session, name)
    if now.primary is not None and not keeps_table:
        with suppress(errors.MysqlopsError):
            rows.drop(session, now.primary)
    record.write(session, name, None)


def _stop(_: int, __: FrameType | None) -> None:
    """SIGTERM and SIGHUP end a drill as Ctrl-C does: by healing what it broke."""
    raise KeyboardInterrupt


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user} (process {os.getpid()} on {socket.gethostname()})"


def abort(session: Session, name: str) -> Record | None:
    """Undo what a drill broke, and remove what it left. None: there was none.

    Raises OperationLocked if the drill still runs, which heals by itself; Refused where nothing can be undone.
    """
    found = record.read(session.client, name)
    if found is not None and found.fault not in faults.FAULTS:
        text = f"this mysqlops cannot read what the drill of {found.fault} by {found.by} broke"
        remove = f"kubectl annotate lease {names.group_lease(name)} {names.ANNOTATION_DRILL}-"
        hint = f"abort with the release that ran it; if nothing is broken: {remove}"
        raise errors.Refused([errors.Reason("unreadable-drill", text, hint)])

    def undo() -> None:
        if found is not None and found.deadline:
            _undo(session, name, found)
        clean(session, name)

    _locked(session, name, undo)
    return found


def _undo(session: Session, name: str, found: Record) -> None:
    fault, scene = faults.find(found.fault), _scene(session, name, found)
    if fault.about.needs == LAB and scene.lab is None:
        if f"{session.clock.now():%Y-%m-%dT%H:%M:%SZ}" <= found.deadline:
            text = f"{found.fault} acts on the lab's nodes, which this machine is not"
            hint = f"mysqlops drill abort {name} where {found.by} ran it; or wait: it is undone at {found.deadline}"
            raise errors.Refused([errors.Reason("needs-lab", text, hint)])
        session.progress.warn(
            f"{found.fault} undid itself at {found.deadline}; this machine cannot look whether it did"
        )
        return
    session.progress.say(f"undoing {found.fault} on {found.target}")
    try:
        healing.heal(fault, scene, found.facts)
    except (KeyError, ValueError, TypeError) as error:
        raise errors.StepFailed(f"the record of {found.fault} is damaged: {error!r}") from error


def _scene(session: Session, name: str, found: Record) -> Scene:
    now = observe.judged(session, name)
    cluster = fleet.cluster_of(session, now)
    return Scene(session, now, cluster, found.target, lab.find(session.client))


def _locked(session: Session, name: str, act: Callable[[], None]) -> None:
    """A killed drill's lock is stale within seconds."""
    deadline = session.clock.monotonic() + _LOCK_SECONDS
    while True:
        try:
            with lock.held(session, name, "drill abort"):
                act()
            return
        except errors.OperationLocked as error:
            session.progress.waiting(f"waiting for the lock of a killed drill: {error}")
            if session.clock.monotonic() > deadline:
                raise
        session.clock.sleep(1)
