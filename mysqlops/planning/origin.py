"""A member that was in a group that does not count may have something from there, and must not take it along. Pure.

Under the same name the cluster's group gives the same numbers to other transactions, and soon nobody sees the
difference. So the Lease has a mark of such a member, with what it shares with the history: its agent, its server or its
pod may end at any moment. Whoever forms a group has it from then on (core/group.py), until that group is recorded, and
nobody joins a group before (joining.py). One without, as of an older agent, is marked before it leaves, since an event
may commit there meanwhile. The mark goes once the member is seen to have nothing from there; one that has bars itself
(docs/adr/0026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mysqlops.core import group, gtid, view
from mysqlops.planning.member_actions import NoteOrigin, StayOut, Wait


def before_leaving(
    pod: str, server: view.ServerView, record: view.GroupRecord | None, why: str
) -> StayOut | NoteOrigin | Wait | None:
    """What comes before it leaves a foreign group. Until the cluster's is recorded, nobody knows which of the two it
    will be; view.LEASE_SECONDS end that."""
    if record is None or record.note.garbled or record.note.casts_out(pod, server.server_uuid):
        return None
    if not record.note.strayed(pod, server.server_uuid):
        marked = _marked(pod, server.server_uuid, record.note)
        return NoteOrigin(why, record, marked) if marked is not None else None
    only = _only_there(pod, server, record.note)
    if not only:
        return None
    text = f"{why}; only this group has {only}"
    return _stay_out(pod, server, record, text) if record.incarnation() else Wait(text)


def before_joining(
    pod: str, server: view.ServerView, record: view.GroupRecord, *, may_join: bool
) -> StayOut | NoteOrigin | Wait | None:
    """What comes first outside any group. Where none is recorded it may form one like any other member, as far as what
    it holds counts (`counted`)."""
    if record.note.garbled or not record.note.strayed(pod, server.server_uuid):
        return None
    if not record.incarnation():
        text = "the Lease does not record the group yet, and this member was in another one"
        return Wait(text) if may_join else None
    if only := _only_there(pod, server, record.note):
        return _stay_out(pod, server, record, f"it has {only} from a group that does not count")
    left = {name: uuid for name, uuid in record.note.elsewhere.items() if name != pod}
    text = "it has nothing from the group that does not count"
    return NoteOrigin(text, record, record.note.with_outcasts(record.note.outcasts, left))


def counted(
    held: Mapping[str, gtid.GtidSet], uuids: Mapping[str, str], record: view.GroupRecord
) -> dict[str, gtid.GtidSet]:
    """What each member holds of the history, for the choice of the one that forms the group (pod to set and to
    server_uuid).

    The numbers that a member has from a group that does not count must not make it the one that holds the most. But as
    long as nobody else holds anything beyond what it shares, no other group wrote under these numbers: then all that it
    holds counts, unless it has barred itself."""
    found = dict(held)
    for pod, known in held.items():
        shared = record.note.shared_with(pod, uuids.get(pod))
        if shared is None:
            continue
        is_barred = pod in record.note.outcasts and (record.order is None or pod not in record.order.back)
        if is_barred or not _union(held, pod).is_subset(shared):
            found[pod] = known.common(shared)
    return found


def _union(held: Mapping[str, gtid.GtidSet], but: str) -> gtid.GtidSet:
    everything = gtid.GtidSet()
    for pod, known in held.items():
        everything = everything if pod == but else everything.union(known)
    return everything


def _only_there(pod: str, server: view.ServerView, note: group.Note) -> gtid.GtidSet:
    """Whoever formed the cluster's group held all else."""
    shared = note.shared.get(pod)
    return gtid.GtidSet() if shared is None else server.known().subtract(gtid.GtidSet.parse(shared))


def _marked(pod: str, server_uuid: str, note: group.Note) -> group.Note | None:
    """None where an older agent formed the cluster's group: it did not note what it began with."""
    if note.began_with is None:
        return None
    marked = note.with_outcasts(note.outcasts, {**note.elsewhere, pod: server_uuid})
    return replace(marked, shared={**marked.shared, pod: note.began_with})


def _stay_out(pod: str, server: view.ServerView, record: view.GroupRecord, why: str) -> StayOut:
    return StayOut(why, record, staying_out(pod, server.server_uuid, record.note))


def staying_out(pod: str, server_uuid: str, note: group.Note) -> group.Note:
    """The note with this data directory as one that never comes back by itself. It stays one of the last view if it is:
    it may hold what the primary has not applied yet."""
    joining = {name: uuid for name, uuid in note.joining.items() if (name, uuid) != (pod, server_uuid)}
    left = {name: uuid for name, uuid in note.elsewhere.items() if name != pod}
    return replace(note.with_outcasts({**note.outcasts, pod: server_uuid}, left), joining=joining)
