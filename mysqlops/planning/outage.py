"""Who forms the group again when nobody is in one: the member that holds all that any expected member holds. Pure.

Expected are the members of the last view and whoever was joining it (core/group.py): only they can hold what was
acknowledged. Fewer replicas, an empty volume or a pod that is gone do not make one of them less expected.
"""

from __future__ import annotations

from mysqlops.core import gtid, names, view
from mysqlops.planning.member_actions import FormGroup, Wait


def plan(name: str, around: view.Surroundings, server: view.ServerView) -> FormGroup | Wait:
    """Every expected member's set must be known; the holder of all transactions forms the group again."""
    given_up = around.record.given_up()
    peers = [peer for peer in around.peers if peer.name not in given_up and not _is_outcast(peer, around.record)]
    sets = {name: server.known()}
    sets |= {peer.name: known for peer in peers if (known := _known(peer)) is not None}
    if unknown := _unaccounted(name, around, server):
        return Wait(f"no group is running, and {'; '.join(unknown)}")
    holders = holders_of_all(sets)
    if not holders:
        return Wait("no group is running, and no member holds all transactions: " + describe(sets))
    if holders[0] != name:
        return Wait(f"no group is running; {holders[0]} holds all transactions and forms it")
    return form_unless_held(name, around, "all members are known and this one holds all transactions")


def _is_outcast(peer: view.Peer, record: view.GroupRecord) -> bool:
    told = peer.publication
    return told is not None and record.note.casts_out(peer.name, told.server_uuid, holds_data=bool(told.held))


def _unaccounted(name: str, around: view.Surroundings, server: view.ServerView) -> list[str]:
    """Of each member that may hold what nobody else does, why that is not known."""
    note, found = around.record.note, []
    if note.garbled:
        return ["what the Lease notes of the last group cannot be read"]
    uuids = {
        peer.name: peer.publication.server_uuid
        for peer in around.peers
        if peer.publication and _known(peer) is not None
    }
    uuids[name] = server.server_uuid
    wanted = {names.pod_beside(name, ordinal): "" for ordinal in range(around.replicas)}
    expected = note.expected() or {**wanted, **note.joining}
    for pod in sorted(expected.keys() - around.record.given_up(), key=names.ordinal_of):
        if pod not in uuids:
            found.append(f"what {pod} holds is not known")
        elif expected[pod] not in ("", uuids[pod]):
            found.append(
                f"{pod} has another data directory than the one that was in the group, and nobody has that one"
            )
    return found


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


def form_unless_held(name: str, around: view.Surroundings, why: str) -> FormGroup | Wait:
    """A member that took the Lease forms the group, or dies and is waited for no longer."""
    holder = around.record.holder
    if holder and holder != name and around.record.held_for_seconds < view.LEASE_SECONDS:
        return Wait(f"{holder} holds the Lease and forms the group")
    known = {peer.name for peer in around.peers if _known(peer) is not None}
    return FormGroup(why, around.record, tuple(sorted(around.record.given_up() - known)))
