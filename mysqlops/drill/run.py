"""A whole drill: check, announce, run each round, report, and clean up."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from mysqlops import errors
from mysqlops.core import instant, ownership
from mysqlops.drill import abort, faults, record, round, signals, store
from mysqlops.drill.clients import fleet
from mysqlops.drill.model import NODE, TARGET, Record, Report, Round
from mysqlops.drill.plan import choice
from mysqlops.drill.reach import lab, node_pods
from mysqlops.drill.reach.node_pods import Way
from mysqlops.drill.reach.nodes import Nodes
from mysqlops.drill.report import statistic
from mysqlops.drill.scene import Drill, Fault
from mysqlops.objects import schedule
from mysqlops.operations import clusters, lock, observe, targets
from mysqlops.operations.session import Session
from mysqlops.planning import status, verdict
from mysqlops.version import __version__

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Request:
    """The options of `drill`."""

    count: int
    clients: int
    slo: dict[str, float]
    seed: int | None = None
    force: str = ""
    target: str | None = None
    folder: Path = Path("drills")
    uses_lab: bool = True
    way: Way = field(default_factory=Way)  # to a node, without a lab


@dataclass(frozen=True)
class Plan:
    """A drill that may begin."""

    session: Session
    name: str
    fault: Fault
    request: Request
    seed: int
    status: status.Status
    lab: lab.Lab | None
    nodes: Nodes | None

    def preview(self) -> list[str]:
        about, spared = self.fault.about, self.lab.control_plane if self.lab else None
        hit = choice.target(about, self.status, self.seed, 1, spared)
        lines = choice.preview(about, self.status, hit, self.request.count, self.request.clients)
        if self.nodes is not None and self.nodes.namespace and about.needs == NODE:
            lines.append(f"reaches its node by: a privileged pod in namespace {self.nodes.namespace}")
        if choice.must_move(about, self.status, spared):
            lines.append(f"first: {hit} shares its node with the API server, so another member is made primary")
        return lines


def the_cluster(session: Session, name: str | None) -> str:
    """The named cluster, or the only one in the namespace; raises ConfigError."""
    if name is not None:
        return name
    listed = [ownership.cluster_of(found) for found in clusters.stateful_sets(session.client)]
    if len(listed) != 1:
        text = f"NAME: which of {', '.join(listed)}?" if listed else "the namespace has no cluster"
        raise errors.ConfigError(text, hint="give its NAME, or another --namespace")
    return listed[0]


def plan(session: Session, name: str, fault: Fault, request: Request) -> Plan:
    """Raises Refused with every reason, ConfigError."""
    choice.check_count(request.count)
    record.check_none(session.client, name)
    seen = observe.cluster(session.client, name, session.clock)
    judged, own = verdict.judge(seen), lab.find(session.client) if request.uses_lab else None
    has_target = fault.about.needs != TARGET or bool(targets.everything(session.client))
    schedules = [schedule.judge(cron_job, session.clock.now()) for cron_job in seen.schedules]
    reach = node_pods.choose(session, name, fault.about, own, request.way)
    has = choice.Has(lab=own is not None, nodes=reach is not None, target=has_target)
    reasons = choice.refusals(fault.about, judged, schedules, has, force=request.force)
    if reasons:
        raise errors.Refused(reasons)
    if isinstance(reach, node_pods.NodePods):
        reach.check()
    seed = request.seed if request.seed is not None else secrets.randbelow(1_000_000)
    return Plan(session, name, fault, request, seed, judged, own, reach)


def possible(session: Session, name: str, request: Request) -> tuple[list[str], dict[str, str]]:
    """The faults of `drill all`, and why others are left out; raises Refused for reasons that concern all of them."""
    here: list[str] = []
    skipped: dict[str, str] = {}
    for one, fault in faults.FAULTS.items():
        if not fault.about.in_all:
            continue
        try:
            plan(session, name, fault, request)
            here.append(one)
        except errors.Refused as error:
            if any(reason.code not in _OF_ONE_FAULT for reason in error.reasons):
                raise
            skipped[one] = str(error)
    return here, skipped


_OF_ONE_FAULT = {"needs-lab", "needs-node", "needs-target"}


@dataclass(frozen=True)
class Outcome:
    """The report, its folder, and the error that ended the drill early (None: it was not)."""

    report: Report
    folder: Path
    failure: BaseException | None


def execute(chosen: Plan) -> Outcome:
    """Run all rounds. The report is always written; each round is on disk before the next begins."""
    session, name, request = chosen.session, chosen.name, chosen.request
    about, by = chosen.fault.about, lock.who()
    own = {"target": request.target}
    drill = Drill(session, name, chosen.fault, request.clients, chosen.seed, by, chosen.lab, chosen.nodes, own)
    report = _new_report(chosen)
    folder, began = store.Folder(request.folder, about.name, session.clock.now()), session.clock.monotonic()
    folder.write(report)  # an unwritable folder is found before anything is broken
    done: list[Round] = []
    failure: BaseException | None = None
    try:
        with signals.handled(_ENDING, _stop), _open(chosen, by):
            for number in range(1, request.count + 1):
                result = round.run(drill, number)
                done.append(result.round)
                folder.keep(result)
                report = statistic.finish(report, done, seconds=session.clock.monotonic() - began)
                folder.write(report)
                session.progress.say(_sentence(result.round, request.count))
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
    session, request = chosen.session, chosen.request
    servers = sorted({member.version for member in chosen.status.members if member.version})
    versions = {"mysqlops": __version__, "MySQL": ", ".join(servers), "Kubernetes": session.client.version()}
    return Report(
        fault=chosen.fault.about.name,
        does=chosen.fault.about.does,
        cluster=chosen.name,
        namespace=session.client.namespace,
        at=instant.text(session.clock.now()),
        seed=chosen.seed,
        wanted=request.count,
        clients=request.clients,
        slo=request.slo,
        members=len(chosen.status.members),
        forced=request.force,
        versions=versions,
        options=({"target": request.target} if request.target else {})
        | ({} if request.uses_lab else {"no-lab": ""})
        | ({"node-pods": request.way.namespace} if request.way.namespace else {}),
    )


@contextmanager
def _open(chosen: Plan, by: str) -> Iterator[None]:
    """The record says that a drill runs; at the end nothing of the drill remains."""
    session, name = chosen.session, chosen.name
    began = instant.text(session.clock.now())
    fleet.remove_all(session, name)  # clients left by a killed drill would write among ours
    namespace = chosen.nodes.namespace if chosen.nodes else ""
    record.write(session, name, Record(chosen.fault.about.name, began, by, node_pods=namespace))
    is_evidence = False
    try:
        yield
    except errors.WaitTimeout:
        is_evidence = True
        raise
    finally:
        # The record of a fault that is not undone stays for `drill abort`, and so does the planted undoing.
        found = record.read(session.client, name)
        if found is None or (found.fault == chosen.fault.about.name and not found.deadline):
            abort.clean(session, name, chosen.nodes, keeps_table=is_evidence)


def _stop(_: int, __: FrameType | None) -> None:
    """SIGTERM and SIGHUP end a drill as Ctrl-C does: by healing what it broke."""
    raise KeyboardInterrupt
