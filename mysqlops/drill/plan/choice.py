"""Whether a drill may begin, its target, and its effects. The seed makes every choice repeatable."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mysqlops.core import names
from mysqlops.drill.model import (
    BY_ABORT,
    BY_ITSELF,
    EVERYBODY,
    HEIR,
    LAB,
    NEEDS,
    NOBODY,
    NODE,
    NOTHING,
    PRIMARY,
    TARGET,
    About,
    Record,
)
from mysqlops.errors import ConfigError, Reason
from mysqlops.objects import schedule
from mysqlops.planning import status

_FORCE = "or say why it may run all the same: --force REASON"


def draw(seed: int, number: int, what: str) -> float:
    """A number from 0 to 1 that depends on the seed, the round and what it is for, and on nothing else."""
    digest = hashlib.sha256(f"{seed} {number} {what}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)


def pause(seed: int, number: int) -> float:
    """Seconds of undisturbed writes before the fault: random, so as not to be in step with anything periodic."""
    return 2.0 + 2.0 * draw(seed, number, "pause")


def target(about: About, seen: status.Status, seed: int, number: int, control_plane: str | None) -> str:
    """The member to hit. A member on the node `control_plane` is avoided where possible."""
    if about.aim in (EVERYBODY, NOBODY, PRIMARY):
        return str(seen.primary)
    if about.aim == HEIR:
        return heir(seen)
    replicas = [member for member in seen.members if member.role == names.ROLE_REPLICA]
    spared = [member for member in replicas if member.node != control_plane] or replicas
    return spared[int(draw(seed, number, "target") * len(spared))].name


def heir(seen: status.Status) -> str:
    """The next primary if the present one goes: of members of one version and weight, the one with the least UUID.
    https://dev.mysql.com/doc/refman/9.7/en/group-replication-single-primary-mode.html"""
    replicas = [member for member in seen.members if member.role == names.ROLE_REPLICA]
    return min(replicas, key=lambda one: (one.server_uuid is None, one.server_uuid or "")).name


def must_move(about: About, seen: status.Status, spared: str | None) -> bool:
    """True if the primary is on the API server's node: a fault of that node would hit more than the database."""
    return about.needs == LAB and about.aim == PRIMARY and node_of(seen, str(seen.primary)) == spared


def node_of(seen: status.Status, member: str) -> str | None:
    return next((placed.node for placed in seen.members if placed.name == member), None)


def check_count(count: int) -> None:
    if count < 1:
        raise ConfigError(f"--count {count}: expected 1 or more", hint="the default is 20")


@dataclass(frozen=True)
class Has:
    """The resources available besides the namespace."""

    lab: bool = False
    nodes: bool = False
    target: bool = False


def refusals(
    about: About, seen: status.Status, schedules: Sequence[schedule.Seen], has: Has, *, force: str
) -> list[Reason]:
    """All reasons not to begin."""
    found = []
    if seen.verdict != status.HEALTHY and (wrong := status.in_the_way(seen)):
        text = f"{seen.name} is {seen.verdict}: {'; '.join(condition.message for condition in wrong)}"
        found.append(Reason("not-healthy", text, f"mysqlops status {seen.name}; a drill measures a healthy cluster"))
    if about.needs == NODE and not has.nodes:
        hint = "--node-pods NAMESPACE; mysqlops drill list shows the others"
        found.append(Reason("needs-node", f"{about.name} needs {NEEDS[NODE]}", hint))
    if about.needs == LAB and not has.lab:
        found.append(Reason("needs-lab", f"{about.name} needs {NEEDS[LAB]}", "mysqlops drill list shows the others"))
    if about.needs == TARGET and not has.target:
        found.append(Reason("needs-target", f"{about.name} needs {NEEDS[TARGET]}", "mysqlops backup target add"))
    if about.aim not in (EVERYBODY, NOBODY) and seen.replicas < 3:
        text = f"{seen.name} has {seen.replicas} members: without one of them the group accepts no writes"
        found.append(Reason("too-few-members", text, f"mysqlops scale {seen.name} --replicas 3"))
    if not force and (why := no_fresh_backup(schedules)):
        hint = f"mysqlops backup schedule set {seen.name} --cron '0 3 * * *', or run-now; {_FORCE}"
        found.append(Reason("no-fresh-backup", why, hint))
    return found


def no_fresh_backup(schedules: Sequence[schedule.Seen]) -> str | None:
    """By the status of the CronJobs: both a backup and a verification exist, and neither is overdue."""
    for kind, what in ((schedule.BACKUP, "backup"), (schedule.VERIFY, "verification of a backup")):
        own = [cron_job for cron_job in schedules if cron_job.kind == kind]
        if not own:
            return f"no schedule makes a {what}, so no fresh one is known"
        if own[0].last_success is None:
            return f"the schedule has made no {what} yet"
        if own[0].is_overdue:
            return f"the last {what} was made at {own[0].last_success}, older than the schedule allows"
    return None


def still_open(name: str, record: Record) -> Reason:
    """A second drill would measure the first one's fault."""
    text = f"a drill of {record.fault} by {record.by} is open since {record.since or 'a while ago'}"
    return Reason("drill-open", text, f"mysqlops drill abort {name}")


def preview(about: About, seen: status.Status, hit: str, count: int, clients: int) -> list[str]:
    """The blast radius, in words."""
    others = ", ".join(member.name for member in seen.members if member.name != hit)
    what = about.preview(hit, others)
    lines = [
        f"{about.name}: {about.does}",
        f"hits: {what}",
        f"rounds: {count}, each with {clients} clients that write to and read from table {TABLE} of {seen.name}",
        f"heals: when the round ends and when this command is stopped; if it is killed, {_IF_KILLED[about.undone]}",
    ]
    if about.needs != "namespace":
        lines.append(f"needs: {NEEDS[about.needs]}")
    return lines


_IF_KILLED = {
    NOTHING: "there is nothing to undo",
    BY_ITSELF: "by itself at a deadline",
    BY_ABORT: "by `mysqlops drill abort`",
}
TABLE = f"{names.DATABASE_APP}.mysqlops_drill"
