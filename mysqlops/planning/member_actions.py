"""What a member may do next; planning/membership.py chooses, the agent acts."""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core import gtid, view
from mysqlops.planning import actions

Wait = actions.Wait


@dataclass(frozen=True)
class FormGroup:
    """Take the Lease, if it is still as it was when this was decided, then start a group of one.

    The record holds a user's order to continue without some members, if there is one. `ask` lists those of them that
    are silent: they may be a running group that is cut off from the API server only.
    """

    why: str
    record: view.GroupRecord
    ask: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClearBootstrap:
    """Turn off the bootstrap flag that a dead agent left on: the next start would form a second group."""

    why: str


@dataclass(frozen=True)
class Join:
    """Start Group Replication through the members seen in the group, or all if none can be seen.

    It fails harmlessly if no group runs. Never join through a member that is itself joining: each attempt costs ten
    seconds.
    """

    why: str
    seeds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clone:
    """Clone a donor's data onto this empty server, which then stops, and joins once it is back."""

    why: str
    donor: str  # the pod


@dataclass(frozen=True)
class Leave:
    """Stop Group Replication: the group refused this member or is stuck, and it must leave before it joins again."""

    why: str


@dataclass(frozen=True)
class StayOut:
    """Record on the Lease that this data directory never comes back by itself, if the Lease is still as it was."""

    why: str
    record: view.GroupRecord


@dataclass(frozen=True)
class HandOver:
    """Make another member the primary: this one must not serve any more."""

    to: view.GroupMember
    why: str


@dataclass(frozen=True)
class BlockClients:
    """Turn offline mode on: clients are disconnected, and only the agent can connect."""

    why: str


@dataclass(frozen=True)
class RefuseWrites:
    """Turn super_read_only on: outside a group nobody else would ever see a write."""

    why: str


@dataclass(frozen=True)
class AcceptClients:
    """Turn off the offline mode that an expulsion or `BlockClients` turned on."""

    why: str


@dataclass(frozen=True)
class DropReceived:
    """Delete a relay log that is damaged; everything in it that can be read has been applied."""

    why: str


@dataclass(frozen=True)
class Apply:
    """Apply what was received, outside the group: if that fails again, the group is not disturbed."""

    why: str


@dataclass(frozen=True)
class CatchUp:
    """Receive and apply, outside the group, what a member of it has executed, until little is missing."""

    why: str
    source: str  # the pod
    server_uuid: str  # of the server that was seen there


@dataclass(frozen=True)
class Settle:
    """Apply what the channel of an earlier CatchUp received, and remove the channel. If that fails, the channel goes
    only if nothing is left in it but what is in `group_has`; None: not yet."""

    why: str
    group_has: gtid.GtidSet | None = None


@dataclass(frozen=True)
class AwaitDonor(Wait):
    """Nobody that it could copy is seen now: joining at once would be by binary logs, or not at all."""


@dataclass(frozen=True)
class Serve:
    """In the group: nothing to do."""

    role: str


Start = FormGroup | Join | Clone | Apply | CatchUp | Settle  # on the way into the group; pauses follow a failure

Action = (
    FormGroup
    | ClearBootstrap
    | Join
    | Clone
    | Leave
    | StayOut
    | HandOver
    | BlockClients
    | RefuseWrites
    | AcceptClients
    | DropReceived
    | Apply
    | CatchUp
    | Settle
    | Wait
    | Serve
)
