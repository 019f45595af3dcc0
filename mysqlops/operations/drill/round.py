"""One round of a drill: a healthy cluster under writes, the fault, its undoing, and what it all came to.

Whatever happens in between, the fault is healed before a round ends. Should this process die, the record in the Lease,
the planted undoing and the deadline of the clients' pods remain.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from mysqlops import errors
from mysqlops.core.drill import Record, Round, Row, Verdict
from mysqlops.operations import observe, switchover
from mysqlops.operations.drill import fleet, lab, record, rows
from mysqlops.operations.drill.scene import Facts, Fault, Scene
from mysqlops.operations.drill.watch import Watch
from mysqlops.operations.session import Session
from mysqlops.planning import status
from mysqlops.planning import switchover as switching
from mysqlops.planning.drill import checker, choice, figures, journal, objects, phases

Json = dict[str, Any]
_HEALTHY_SECONDS = 300.0
_WRITES_SECONDS = 240.0
_STABLE_SECONDS = 3.0
_AFTER_SECONDS = 1.0
_MARGIN_SECONDS = 120.0  # after a fault should have been healed, until it undoes itself
_HEAL_SECONDS = 90.0
_POLL_SECONDS = 0.3
_FRESH_SECONDS = 1.0
_WITNESSES = 20


@dataclass(frozen=True)
class Drill:
    """What is to be done, and with what."""

    session: Session
    name: str
    fault: Fault
    clients: int
    seed: int
    by: str
    lab: lab.Lab | None = None
    options: Json = field(default_factory=dict)


@dataclass
class Seen:
    """What a round collects while it runs; moments are on the clients' clock."""

    offset: float = 0.0
    since: float = 0.0
    events: list[tuple[float, str]] = field(default_factory=list)
    notes: Json = field(default_factory=dict)
    whole_at: float = 0.0
    back: float = 0.0  # seconds until all members were
    primary: str = ""  # before the fault
    sights: list[phases.Sight] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """The round, and what it was made of."""

    round: Round
    journals: dict[str, str]
    held: dict[str, list[Row]]


def run(drill: Drill, number: int) -> Result:
    """Raises what the fault, the cluster or the API server says; the fault is healed by then."""
    began = drill.session.clock.monotonic()
    scene = _prepare(drill, number)
    clients, seen = fleet.Fleet(drill.session, scene.cluster), Seen(primary=str(scene.status.primary))
    try:
        rows.make_anew(drill.session, seen.primary)
        clients.start(objects.main_clients(scene.cluster, drill.clients, scene.node))
        if drill.fault.about.has_minority:
            clients.start(objects.clients_beside(scene.cluster, scene.target, scene.node))
        seen.offset = clients.clock_offset(objects.MAIN)
        with Watch(drill.session, drill.name, seen.offset) as watch:
            drill.session.clock.sleep(choice.pause(drill.seed, number))
            _break_and_heal(drill, scene, seen)
            _await_writes(drill.session, clients, seen)
            _await_whole(drill, seen)
        seen.sights = watch.sights
        drill.session.clock.sleep(_AFTER_SECONDS)
        clients.stop()
        journals = clients.journals()
        members = list(scene.cluster.members)
        held = rows.of_members(drill.session, str(_healthy(drill).primary), members)
    finally:
        clients.remove()
    at = f"{drill.session.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    made = Round(number, at, scene.target, scene.node, {}, 0.0, {}, seconds=drill.session.clock.monotonic() - began)
    return Result(reckon(made, seen, journals, held), journals, held)


def _prepare(drill: Drill, number: int) -> Scene:
    """Healthy, and for a fault of the lab's its primary not beside the API server."""
    now = _healthy(drill)
    about, spared = drill.fault.about, drill.lab.control_plane if drill.lab else None
    if choice.must_move(about, now, spared):
        to = next(one.name for one in now.members if one.name != now.primary and one.node != spared)
        chosen = switching.Switchover(str(now.primary), to)
        switchover.execute(drill.session, drill.name, chosen, switching.Limits(rolls_back=True))
        now = _healthy(drill)
    return Scene(
        session=drill.session,
        status=now,
        cluster=fleet.cluster_of(drill.session, now),
        target=choice.target(about, now, drill.seed, number, spared),
        lab=drill.lab,
        deadline_seconds=about.lasts + _MARGIN_SECONDS,
        options=drill.options,
    )


def _healthy(drill: Drill) -> status.Status:
    waiting = replace(drill.session, timeout_seconds=_HEALTHY_SECONDS)
    return observe.until(waiting, drill.name, lambda now: not status.in_the_way(now), "a healthy cluster")


def _break_and_heal(drill: Drill, scene: Scene, seen: Seen) -> None:
    clock, about = drill.session.clock, drill.fault.about
    with broken(drill, scene) as facts:
        seen.since = clock.now().timestamp() + seen.offset
        seen.events.append((seen.since, about.name))
        drill.session.progress.say(f"{about.name}: {scene.target}")
        seen.notes = dict(drill.fault.inject(scene, facts) or {})
        clock.sleep(about.lasts)
    if about.lasts and facts:
        seen.events.append((clock.now().timestamp() + seen.offset, "healed"))


@contextmanager
def broken(drill: Drill, scene: Scene) -> Iterator[Facts]:
    """What is broken inside is healed at the end, by this process or, if that dies, by what was planted before."""
    facts = drill.fault.prepare(scene)
    facts["token"] = secrets.token_hex(8)
    now = drill.session.clock.now()
    until = now + timedelta(seconds=scene.deadline_seconds)
    made = Record(
        fault=drill.fault.about.name,
        since=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        by=drill.by,
        target=scene.target,
        deadline=f"{until:%Y-%m-%dT%H:%M:%SZ}",
        facts=facts,
    )
    record.write(drill.session, drill.name, made)
    if facts.get("undo"):
        lab.plant(facts["undo"], scene.deadline_seconds, facts["token"])
    try:
        yield facts
    finally:
        heal(drill.fault, scene, facts)
        record.write(drill.session, drill.name, replace(made, facts={}, deadline=""))


