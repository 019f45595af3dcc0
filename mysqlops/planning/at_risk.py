"""What would be lost now if the primary, a node, or every member with its volume went. Pure.

Members publish the transactions that they hold every few seconds, each at a moment of its own: what the primary
reported later than a replica looks as if only the primary held it. So every number is the most that can be lost of what
was reported; a transaction that is younger than the reports is acknowledged only after a majority has received it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from mysqlops.core import binlog, duration
from mysqlops.core.gtid import GtidSet
from mysqlops.core.typed import Json
from mysqlops.objects import schedule
from mysqlops.planning import backup_targets as aims
from mysqlops.planning import status, verdict

PRIMARY, NODE, ALL = "the primary", "a node", "every member with its volume"


@dataclass(frozen=True)
class Word:
    """A member's last report: its age in seconds (negative: a clock is wrong; None: there is none), and how many
    transactions of those that any member reported it did not hold then."""

    member: str
    node: str | None
    state: str
    age: float | None
    missing: int | None


@dataclass(frozen=True)
class Loss:
    """`transactions` is the most that would be lost of what was reported, None if that cannot be counted; then
    `seconds` of writes are, or everything if that is None too."""

    what: str
    who: str
    transactions: int | None
    gtids: str
    seconds: float | None
    why: str

    def lost(self) -> str:
        if self.transactions is not None:
            return f"at most {self.transactions} transactions" if self.transactions else "nothing"
        return "everything" if self.seconds is None else f"the last {duration.text_of(self.seconds)} of writes"


@dataclass(frozen=True)
class Proof:
    """The last successful run of a schedule: when, how long ago, and how long it took at most (None: unknown)."""

    at: str
    age: float
    took: float | None


@dataclass(frozen=True)
class AtRisk:
    """`below_majority`: transactions that fewer than a majority of the members were seen to hold,
    None if too few reported."""

    name: str
    taken_at: str
    words: tuple[Word, ...]
    losses: tuple[Loss, ...]
    below_majority: int | None
    stored_until: str | None  # the moment up to which binary logs are in the target
    unstored_seconds: float | None
    gap: str
    backup: Proof | None
    verified: Proof | None
    targets: tuple[str, ...] = ()  # what is wrong with where backups and binary logs go

    def as_json(self) -> Json:
        return asdict(self)


def judge(seen: status.Observed, now: status.Status) -> AtRisk:
    held = {
        member.name: GtidSet.parse(member.held_at_least) for member in now.members if member.held_at_least is not None
    }
    report = binlog.report_of(status.annotations_of(seen.receiver))
    until = report.until if report is not None else ""
    unstored = _seconds(until, seen.taken_at) if until else None
    gap = report.gap if report is not None else ""
    backup, verified = (_proof(seen, kind) for kind in (schedule.BACKUP, schedule.VERIFY))
    return AtRisk(
        name=now.name,
        taken_at=now.taken_at,
        words=tuple(_word(seen, member, held) for member in now.members),
        losses=tuple(_losses(now, held, _everything(seen, _Stored(until, unstored, gap), backup))),
        below_majority=_below_majority(held, now.replicas),
        stored_until=until or None,
        unstored_seconds=unstored,
        gap=gap,
        backup=backup,
        verified=verified,
        targets=tuple(f"{what}: {shown}" for what, shown, _ in (*aims.missing(seen), *aims.disagreements(seen))),
    )


def _word(seen: status.Observed, member: status.Member, held: Mapping[str, GtidSet]) -> Word:
    pod = seen.pods.get(member.name)
    last = verdict.last_words(pod) if pod else None
    missing = _union(held.values()).subtract(held[member.name]).count() if member.name in held else None
    age = None if last is None else round(verdict.age(last, seen.taken_at), 1)
    return Word(member.name, member.node, member.state, age, missing)


def _losses(now: status.Status, held: Mapping[str, GtidSet], everything: Loss) -> Iterator[Loss]:
    if now.primary is not None:
        yield _only_at(PRIMARY, {now.primary: now.primary}, held, everything)
    by_node: dict[str, dict[str, str]] = {}
    for member in now.members:
        if member.node:
            by_node.setdefault(member.node, {})[member.name] = member.node
    if by_node:  # the one that costs most; of equals, the primary's
        losses = [(_only_at(NODE, pods, held, everything), now.primary in pods) for pods in by_node.values()]
        yield min(losses, key=lambda one: (-_weight(one[0]), not one[1]))[0]
    yield everything


def _weight(loss: Loss) -> float:
    return float("inf") if loss.transactions is None else loss.transactions


def _only_at(what: str, gone: Mapping[str, str], held: Mapping[str, GtidSet], everything: Loss) -> Loss:
    """What only members that go were seen to hold; `gone`: member -> its node, or itself."""
    pods = ", ".join(gone)
    who = pods if what == PRIMARY else f"{next(iter(gone.values()))} ({pods})"
    left = {pod: one for pod, one in held.items() if pod not in gone}
    if not left:
        return replace(everything, what=what, who=who, why=f"nobody else is known to hold data: {everything.why}")
    alone = _union(held[pod] for pod in gone if pod in held).subtract(_union(left.values()))
    silent = [pod for pod in gone if pod not in held]
    why = f"compared with what {', '.join(left)} reported"
    why += f"; what {', '.join(silent)} holds is unknown" if silent else ""
    return Loss(what, who, alone.count(), str(alone), None, why)


@dataclass(frozen=True)
class _Stored:
    """The binary logs in the target."""

    until: str
    seconds: float | None
    gap: str


def _everything(seen: status.Observed, logs: _Stored, backup: Proof | None) -> Loss:
    """Binary logs are worth something only on top of a backup in the same target, and only without a gap."""
    if backup is None:
        text = f"binary logs are stored until {logs.until}, but there is no scheduled backup to apply them to"
        why = text if logs.until else "nothing is stored on a schedule"
        return Loss(ALL, "all", None, "", None, f"{why}; `backup list` shows backups made by hand")
    if why := aims.lost(seen):
        return Loss(ALL, "all", None, "", None, f"{why}; `backup list` shows what the targets hold")
    elsewhere = aims.logs_elsewhere(seen)
    if logs.seconds is not None and not logs.gap and not elsewhere and logs.seconds <= backup.age:
        why = f"binary logs are stored until {logs.until}, if the target survives"
        return Loss(ALL, "all", None, "", max(0.0, logs.seconds), why)
    why = f"the last scheduled backup is of {backup.at}, if the target survives"
    why += "; the stored binary logs have a gap" if logs.gap else f"; {elsewhere}" if elsewhere else ""
    return Loss(ALL, "all", None, "", backup.age, why)


def _below_majority(held: Mapping[str, GtidSet], voters: int) -> int | None:
    least = voters // 2 + 1
    if len(held) < least:
        return None
    return _union(held.values()).subtract(_held_by(list(held.values()), least)).count()


def _held_by(sets: Sequence[GtidSet], least: int) -> GtidSet:
    """The transactions that at least that number of sets have: those that the first has and one fewer of the others,
    and those that enough of the others have."""
    if len(sets) < least:
        return GtidSet()
    if least == 1:
        return _union(sets)
    first, rest = sets[0], sets[1:]
    return first.common(_held_by(rest, least - 1)).union(_held_by(rest, least))


def _union(sets: Iterable[GtidSet]) -> GtidSet:
    found = GtidSet()
    for gtids in sets:
        found = found.union(gtids)
    return found


def _proof(seen: status.Observed, kind: str) -> Proof | None:
    """The last success; a verification is a restore whose rows compared equal. How long it took is known of the last
    run that was due; Kubernetes notes when it was due, so that the time until it could start is counted too."""
    found = [
        cron_job for cron_job in (schedule.judge(job, seen.taken_at) for job in seen.schedules) if cron_job.kind == kind
    ]
    done = [cron_job for cron_job in found if cron_job.last_success]
    if not done:
        return None
    last = min(done, key=lambda one: one.age)
    job = next(
        cron_job
        for cron_job in seen.schedules
        if (cron_job.get("status") or {}).get("lastSuccessfulTime") == last.last_success
    )
    due = job["status"].get("lastScheduleTime")
    took = -_seconds(str(last.last_success), datetime.fromisoformat(due)) if due else -1.0
    return Proof(str(last.last_success), last.age, took if took >= 0 else None)


def _seconds(since: str, now: datetime) -> float:
    return round((now - datetime.fromisoformat(since)).total_seconds(), 1)
