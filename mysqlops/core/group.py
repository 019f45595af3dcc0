"""The record of a cluster's group in an annotation of the Lease NAME-group. Values only; never an object.

- `members` are those of the last view, with those that left it while only their disks may hold what they acknowledged
  (planning/standing.py), and `joining` those that may have joined since: one of them has on its
  disk whatever was acknowledged, so an outage is over only when each of them is accounted for. A member is its pod and
  its data directory (server_uuid): an empty volume in a pod of the same name is not that member.
- `incarnation` is one run of a group, from its bootstrap until its last member has left. Two runs of the same name can
  exist for a moment, but only one of them is recorded here, and members of another one accept no clients.
- `began_with` is what the member that formed the group held when it took the Lease: all that any expected member held.
  A member of another run that holds more has it from there (planning/standing.py).
- `elsewhere` are members that were in another run, or formed one that is not recorded yet, until they are seen to have
  nothing from there (planning/origin.py). `shared` is what such a member, or an outcast that was one, has in common
  with this history. Whatever else it holds has numbers that this history gives to other transactions: nobody else has
  those.
- `name` is the name of the history: the UUID under which the group counts transactions. A group that continues without
  what a member may hold gets another name, and that member becomes an outcast: it never joins by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mysqlops.core import gtid, names, typed


@dataclass(frozen=True)
class Note:
    """`members`, `joining`, `outcasts` and `elsewhere` map a pod to its server_uuid; an empty UUID stands for any
    server that holds data."""

    name: str = ""  # empty: the name in the Secret
    parent: str = ""  # the history that `name` continues
    incarnation: str = ""
    acquired: str = ""  # when the Lease was taken for that incarnation: once it is taken again, this one is over
    members: Mapping[str, str] = field(default_factory=dict)
    joining: Mapping[str, str] = field(default_factory=dict)
    joins: str = "0"  # grows with each write; by an older agent only with each member that joins or forms
    outcasts: Mapping[str, str] = field(default_factory=dict)
    began_with: str | None = None  # a GTID set; None: unknown, as of an older agent. An empty one is known
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)  # pod -> a GTID set; most outcasts have no entry
    garbled: bool = False  # the annotation is unreadable, so the expected members are unknown
    restores: str = ""  # grows with each restore in place and each way back; empty: unknown, as of an older release

    def expected(self, wanted: Iterable[str] = ()) -> dict[str, str]:
        """The members that must be accounted for before anybody forms the group again, each with the data directory of
        the last view, although its pod may have another one by now. If no view was ever recorded, as in a group that
        older agents formed, these are the `wanted` ones, whatever their data."""
        if self.members:
            return {**self.joining, **self.members}
        return {
            pod: uuid for pod, uuid in {**dict.fromkeys(wanted, ""), **self.joining}.items() if pod not in self.outcasts
        }

    def count(self) -> int:
        """How often it was written. It only grows: of two notes, the one with the smaller number is older. One that no
        longer expects a member, or bars one, must not be taken back any more than that of a join."""
        return _number(self.joins)

    def is_later(self, other: Note) -> bool:
        """Whether it counts more, unless the other one's history goes on from this one's under another name: a restore
        in place of an older release begins to count again. Others number restores: of two histories, each of which went
        on from the other since the way back was taken, the one with the greater number is later."""
        is_continued = self.name != other.name and (other.parent == self.name or not self.name)
        is_numbered = 0 < _number(other.restores) < _number(self.restores)
        return self.count() > other.count() and (is_numbered or not is_continued)

    def corrected(self, past: Note) -> Note:
        """This note, in place of a Lease's from the past: whoever noted there meanwhile that it joins may be in the
        group. Not under another name, which no group lets in: these are of a history that was left."""
        is_same = past.name == self.name or not (past.name or self.parent)  # the Secret's name, and no other since
        return replace(self, joining={**self.joining, **past.joining} if is_same else self.joining)

    def restored(self, before: Note) -> Note:
        """This note as that of a history that a restore in place begins or brings back."""
        return replace(self, restores=_text(_number(before.restores) + 1)).counting(before.count() + 1)

    def counting(self, at_least: int) -> Note:
        return replace(self, joins=_text(at_least)) if self.count() < at_least else self

    def casts_out(self, pod: str, server_uuid: str, *, holds_data: bool = True) -> bool:
        """True if the group continued without this data directory: only a rebuild brings the pod back."""
        barred = self.outcasts.get(pod)
        if barred is None:
            return False
        return barred == server_uuid or (barred == "" and holds_data and self.joining.get(pod) != server_uuid)

    def shared_with(self, pod: str, server_uuid: str | None) -> gtid.GtidSet | None:
        """What that data directory has in common with this history at most; None if its numbers can be trusted. One
        whose server_uuid is not known may be the one that was elsewhere."""
        text = self.shared.get(pod)
        may_be_it = not server_uuid or self.casts_out(pod, server_uuid) or self.strayed(pod, server_uuid)
        return gtid.GtidSet.parse(text) if may_be_it and text is not None else None

    def strayed(self, pod: str, server_uuid: str) -> bool:
        """True if this data directory was in a group that does not count, and it is open what it has from there."""
        return self.elsewhere.get(pod) == server_uuid

    def with_outcasts(self, outcasts: Mapping[str, str], elsewhere: Mapping[str, str]) -> Note:
        """These and no others; what is known of each data directory that stays is kept."""
        before = {*self.outcasts.items(), *self.elsewhere.items()}
        same = {pod for pod, _ in before & {*outcasts.items(), *elsewhere.items()}}
        shared = {pod: text for pod, text in self.shared.items() if pod in same}
        return replace(self, outcasts=outcasts, elsewhere=elsewhere, shared=shared)


@dataclass(frozen=True)
class GoOnWithout:
    """A user's order to form the group without these members (pod to server_uuid), under the name `group`.

    It belongs to one outage: `after` is when the Lease was last taken, so taking it again makes the order void. `back`
    lists outcasts that are taken back because no other member is left. `named` are those that the user chose to give
    up although they are present; the others were missing when the order was given.
    """

    members: Mapping[str, str]
    group: str
    after: str
    back: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)

    def without(self, present: Mapping[str, str]) -> GoOnWithout | None:
        """What is left of the order once these members (pod to server_uuid) are back with the data that was missed;
        None if all are, and no outcast is taken back."""
        members = {
            pod: uuid
            for pod, uuid in self.members.items()
            if pod in self.named or pod not in present or uuid not in ("", present[pod])
        }
        return replace(self, members=members) if members or self.back else None


_DIGITS = 18  # of a number that anybody may have written


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else 0


def _text(number: int) -> str:
    """The largest one stays: one more digit would read as none."""
    return str(min(number, 10**_DIGITS - 1))


def incarnation(view_id: str) -> str:
    """What all view ids of one run of a group have in common; empty if there is no view.

    https://dev.mysql.com/doc/refman/9.7/en/group-replication-view-changes.html
    """
    return view_id.partition(":")[0]


def name_of(note: Note, order: GoOnWithout | None) -> str:
    """The name of the group that is formed on this note and order; empty: the Secret's."""
    return note.name if order is None else order.group