def heal(fault: Fault, scene: Scene, facts: Facts) -> None:
    """Until it is healed; raises StepFailed if it will not be. No harm if it was healed before."""
    clock = scene.session.clock
    deadline, trouble = clock.monotonic() + _HEAL_SECONDS, ""
    while True:
        try:
            fault.heal(scene, facts)
            if fault.is_healed(scene, facts):
                break
            trouble = "it is still there"
        except errors.MysqlopsError as error:
            trouble = str(error)
        if clock.monotonic() > deadline:
            text = f"{fault.about.name} on {scene.target} could not be undone: {trouble}"
            raise errors.StepFailed(text, hint=f"mysqlops drill abort {scene.name}")
        clock.sleep(_POLL_SECONDS)
    if "token" in facts:
        lab.pull(facts["token"])


def _await_writes(session: Session, clients: fleet.Fleet, seen: Seen) -> None:
    """Not the acknowledgements of the instant of the fault, hence the pause."""
    session.clock.sleep(_FRESH_SECONDS)
    deadline = session.clock.monotonic() + _WRITES_SECONDS
    while True:
        newest = clients.newest(objects.MAIN)
        if newest and newest > session.clock.now().timestamp() + seen.offset - _FRESH_SECONDS:
            return
        session.progress.waiting("waiting for the clients to write again")
        if session.clock.monotonic() > deadline:
            raise errors.WaitTimeout(f"no client could write for {_WRITES_SECONDS:.0f} s after the fault")
        session.clock.sleep(_POLL_SECONDS)


def _await_whole(drill: Drill, seen: Seen) -> None:
    """Healthy for some seconds on end: a member that is just going still looks well for a moment."""
    clock, deadline = drill.session.clock, drill.session.clock.monotonic() + _HEALTHY_SECONDS
    since: float | None = None
    while since is None or clock.monotonic() - since < _STABLE_SECONDS:
        why = "the API server does not answer"
        with suppress(errors.KubeError):
            now = observe.judged(drill.session, drill.name)
            why = "; ".join(one.message for one in status.in_the_way(now))
        if why:
            since = None
            drill.session.progress.waiting(f"waiting for all members: {why}")
        elif since is None:
            since, seen.whole_at = clock.monotonic(), clock.now().timestamp() + seen.offset
        if clock.monotonic() > deadline:
            raise errors.WaitTimeout(
                f"{drill.name} is not whole {_HEALTHY_SECONDS:.0f} s after the fault: {why}",
                hint=f"mysqlops status {drill.name}",
            )
        clock.sleep(_POLL_SECONDS)


def reckon(made: Round, seen: Seen, journals: dict[str, str], held: dict[str, list[Row]]) -> Round:
    """All that the journals, the rows and the watch say."""
    lines = sorted((line for text in journals.values() for line in journal.parse(text)), key=lambda line: line.at)
    verdict = checker.check(lines, held, journal.digest(journals.values()))
    cost, reads = figures.of(lines, seen.since), figures.reads(lines)
    found = phases.of(seen.sights, lines, seen.since, seen.primary)
    back = phases.whole(seen.sights, seen.since, sorted(held))
    # By the status, which is looked at when the fault is healed, if the watch missed it.
    seen.back = max(0.0, seen.whole_at - seen.since) if back is None else back
    last = [at for client, at in cost.last_acknowledged.items() if not client.startswith(figures.MAIN)]
    seen.events += _events(seen, found, cost)
    return replace(
        made,
        counts=verdict.counts(),
        gap=round(cost.gap, 3),
        gaps={client: round(gap, 3) for client, gap in sorted(cost.gaps.items())},
        detection=_rounded(found.detection),
        election=_rounded(found.election),
        label=_rounded(found.label),
        first_write=_rounded(cost.first_write),
        redundancy=round(seen.back, 3),
        minority_last=_rounded(max(last)) if last else None,
        longest_wait=round(cost.longest_wait, 3),
        errors_with_one_retry=cost.errors_with_one_retry,
        two_writable=len(figures.two_writable(lines)),
        stale_reads=reads.stale,
        reads=reads.seen,
        backwards=reads.backwards,
        replica_lag=_rounded(reads.replica_lag),
        latency={key: round(value, 6) for key, value in cost.latency.items()},
        seconds=round(made.seconds, 1),
        witnesses=_witnesses(verdict),
        digest=verdict.digest,
        timeline=phases.timeline(lines, seen.since, seen.whole_at, seen.events),
        notes=seen.notes,
    )


def _events(seen: Seen, found: phases.Phases, cost: figures.Figures) -> list[tuple[float, str]]:
    named = {
        "detected": found.detection,
        "elected": found.election,
        "label moved": found.label,
        "gap ends": cost.first_write,
    }
    own = [(seen.since + at, text) for text, at in named.items() if at is not None]
    return [*own, (seen.since + seen.back, "all members back")] if seen.back else own


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _witnesses(verdict: Verdict) -> dict[str, list[str]]:
    kinds = ("lost", "ghosts", "diverged", "duplicates")
    found = {kind: [" ".join(map(str, row)) for row in getattr(verdict, kind)[:_WITNESSES]] for kind in kinds}
    return {kind: listed for kind, listed in found.items() if listed}
