"""Whether a member's group is the cluster's group, and what the Lease must record of it. Pure.

Two groups of one cluster can run for a moment: an agent that was frozen between deciding and acting may form a group
long after another member did. The Lease records the incarnation that counts. A member that forms a group lets no client
in before its own is recorded there, and a member of another incarnation accepts no clients and leaves.

`since` is when the member's agent first saw its present incarnation: a Lease that was read earlier says nothing about
it (both in seconds of the agent's own clock). Nor does a Lease from the past: the API server's data may have been
restored from a backup, or somebody has applied the object as a tool once stored it. `known` is the note with which it
last recorded this incarnation: its count never falls. Of a group that this member has just formed, and that no Lease
records yet, it is the note with which it took the Lease, with the incarnation that was over then: a Lease that records
that one is from the past, but one that another member has taken since is not.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from mysqlops.core import group, names, typed, view
from mysqlops.planning import departure

GIVEN_UP = "a user ordered the others to continue without it (recover --accept-loss)"
UNKNOWN = group.Note()
_UNWATCHED_SECONDS = 10.0


@dataclass(frozen=True)
class Present:
    """What a member's agent remembers of the group that its server is in. `known` is empty until a Lease records that
    group which was read since it `watches`, unless this member formed it: after a pause, a server may show its group as
    it was, and its agent know the Lease as it was. `at` is when it last looked."""

    incarnation: str = ""
    since: float = 0.0
    known: group.Note = UNKNOWN
    watches: float = 0.0
    at: float = 0.0

    def look(
        self, server: view.ServerView, at: float, record: view.GroupRecord | None, took: group.Note = UNKNOWN
    ) -> Present:
        """After mysqld answered what it was asked at that time; `took` is the note with which this member took the
        Lease to form a group, if that was its last start."""
        own = group.incarnation(server.view_id) if server.state == view.ONLINE else ""
        found = replace(self, at=at) if own == self.incarnation else Present(own, at, took if own else UNKNOWN, at, at)
        if at - self.at > _UNWATCHED_SECONDS:
            found = replace(found, known=UNKNOWN, watches=at)
        if record is None or record.read_at < found.watches or not is_noted(server, record):
            return found
        return found if _is_past(own, record, found.known) else replace(found, known=record.note)

    def dump(self) -> str:
        """For `remembered`."""
        return json.dumps({"incarnation": self.incarnation, "at": self.at, "known": group.dump(self.known)})


def remembered(text: str | None, now: float) -> Present:
    """What the previous run of a member's agent knew, for one that begins now by the same clock; nothing if that cannot
    be read. The first look finds out whether nobody looked for too long."""
    found = typed.json_of(text)
    if not isinstance(found, dict) or not isinstance(at := found.get("at"), float) or not 0.0 <= at <= now:
        return Present()
    known = group.note_of({names.ANNOTATION_GROUP: str(found.get("known"))})
    own = known.incarnation
    return Present(own, now, known, now, at) if own and own == found.get("incarnation") else Present()


def foreign_because(
    pod: str, server: view.ServerView, record: view.GroupRecord | None, since: float, known: group.Note = UNKNOWN
) -> str:
    """Why the group that this member is in is not the cluster's; empty if it is."""
    if record is None or record.read_at < since or server.state != view.ONLINE or is_noted(server, record):
        return ""
    own, noted = group.incarnation(server.view_id), record.incarnation()
    if not own:
        return ""
    if noted and _is_past(own, record, known):
        return ""
    if noted:
        return f"another group was formed without it: the Lease records incarnation {noted}, and it is in {own}"
    holder = record.holder
    is_here = holder in (None, "", pod) or any(member.pod == holder for member in server.members)
    if is_here or record.held_for_seconds >= view.LEASE_SECONDS:  # whoever took it died before it formed a group
        return ""
    return f"{holder} took the Lease to form the group, and is not in this member's group"


def taken(note: group.Note, decided_on: view.GroupRecord) -> group.Note:
    """What a member that took the Lease with this note knows of the group that it forms, until a Lease records it."""
    return replace(note, incarnation=decided_on.incarnation())


def _is_past(own: str, record: view.GroupRecord, known: group.Note) -> bool:
    """Whether the Lease is as it was before the member's own incarnation was recorded, or before it was formed: a group
    that was formed since counts more, as does whoever joined."""
    is_older = record.note.count() < known.count()
    return is_older and (known.incarnation == own or known.incarnation == record.incarnation())


def unsettled_because(
    pod: str, server: view.ServerView, record: view.GroupRecord | None, since: float, known: group.Note = UNKNOWN
) -> str:
    """Why a member in offline mode may not let clients in yet; empty if it may."""
    if record is None or (record.read_at < since and not is_noted(server, record)):
        return "in offline mode until the Lease has been read"
    own, noted = group.incarnation(server.view_id), record.incarnation()
    if not own or (noted and own in (noted, known.incarnation)):
        return ""
    if server.role() == names.ROLE_PRIMARY:
        return "it formed the group; clients wait until the Lease records that"
    return "the group was formed moments ago; clients wait until the Lease records it" if _notes(server, record) else ""


