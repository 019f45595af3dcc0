"""One round of a drill: a healthy cluster under writes, the fault, its undoing, and the results.

The fault is always healed before a round ends. Should this process die, the record in the Lease,
the planted undoing and the deadline of the clients' pods remain.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mysqlops import errors
from mysqlops.core import instant
from mysqlops.core.typed import Json
from mysqlops.drill import back, healing
from mysqlops.drill.clients import fleet, rows
from mysqlops.drill.ledger import checker, figures, journal, phases
from mysqlops.drill.model import Round, Row, Verdict
from mysqlops.drill.plan import choice, objects
from mysqlops.drill.scene import Drill, Scene
from mysqlops.drill.watch import Watch
from mysqlops.operations import observe, switchover
from mysqlops.planning import switchover as switching

_AFTER_SECONDS = 1.0
_MARGIN_SECONDS = 120.0  # from the time when a fault should be healed, until it undoes itself
_WITNESSES = 20


@dataclass
class Seen:
    """The observations of a running round; moments are on the clients' clock."""

    offset: float = 0.0
    since: float = 0.0
    events: list[tuple[float, str]] = field(default_factory=list)
    notes: Json = field(default_factory=dict)
    back: back.Back = field(default_factory=back.Back)
    until: float = 0.0  # the moment when the clients were stopped
    primary: str = ""  # before the fault
    sights: list[phases.Sight] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """The round, and the data from which it was made."""

    round: Round
    journals: dict[str, str]
    held: dict[str, list[Row]]


def run(drill: Drill, number: int) -> Result:
    """Raises errors of the fault, the cluster or the API server; the fault is healed by then."""
    began = drill.session.clock.monotonic()
    scene = _prepare(drill, number)
    clients, seen = fleet.Fleet(drill.session, scene.cluster), Seen(primary=str(scene.status.primary))
    try:
        rows.recreate(drill.session, seen.primary)
        clients.start(objects.main_clients(scene.cluster, drill.clients, scene.node))
        if drill.fault.about.has_minority:
            clients.start(objects.clients_beside(scene.cluster, scene.target, scene.node))
        seen.offset = clients.clock_offset(objects.MAIN)
        watch = Watch(drill.session, drill.name, seen.offset)
        with watch.running():
            drill.session.clock.sleep(choice.pause(drill.seed, number))
            _break_and_heal(drill, scene, seen)
            seen.back = back.wait(drill, clients, seen.offset)
        seen.sights = watch.sights
        drill.session.clock.sleep(_AFTER_SECONDS)
        seen.until = drill.session.clock.now().timestamp() + seen.offset
        clients.stop()
        journals = clients.journals()
        held = _held(drill, list(scene.cluster.members), seen)
    finally:
        clients.remove()
    at = instant.text(drill.session.clock.now())
    made = Round(number, at, scene.target, scene.node, {}, 0.0, {}, seconds=drill.session.clock.monotonic() - began)
    return Result(reckon(made, seen, journals, held, drill.clients), journals, held)


def _held(drill: Drill, members: list[str], seen: Seen) -> dict[str, list[Row]]:
    """The rows of all members; if the cluster did not come back, those of the members that answer."""
    if not seen.back.trouble:
        try:
            return rows.of_members(drill.session, str(back.healthy(drill).primary), members)
        except errors.WaitTimeout as error:
            seen.back = replace(seen.back, trouble=f"no longer whole: {error}")
    try:
        held, silent = rows.of_a_broken_cluster(drill.session, observe.judged(drill.session, drill.name))
    except errors.MysqlopsError:  # not even the cluster's state can be read
        held, silent = {}, members
    if silent:
        seen.back = replace(seen.back, trouble=f"{seen.back.trouble}; rows not read: {', '.join(silent)}")
    return held


