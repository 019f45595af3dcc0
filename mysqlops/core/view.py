"""A server and its group as observed; every field distinguishes unknown from absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mysqlops.core import group
from mysqlops.core.applier import Failure
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import Publication

ONLINE, RECOVERING, OFFLINE, ERROR, UNREACHABLE = "ONLINE", "RECOVERING", "OFFLINE", "ERROR", "UNREACHABLE"
IN_GROUP = (ONLINE, RECOVERING)  # a member in one of these states takes part in its group
DOWN = "DOWN"
CHANNEL = "mysqlops_catch_up"  # by which a member that comes back receives what it missed (planning/catching_up.py)
FAST = "fast"  # failure detection (planning/lost_members.py)
LEASE_SECONDS = 60.0  # a holder that died while forming the group blocks another for no longer


@dataclass(frozen=True)
class GroupMember:
    """A row of performance_schema.replication_group_members."""

    server_uuid: str
    host: str
    state: str
    role: str  # "primary", "replica" or "none"
    queue: int = 0  # transactions that it still has to apply

    @property
    def pod(self) -> str:
        return self.host.partition(".")[0]


@dataclass(frozen=True)
class Clone:
    """A clone of a donor's data to this server: the current stage, its bytes so far and in total (an estimate)."""

    stage: str
    copied: int
    size: int


@dataclass(frozen=True)
class ServerView:
    """One mysqld, as its own agent sees it through the socket."""

    server_uuid: str
    version: str
    executed: GtidSet
    received: GtidSet = field(default_factory=GtidSet)
    writable: bool = False
    read_only: bool = False  # for clients without CONNECTION_ADMIN; `writable` is about all clients
    offline_mode: bool = False
    state: str = OFFLINE
    view_id: str = ""
    group_name: str = ""
    behind: int = 0
    members: tuple[GroupMember, ...] = ()
    clone: Clone | None = None
    unreadable_at: str = ""  # when the applier last stopped outside the group because it could not read the relay log
    failure: Failure | None = None  # why its applier last stopped; an ONLINE member is not asked
    recovery_error: int = 0  # of a RECOVERING member: the last error of its channel to the donor
    has_channel: bool = False  # CHANNEL exists; what it received is part of `received`
    bootstraps: bool = False  # its next START GROUP_REPLICATION would form a group, whether intended or not

    def online_members(self) -> int:
        return sum(member.state == ONLINE for member in self.members)

    def has_majority(self) -> bool:
        """True if this member can reach more than half of its group, itself included."""
        return self.reachable_members() * 2 > len(self.members)

    def reachable_members(self) -> int:
        return sum(member.state in IN_GROUP for member in self.members)

    def role(self) -> str:
        """The role that this member may serve in: none unless ONLINE with a majority."""
        if self.state != ONLINE or not self.has_majority():
            return "none"
        own = self.own()
        return own.role if own is not None else "none"

    def own(self) -> GroupMember | None:
        """What its group shows of this member."""
        return next((member for member in self.members if member.server_uuid == self.server_uuid), None)

    def successors(self) -> list[GroupMember]:
        """The other members that could become primary, the one with the least to apply first."""
        others = [
            member for member in self.members if member.server_uuid != self.server_uuid and member.state == ONLINE
        ]
        return sorted(others, key=lambda one: (one.queue, one.host))

    def known(self) -> GtidSet:
        """All that the member holds, applied or not: what an election compares."""
        return self.executed.union(self.received)


@dataclass(frozen=True)
class Peer:
    """Another member's pod; `fresh` if its publication moved within the last seconds of the reader's own clock.

    `seems_alive` trusts the clocks of both nodes and is known after a single look.
    """

    name: str
    exists: bool
    publication: Publication | None = None
    fresh: bool = False
    seems_alive: bool = False


@dataclass(frozen=True)
class GroupRecord:
    """The group's Lease: who formed it first (None: never), who may form it now, the record of the group, and users'
    orders. `version` is the Lease's resourceVersion: a decision based on this record is written only if the Lease is
    still the same."""

    bootstrapped_by: str | None
    holder: str | None
    held_for_seconds: float  # since the holder's last renewal
    fenced: Mapping[str, str] = field(default_factory=dict)  # member -> why
    acquired: str = ""  # when it was last taken (the API server's text)
    note: group.Note = field(default_factory=group.Note)
    order: group.GoOnWithout | None = None
    rebuilding: Mapping[str, str] = field(default_factory=dict)  # member that must clone another -> its data directory
    leaving: Mapping[str, str] = field(default_factory=dict)  # member -> its data directory that is about to be deleted
    version: str = ""
    is_rotating: bool = False  # passwords (core/ordered.py)
    obituary: str = ""  # a user's switch (planning/obituary.py)
    failure_detection: str = ""  # view.FAST, or anything else
    read_at: float = 0.0  # of the reader's own clock (seconds)

    def given_up(self) -> frozenset[str]:
        """The members that a user ordered to give up in this outage."""
        return frozenset(self.order.members) if self.order else frozenset()

    def is_forming(self) -> bool:
        """Whether the Lease was taken to form a group that it does not record yet: nobody knows which group counts. An
        older agent does not note what its group begins with."""
        return self.note.began_with is not None and not self.incarnation()

    def incarnation(self) -> str:
        """Which run of the group is the cluster's; empty if that is not decided (yet)."""
        return self.note.incarnation if self.note.acquired == self.acquired else ""


@dataclass(frozen=True)
class Surroundings:
    """What the API server shows a member: how many members are wanted, the other members, and the group's Lease, which
    is read before the other members."""

    replicas: int
    peers: tuple[Peer, ...]
    record: GroupRecord
