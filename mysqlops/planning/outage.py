"""Who forms the group again when nobody is in one: the member that holds all that any expected member holds. Pure.

Expected are the members of the last view and those that were joining it (core/group.py): only they can hold what was
acknowledged. A smaller replica count, an empty volume or a missing pod does not make one of them less expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mysqlops.core import group, gtid, names, view, volume
from mysqlops.planning import origin, standing
from mysqlops.planning.member_actions import FormGroup, Wait

NOWHERE = "and no member has that one now"  # a claim was deleted: only `recover` helps
_FAILED_OFTEN = 5  # tries to form the group: another member that holds the same goes first then


def plan(name: str, around: view.Surroundings, server: view.ServerView, tries: int = 0) -> FormGroup | Wait:
    """Every expected member's set must be known; the holder of all transactions forms the group again. A member that
    a user's order gives up because it was missing counts again once it is back, unless it has diverged."""
    note, order = around.record.note, around.record.order
    if note.garbled:
        hint = f"remove annotation {names.ANNOTATION_GROUP} of the Lease, and the copy on the Secret is used"
        return Wait(f"no group is running, and what the Lease records of the last one cannot be read: {hint}")
    needed = order.without(_present(name, around, server)) if order else None
    found = _plan(name, _ordered(around, needed), server, tries)
    if isinstance(found, _Diverged) and needed != order:
        found = _plan(name, around, server, tries)
    if isinstance(found, _Diverged):
        return Wait(f"no group is running, and no member holds all transactions: {found.sets}")
    return found


def _ordered(around: view.Surroundings, order: group.GoOnWithout | None) -> view.Surroundings:
    return replace(around, record=replace(around.record, order=order))


@dataclass(frozen=True)
class _Diverged:
    """Each member lacks what another holds; `sets` shows what each has."""

    sets: str


def _plan(name: str, around: view.Surroundings, server: view.ServerView, tries: int) -> FormGroup | Wait | _Diverged:
    expected = _expected(name, around)
    if why := _undecided_because(expected, name, around, server):
        return Wait(why)
    has_view = bool(around.record.note.members)
    counting = [peer for peer in around.peers if peer.name in expected or _counts(peer, around.record)]
    known = {peer.name: held for peer in counting if (held := _known(peer)) is not None} | {name: server.known()}
    counted = origin.counted(known, _present(name, around, server), around.record)
    sets = {pod: held for pod, held in counted.items() if pod in expected or pod == name or not has_view}
    holders = holders_of_all(sets)
    if not holders:
        return _Diverged(describe(sets))
    if only := [text for peer in counting if (text := _only_outside(peer, counted, sets[holders[0]]))]:
        return Wait(f"no group is running, and {'; '.join(only)}; mysqlops recover shows the choice")
    first = _able(holders, name, around, tries)
    if first != name:
        return Wait(f"no group is running; {first} holds all transactions and forms it")
    return form_unless_held(name, around, "all members are known and this one holds all transactions")


def _undecided_because(expected: dict[str, str], name: str, around: view.Surroundings, server: view.ServerView) -> str:
    if name in around.record.given_up():
        return standing.GIVEN_UP
    if unknown := _unaccounted(expected, name, around, server):
        return f"no group is running, and {'; '.join(unknown)}"
    if around.record.note.members and name not in expected:
        return f"no group is running; {', '.join(expected)} were in the last one, and one of them forms it"
    return ""


def _only_outside(peer: view.Peer, counted: Mapping[str, gtid.GtidSet], held: gtid.GtidSet) -> str:
    """What only a member outside the last view holds of a group's transactions, or nothing. The note should not allow
    that (planning/standing.py); a primary with an older agent may have forgotten that member too early. What it wrote
    on its own, under its server_uuid, was never in a group."""
    known, reported = counted.get(peer.name), peer.publication
    only = known.subtract(held).beside(reported.server_uuid) if known and reported else gtid.GtidSet()
    return f"only {peer.name}, which had left the last one, holds {only}" if only else ""


def _present(name: str, around: view.Surroundings, server: view.ServerView) -> dict[str, str]:
    """The members that report now what they hold, and are in no group, each with its data directory."""
    reported = {peer.name: peer.publication for peer in around.peers if _known(peer) is not None}
    return {**{pod: one.server_uuid for pod, one in reported.items() if one}, name: server.server_uuid}


def _expected(name: str, around: view.Surroundings) -> dict[str, str]:
    """The members of the last view hold everything that earlier leavers hold. Once some of them are given up, that no
    longer follows: then every wanted member counts that is not given up itself."""
    note, order = around.record.note, around.record.order
    wanted = [names.pod_beside(name, ordinal) for ordinal in range(around.replicas)]
    if order is None:
        return note.expected(wanted)
    everybody = {**dict.fromkeys(wanted, ""), **note.expected(wanted)}
    gone = order.members.keys() | (note.outcasts.keys() - note.members.keys())
    return {pod: uuid for pod, uuid in everybody.items() if pod not in gone} | dict(order.back)


def _counts(peer: view.Peer, record: view.GroupRecord) -> bool:
    reported = peer.publication
    is_outcast = reported is not None and record.note.casts_out(
        peer.name, reported.server_uuid, holds_data=bool(reported.held)
    )
    return not is_outcast and peer.name not in record.given_up()


def _able(holders: list[str], name: str, around: view.Surroundings, tries: int) -> str:
    """Of equal holders, the first that has room and has not failed often."""
    reported = {peer.name: peer.publication for peer in around.peers if peer.publication}

    def hindered(pod: str) -> tuple[bool, bool]:
        seen = reported.get(pod)
        if pod == name or seen is None:
            return False, pod == name and tries >= _FAILED_OFTEN
        return volume.is_full(seen.volume_size, seen.volume_used), seen.tries >= _FAILED_OFTEN

    return min(holders, key=lambda pod: (hindered(pod), names.ordinal_of(pod)))


def _unaccounted(expected: dict[str, str], name: str, around: view.Surroundings, server: view.ServerView) -> list[str]:
    """For each member that may hold what no other does, why that is not known."""
    found, uuids = [], _present(name, around, server)
    for pod in sorted(expected, key=names.ordinal_of):
        if pod not in uuids:
            found.append(f"what {pod} holds is not known")
        elif expected[pod] not in ("", uuids[pod]):
            found.append(f"{pod} has a different data directory from the one that was in the group, {NOWHERE}")
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
    """The member that took the Lease forms the group; if it dies, the others stop waiting for it. Once its group is
    noted, it waits like the others: they may go on with that group, and what was read of them may be from before it,
    when they were in none. Nothing that old is fresh after LEASE_SECONDS."""
    record = around.record
    if record.holder and record.held_for_seconds < view.LEASE_SECONDS:
        if record.holder != name:
            return Wait(f"{record.holder} holds the Lease and forms the group")
        if record.incarnation():
            return Wait("its group was formed moments ago, and others may continue it")
    known = {peer.name for peer in around.peers if _known(peer) is not None}
    return FormGroup(why, around.record, tuple(sorted(around.record.given_up() - known)))