def _prepare(drill: Drill, number: int) -> Scene:
    """Make the cluster healthy, and for a fault of a lab's node move its primary away from the API server."""
    now = back.healthy(drill)
    about, spared = drill.fault.about, drill.lab.control_plane if drill.lab else None
    if choice.must_move(about, now, spared):
        to = next(member.name for member in now.members if member.name != now.primary and member.node != spared)
        chosen = switching.Switchover(str(now.primary), to)
        switchover.execute(drill.session, drill.name, chosen, switching.Limits(rolls_back=True))
        now = back.healthy(drill)
    return Scene(
        session=drill.session,
        status=now,
        cluster=fleet.cluster_of(drill.session, now),
        target=choice.target(about, now, drill.seed, number, spared),
        lab=drill.lab,
        nodes=drill.nodes,
        deadline_seconds=about.lasts + _MARGIN_SECONDS,
        options=drill.options,
    )


def _break_and_heal(drill: Drill, scene: Scene, seen: Seen) -> None:
    clock, about = drill.session.clock, drill.fault.about
    with healing.broken(drill, scene) as facts:
        seen.since = clock.now().timestamp() + seen.offset
        seen.events.append((seen.since, about.name))
        drill.session.progress.say(f"{about.name}: {scene.target}")
        seen.notes = dict(drill.fault.inject(scene, facts) or {})
        clock.sleep(about.lasts)
    if about.lasts and facts:
        seen.events.append((clock.now().timestamp() + seen.offset, "healed"))


def reckon(made: Round, seen: Seen, journals: dict[str, str], held: dict[str, list[Row]], clients: int) -> Round:
    """All results of the journals, the rows and the watch."""
    lines = sorted((line for text in journals.values() for line in journal.parse(text)), key=lambda line: line.at)
    verdict = checker.check(lines, held, journal.digest(journals.values()))
    main = [f"{figures.MAIN}{number}" for number in range(clients)]
    cost, reads = figures.of(lines, seen.since, seen.until, main), figures.reads(lines)
    found = phases.of(seen.sights, lines, seen.since, seen.primary)
    redundancy = _redundancy(seen, sorted(held))
    last = [at for client, at in cost.last_acknowledged.items() if client.startswith(figures.BESIDE)]
    seen.events += _events(seen.since, found, cost, redundancy)
    return replace(
        made,
        counts=verdict.counts(),
        gap=round(cost.gap, 3),
        gap_by_name=_rounded(cost.gap_by_name),
        gaps={client: round(gap, 3) for client, gap in sorted(cost.gaps.items())},
        detection=_rounded(found.detection),
        election=_rounded(found.election),
        label=_rounded(found.label),
        first_write=_rounded(cost.first_write),
        redundancy=_rounded(redundancy),
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
        timeline=phases.timeline(lines, seen.since, seen.back.whole_at or seen.until, seen.events),
        notes=seen.notes,
        failed="; ".join(filter(None, (seen.back.trouble, journal.died(lines)))),
    )


def _redundancy(seen: Seen, members: list[str]) -> float | None:
    """Taken from the status, read when the fault is healed, if the watch missed it."""
    if seen.back.trouble:
        return None
    found = phases.whole(seen.sights, seen.since, members)
    return max(0.0, seen.back.whole_at - seen.since) if found is None else found


def _events(
    since: float, found: phases.Phases, cost: figures.Figures, redundancy: float | None
) -> list[tuple[float, str]]:
    named = {
        "detected": found.detection,
        "elected": found.election,
        "label moved": found.label,
        "gap ends": cost.first_write,
        "all members back": redundancy,
    }
    return [(since + at, text) for text, at in named.items() if at]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _witnesses(verdict: Verdict) -> dict[str, list[str]]:
    kinds = ("lost", "ghosts", "diverged", "duplicates")
    found = {kind: [" ".join(map(str, row)) for row in getattr(verdict, kind)[:_WITNESSES]] for kind in kinds}
    return {kind: listed for kind, listed in found.items() if listed}