def forming(note: Note, order: GoOnWithout | None, pod: str, server_uuid: str, held: str = "") -> Note:
    """The note of a group that this member is about to form with what it holds; members that the order gives up become
    outcasts. Until its group is recorded, it counts as one that was elsewhere: another member may form the group that
    counts, and nobody could mark this one any more if its pod or the API server is lost then."""
    ours, strayed = note.shared_with(pod, server_uuid), {**note.elsewhere, pod: server_uuid}
    found = replace(note, incarnation="", joining={**note.joining, pod: server_uuid}, began_with=held)
    found = found.counting(note.count() + 1)
    if order is None:
        return _marking(found.with_outcasts(note.outcasts, strayed), pod, held)
    strayed |= {back: uuid for back, uuid in order.back.items() if back != pod and _may_differ(note, back, ours)}
    found = found.with_outcasts({**_without(note.outcasts, order.back), **order.members}, strayed)
    found = replace(
        found,
        name=name_of(note, order),
        parent=note.name,
        # Never empty: that would mean that no view was recorded.
        members=_without(note.members, order.members) or {pod: server_uuid},
        joining=_without(found.joining, order.members),
    )
    if ours is not None:
        found = replace(found, shared=_shared(found, ours, {*found.outcasts, *order.back}))
    return _marking(found, pod, held)


def _marking(note: Note, pod: str, held: str) -> Note:
    return replace(note, shared={**note.shared, pod: held})


def _may_differ(note: Note, returned: str, ours: gtid.GtidSet | None) -> bool:
    """Whether an outcast that returns with the one that forms the group may hold other transactions than that one under
    the same numbers: either was in a group that did not count."""
    return ours is not None or returned in note.shared


def _shared(note: Note, ours: gtid.GtidSet, others: Iterable[str]) -> dict[str, str]:
    """Once an outcast that was in another run is taken back and forms the group, its transactions are the history's,
    and all others hold other ones under the same numbers."""
    found = dict(note.shared)
    for pod in others:
        found[pod] = str(gtid.GtidSet.parse(found[pod]).common(ours) if pod in found else ours)
    return found


def _without(members: Mapping[str, str], left: Mapping[str, str]) -> dict[str, str]:
    return {pod: uuid for pod, uuid in members.items() if pod not in left}


def dump(record: Note | GoOnWithout) -> str:
    values = {key: value for key, value in asdict(record).items() if key != "garbled" and value is not None}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def note_of(annotations: Mapping[str, str]) -> Note:
    """The note in the annotations; an empty one if there is none. Anybody who may write the Lease may write
    anything."""
    text = annotations.get(names.ANNOTATION_GROUP)
    found = _read(text, _NOTE_TEXTS, _NOTE_MAPS)
    if text and found is None:
        return Note(garbled=True)
    return Note(**found) if found else Note()


def order_of(annotations: Mapping[str, str], acquired: str) -> GoOnWithout | None:
    """The open order; None if there is none, or if it belongs to an outage that is over."""
    found = _read(annotations.get(names.ANNOTATION_GIVEN_UP), ("group", "after"), ("members", "back", "named"))
    if found is None or not {"group", "after", "members"} <= found.keys() or found["after"] != acquired:
        return None
    is_any = found["members"] or found.get("back")
    return GoOnWithout(**found) if is_any and found["group"] else None


_NOTE_TEXTS = ("name", "parent", "incarnation", "acquired", "joins", "restores", "began_with")
_NOTE_MAPS = ("members", "joining", "outcasts", "elsewhere", "shared")


def _read(text: str | None, texts: Sequence[str], maps: Sequence[str]) -> dict[str, Any] | None:
    """The values of these keys, each of its type; None if the text holds anything else."""
    parsed = typed.json_of(text)
    if not isinstance(parsed, dict):
        return None
    is_text = all(isinstance(parsed.get(key, ""), str) for key in texts)
    is_map = all(names.are_members(parsed.get(key, {})) for key in maps)
    found = {key: parsed[key] for key in (*texts, *maps) if key in parsed}
    sets = (found.get("began_with", ""), *found.get("shared", {}).values()) if is_text and is_map else ("?",)
    return found if all(map(gtid.is_set, sets)) else None
