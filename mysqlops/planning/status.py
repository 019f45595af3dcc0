"""A cluster as observed, and the answer of `status`: members, services, conditions. verdict.py builds it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from mysqlops.core import names, view
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused

SCHEMA = 1
HEALTHY, DEGRADED, DOWN = "healthy", "degraded", "down"
NOTE = "note"  # the severity of a condition that needs somebody's plan, not their night: it does not change the verdict
ABSENT = "ABSENT"  # the state of a member that has no pod


@dataclass(frozen=True)
class Observed:
    """The raw objects of one cluster, read within one second."""

    name: str
    taken_at: datetime
    stateful_set: Json
    pods: Mapping[str, Json]
    claims: Mapping[str, Json]
    endpoints: Mapping[str, tuple[str, ...]]  # Service -> names of the ready pods behind it
    schedules: tuple[Json, ...] = ()  # the CronJobs of its backups
    receiver: Json | None = None  # the Lease of what receives its binary logs
    warnings: tuple[Json, ...] = ()  # events of the StatefulSet and of pods that do not run yet
    lease: Json | None = None  # the Lease of its group: the record of the group, and users' orders
    missing: tuple[str, ...] = ()  # objects that a member needs to start and that do not exist; only `status` looks
    exposed: tuple[Json, ...] = ()  # Services for clients from outside; only `status` looks
    targets: tuple[Json, ...] | None = None  # the Secrets of backup targets, without their values; None: not read


def annotations_of(lease: Json | None) -> dict[str, str]:
    return dict((lease or {"metadata": {}})["metadata"].get("annotations") or {})


@dataclass(frozen=True)
class Member:
    """One line of the table; None is unknown."""

    name: str
    ordinal: int
    node: str | None
    state: str
    role: str
    label: str | None
    ready: bool
    writable: bool | None
    version: str | None
    executed: str | None
    behind: int | None
    missing: int | None  # transactions that another member published and this one has not
    restarts: int
    claim: str | None
    volume_size: int | None
    volume_used: int | None
    waiting_for: str
    certificate: str | None = None  # names the CA and certificate that the member has loaded
    config: str | None = None  # names the my.cnf that the member would start with now
    clone_copied: int | None = None  # bytes of a donor's data copied so far, None if nothing is being copied
    clone_size: int | None = None
    server_uuid: str | None = None
    read_only: bool | None = None  # to clients without CONNECTION_ADMIN
    applier_failure: str = ""  # why it cannot apply what the group wrote
    claim_going: bool = False  # its claim is being deleted: it goes as soon as the pod stops
    held_at_least: str | None = None  # what its agent published of that last, however long ago
    certificate_until: str | None = None  # when that certificate expires, and when its CA does (UTC, ISO 8601)
    ca_until: str | None = None
    held: str | None = None  # all on its claim, executed or only received; None if the server has not answered lately


@dataclass(frozen=True)
class Condition:
    """What is wrong: a stable code, a sentence, and the next command."""

    code: str
    message: str
    hint: str
    severity: str = DEGRADED

    def as_reason(self) -> Reason:
        """The reason to refuse while this condition holds."""
        return Reason(self.code, self.message, self.hint)


@dataclass(frozen=True)
class Status:
    """The whole answer of `status`; `schema` grows with incompatible changes."""

    name: str
    namespace: str
    verdict: str
    taken_at: str
    replicas: int
    online: int
    primary: str | None
    members: tuple[Member, ...]
    services: Mapping[str, tuple[str, ...]]
    conditions: tuple[Condition, ...]
    group: tuple[str, ...] = ()  # the members that the primary sees in its group, in whatever state; empty without one
    awaited: tuple[str, ...] = ()  # members beyond the wanted replicas that a group to be formed waits for
    claims: str = names.CLAIM_TEMPLATE  # what the members' claims are called, before the name of their pod
    image: str = ""  # what a pod that starts now runs; empty if the StatefulSet does not say
    exposed: tuple[Json, ...] = ()  # Services for clients from outside, with their addresses
    schema: int = field(default=SCHEMA)

    def as_json(self) -> Json:
        return asdict(self)


# These block no change: a resize or an upgrade may be what ends them. While a rotation of passwords is open, every
# member accepts both passwords, a new member too, and a restart lets the rotation end.
RESTORE_OPEN = "restore-open"  # a pod that starts now waits for a backup on its volume
_HARMLESS = {
    "volume-filling",
    "agents-differ",
    "backup-overdue",
    "binlog-late",
    "binlog-gap",
    "order-open",
    RESTORE_OPEN,
    "rotation-open",
    "accounts-differ",
    "certificate-ends",
    "ca-ends",
    "version-ended",
    "applied-over",
}


def must_lead(now: Status, otherwise: str = "") -> str:
    """The primary; raises Refused without one, with what else is wrong. `otherwise` is another way to go on."""
    if now.primary is not None:
        return now.primary
    wrong = "; ".join(condition.message for condition in in_the_way(now))
    hint = f"mysqlops status {now.name}" + (f"; or {otherwise}" if otherwise else "")
    raise Refused([Reason("no-primary", f"{now.name} has no primary" + (f": {wrong}" if wrong else ""), hint)])


def in_the_way(now: Status, *but: str) -> list[Condition]:
    """The conditions that block every change which needs a whole group; codes in `but` do not count."""
    return [condition for condition in now.conditions if condition.code not in _HARMLESS | set(but)]


def is_whole(now: Status, fenced: Collection[str], *but: str) -> bool:
    """Nothing is in the way but that those accept no clients whom a user keeps out of service; codes in `but` do not
    count."""
    return all(
        condition.code == "serves-nobody" and any(condition.message.startswith(f"{name} ") for name in fenced)
        for condition in in_the_way(now, *but)
    )


CONTRADICTIONS = ("members-unseen", "two-primaries", "primary-moves")  # the members do not agree on who is in the group


def carriers(now: Status, going: Collection[str]) -> list[Member]:
    """Who carries the group while others go: ONLINE by its agent's word of the last half minute, and in the group that
    the primary sees. A RECOVERING member has a vote too, but it is not relied on: its server may end at any moment, and
    the majority with it, if the one that goes was the vote to spare. Every verb that takes a member away counts so."""
    return [
        member
        for member in now.members
        if member.name not in going and member.state == view.ONLINE and (not now.group or member.name in now.group)
    ]


def are_majority(carrying: Collection[Member], voters: int) -> bool:
    return 2 * len(carrying) > voters


def way_out(now: Status) -> str:
    """What a user can do while too few members serve: wait for those that are joining, or rebuild one that is outside
    the running group."""
    coming = [member.name for member in now.members if member.state == view.RECOVERING]
    if coming:
        return f"wait until {' and '.join(coming)} is ONLINE or has left the group, then run the same command again"
    inside = {*now.group, *(member.name for member in now.members if member.state in view.IN_GROUP)}
    outside = [member.name for member in now.members if member.ordinal < now.replicas and member.name not in inside]
    if now.primary is None or not outside:
        return f"mysqlops status {now.name}"
    rebuild = f"mysqlops member rebuild {now.name} {outside[0]} --confirm {outside[0]}"
    return f"{rebuild}, if waiting does not bring it back"


def reasons_of(now: Status, *codes: str) -> list[Reason]:
    """The reasons to refuse for a verb that only these conditions block."""
    return [condition.as_reason() for condition in now.conditions if condition.code in codes]
