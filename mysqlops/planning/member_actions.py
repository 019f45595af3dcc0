"""What a member may do next; planning/membership.py chooses, the agent acts."""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core import view


@dataclass(frozen=True)
class FormGroup:
    """Take the Lease, if it is still as it was when this was decided, then start a group of one.

    The record holds the order of a user to do without members, if there is one. `ask` are those of them that are
    silent: they may be a group that runs, cut off from the API server only.
    """

    why: str
    record: view.GroupRecord
    ask: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClearBootstrap:
    """Turn off what an agent that died has left on: the next start would form a group of its own."""

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
class Copy:
    """Replace this server's data, of which there is none, by a donor's; it stops then, and joins when it is back."""

    why: str
    donor: str  # the pod


@dataclass(frozen=True)
class Leave:
    """Stop Group Replication: its group refused the member or stands still, and it must leave before it joins again."""

    why: str


@dataclass(frozen=True)
class HandOver:
    """Make another member the primary: this one must not serve any more."""

    to: view.GroupMember
    why: str


@dataclass(frozen=True)
class Bar:
    """Turn offline mode on: clients are disconnected, and nobody but the agent gets in."""

    why: str


@dataclass(frozen=True)
class RefuseWrites:
    """Turn super_read_only on: outside a group nobody else would ever see a write."""

    why: str


@dataclass(frozen=True)
class AcceptClients:
    """Lift the offline mode that an expulsion or a bar left behind."""

    why: str


@dataclass(frozen=True)
class DropReceived:
    """Delete the relay log that cannot be read on; all of it that can be read was applied before."""

    why: str


@dataclass(frozen=True)
class Apply:
    """Apply what was received, outside the group: if that fails again, the group is not disturbed."""

    why: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do now, because."""

    why: str


@dataclass(frozen=True)
class AwaitDonor(Wait):
    """Nobody that it could copy is seen now: joining at once would be by binary logs, or not at all."""


@dataclass(frozen=True)
class Serve:
    """In the group: nothing to do."""

    role: str


Start = FormGroup | Join | Copy | Apply  # on the way into the group; pauses follow a failure

Action = (
    FormGroup
    | ClearBootstrap
    | Join
    | Copy
    | Leave
    | HandOver
    | Bar
    | RefuseWrites
    | AcceptClients
    | DropReceived
    | Apply
    | Wait
    | Serve
)