def _notes(server: view.ServerView, record: view.GroupRecord) -> bool:
    """Whether the primary's agent is one that notes views. An agent from before notes does not note itself either, and
    a replica would wait for it until the end of an upgrade."""
    leading = [member for member in server.members if member.role == names.ROLE_PRIMARY]
    return any(record.note.joining.get(member.pod) == member.server_uuid for member in leading)


def is_noted(server: view.ServerView, record: view.GroupRecord | None) -> bool:
    """Whether the Lease records the group that this member is in. Until then an agent writes nothing there: another
    member may have formed the cluster's group, and both would give their transactions the same numbers."""
    noted = record.incarnation() if record else ""
    return bool(noted) and server.state == view.ONLINE and noted == group.incarnation(server.view_id)


def outcast_because(pod: str, server: view.ServerView, record: view.GroupRecord) -> str:
    """Why this member may not come back by itself; empty if it may."""
    is_back = record.order is not None and pod in record.order.back
    if record.note.casts_out(pod, server.server_uuid, holds_data=bool(server.known())) and not is_back:
        return "the group continued without it: mysqlops member rebuild brings it back"
    named = record.order.named if record.order else {}
    return GIVEN_UP if pod in named and not is_back else ""


def noted(
    pod: str, server: view.ServerView, record: view.GroupRecord, since: float, known: group.Note = UNKNOWN
) -> group.Note | None:
    """What the Lease must record of the group that this member leads; None if it does, or if another must record it.

    Only the primary with a majority may write it: no other member knows the whole view. A joining member stays in the
    record until it is seen in the group, because it may be in by now; but not one whose data is about to be deleted: it
    may not join (planning/departure.py). Whoever has left, or may have, stays in the record until this member has
    executed all that was acknowledged meanwhile: the only disk that holds it may be there (docs/adr/0026). A Lease that
    was read before this group was seen proves nothing: it may describe another group, which counts. One from the past
    is replaced by what is known, but for whoever notes that it joins. An open order of a user ends here: a group runs.
    """
    own = group.incarnation(server.view_id)
    if server.role() != names.ROLE_PRIMARY or not own or foreign_because(pod, server, record, since, known):
        return None
    if record.read_at < since and not is_noted(server, record):
        return None
    before = record.note
    if _is_past(own, record, known):
        before = known.corrected(before)
    inside = {member.pod: member.server_uuid for member in server.members}
    has_all = _has_executed_all(server)
    wanted = replace(
        before.with_outcasts(
            {name: uuid for name, uuid in before.outcasts.items() if name not in inside},
            {name: uuid for name, uuid in before.elsewhere.items() if name not in inside},
        ),
        garbled=False,
        incarnation=own,
        acquired=record.acquired,
        name=server.group_name or before.name,
        members=inside if has_all else {**before.members, **inside},
        joining={
            name: uuid
            for name, uuid in before.joining.items()
            if inside.get(name) != uuid and not (has_all and departure.is_ordered(name, uuid, record))
        },
    )
    return None if wanted == record.note and record.bootstrapped_by and record.order is None else wanted


def _has_executed_all(server: view.ServerView) -> bool:
    """Whether this primary's disk holds all that earlier primaries acknowledged: what it received before its election
    may be in its relay log only, which no power failure spares (docs/adr/0010), or not even certified yet. Group
    Replication makes a new primary writable once all that is applied; what it received shows whether somebody else
    did."""
    return server.writable and server.received.is_subset(server.executed)


def without_joining(pods: Collection[str], server: view.ServerView, record: view.GroupRecord) -> group.Note | None:
    """The note without members that recorded that they join and whose pods are long gone; None if it has no such entry.

    Such a pod was scaled away and could never be accounted for in an outage. Only the recorded group's primary may
    write it, once it has executed all: that member may have been in the group, and led, before anybody noted it.
    """
    inside = {member.pod for member in server.members}
    gone = {pod for pod in pods if pod in record.note.joining and pod not in inside}
    leads = server.role() == names.ROLE_PRIMARY and _has_executed_all(server)
    if not gone or not leads or not is_noted(server, record):
        return None
    return replace(record.note, joining={pod: uuid for pod, uuid in record.note.joining.items() if pod not in gone})


def joining(pod: str, server_uuid: str, note: group.Note, *, holds_data: bool) -> group.Note:
    """The note with this member as one that may be in the group from now on.

    Another data directory of the same pod stays a member until the group's primary no longer sees it. If it is unknown
    which data directory of a pod was given up, an empty one cannot be it.
    """
    drops = note.outcasts.get(pod) == "" and not holds_data
    outcasts = {name: uuid for name, uuid in note.outcasts.items() if name != pod or not drops}
    found = replace(note.with_outcasts(outcasts, note.elsewhere), joining={**note.joining, pod: server_uuid})
    return found.counting(note.count() + 1)
