"""What a member does next: forms the group, joins it, waits, or serves. Pure; the agent acts.

Invariants (tests/unit/planning/test_membership.py):
- a group is formed only by a member that holds every transaction that any expected member knows of, and only
  when each expected member is known not to be in a group;
- an empty member forms a group only if none was ever formed (bitpoke, Percona PR #404 bootstrap from pod-0);
- one that holds transactions which the group lacks is never wiped here: Group Replication itself refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core import gtid, names, view
from mysqlops.core.publication import Publication


@dataclass(frozen=True)
class Surroundings:
    """What the API server tells: how many members are expected, the other members, and the group's Lease."""

    replicas: int
    peers: tuple[view.Peer, ...]
    record: view.GroupRecord


@dataclass(frozen=True)
class Situation:
    """All that one member knows; `server` is None while mysqld, `around` while the API server does not answer."""

    name: str
    server: view.ServerView | None
    around: Surroundings | None = None


@dataclass(frozen=True)
class FormGroup:
    """Take the Lease, then start a group of one."""

    why: str


@dataclass(frozen=True)
class Join:
    """Start Group Replication through the members seen in the group, or all if none can be seen.

    It fails harmlessly if no group is there. Other joiners are no seeds: trying them costs ten seconds.
    """

    why: str
    seeds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leave:
    """Stop Group Replication: the member is in ERROR and must leave before it can join again."""

    why: str


@dataclass(frozen=True)
class AcceptClients:
    """Lift the offline mode that an expulsion left behind."""

    why: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do now, because."""

    why: str


@dataclass(frozen=True)
class Serve:
    """In the group: nothing to do."""

    role: str


Action = FormGroup | Join | Leave | AcceptClients | Wait | Serve

LEASE_SECONDS = 60.0  # a holder that died while forming the group blocks another for no longer


def plan(situation: Situation) -> Action:
    """The next action of one member."""
    server = situation.server
    if server is None:
        return Wait("mysqld does not answer on its socket yet")
    if server.state == view.ONLINE:
        if server.offline_mode and server.has_majority():
            return AcceptClients("back in the group")
        return Serve(server.role())
    if server.state == view.RECOVERING:
        return Wait(f"recovering: {server.behind} transactions to apply")
    if server.state == view.ERROR:
        return Leave("the group expelled or refused this member")
    return _plan_outside_group(situation, server)


def _plan_outside_group(situation: Situation, server: view.ServerView) -> Action:
    around = situation.around
    if around is None:
        return Join("the API server does not answer; the group may still be there")
    in_group = [peer.name for peer in around.peers if peer.fresh and _is_in_group(peer.publication)]
    if in_group:
        online = tuple(peer.name for peer in around.peers if peer.publication and peer.publication.state == view.ONLINE)
        return Join(f"{' and '.join(in_group)} in the group", online or tuple(in_group))
    if names.ordinal_of(situation.name) >= around.replicas:
        return Wait(f"no group to join, and only {around.replicas} members are wanted")
    if _is_first_start(around, server):
        if names.ordinal_of(situation.name) == 0:
            return _form_unless_held(situation.name, around, "the cluster is new")
        return Wait("the cluster is new: member 0 forms the group")
    return _plan_full_outage(situation.name, around, server)


def _is_in_group(publication: Publication | None) -> bool:
    return publication is not None and publication.state in (view.ONLINE, view.RECOVERING)


def _is_first_start(around: Surroundings, server: view.ServerView) -> bool:
    """No group was ever formed, and nobody is seen to hold data."""
    peers_hold_data = any(peer.publication and peer.publication.executed for peer in around.peers)
    return around.record.bootstrapped_by is None and not server.known() and not peers_hold_data


def _plan_full_outage(name: str, around: Surroundings, server: view.ServerView) -> Action:
    """Every expected member's set must be known; the holder of all transactions forms the group again."""
    sets = {name: server.known()}
    unknown = []
    for peer in around.peers:
        known = _known(peer)
        if known is not None:
            sets[peer.name] = known
        elif names.ordinal_of(peer.name) < around.replicas:
            unknown.append(peer.name)
    if unknown:
        return Wait(f"no group is running, and what {', '.join(unknown)} holds is not known")
    holders = holders_of_all(sets)
    if not holders:
        return Wait("no group is running, and no member holds all transactions: " + describe(sets))
    if holders[0] != name:
        return Wait(f"no group is running; {holders[0]} holds all transactions and forms it")
    return _form_unless_held(name, around, "all members are known and this one holds all transactions")


def _known(peer: view.Peer) -> gtid.GtidSet | None:
    """What a peer holds, if its agent says so now and says that it is outside any group."""
    publication = peer.publication
    if not peer.fresh or publication is None or publication.state not in (view.OFFLINE, view.ERROR):
        return None
    return gtid.GtidSet.parse(publication.executed).union(gtid.GtidSet.parse(publication.received))


def holders_of_all(sets: dict[str, gtid.GtidSet]) -> list[str]:
    """The members whose set contains every other's, in the order of their names' ordinals."""
    everything = gtid.GtidSet()
    for known in sets.values():
        everything = everything.union(known)
    holders = [name for name, known in sets.items() if everything.is_subset(known)]
    return sorted(holders, key=names.ordinal_of)


def describe(sets: dict[str, gtid.GtidSet]) -> str:
    return "; ".join(f"{name} {known or 'nothing'}" for name, known in sorted(sets.items()))


def _form_unless_held(name: str, around: Surroundings, why: str) -> Action:
    holder = around.record.holder
    if holder and holder != name and around.record.held_for_seconds < LEASE_SECONDS:
        return Wait(f"{holder} holds the Lease and forms the group")
    return FormGroup(why)
