"""What users ordered the members to do, as annotations of the group's Lease; unreadable text counts as no order. Names
become part of commands that a user copies into a shell, and whoever may write the Lease may have written them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from mysqlops.core import gtid, instant, names, typed

_VARIABLE = re.compile(r"[a-z][a-z0-9_.]{0,99}")
GOES_ON_HOURS = 24  # how long an order to rebuild counts that nobody has obeyed
_LONGEST = 120  # of a text that somebody else wrote
_MOST = 500  # fewer than a server has, and few enough for a command's arguments


def fenced(annotations: Mapping[str, str]) -> dict[str, str]:
    """Member -> why it is fenced."""
    found = _of_pods(_read(annotations, names.ANNOTATION_FENCED))
    return {pod: str(why) for pod, why in found.items()}


def filling(annotations: Mapping[str, str]) -> dict[str, str]:
    """Member -> the backup that a Job puts onto its volume; the member starts only after that, whatever its name."""
    found = _of_pods(_read(annotations, names.ANNOTATION_FILLING))
    return {pod: named(str(backup)) for pod, backup in found.items()}


def named(backup: str) -> str:
    """The backup's id as a note has it; the placeholder of help texts if it cannot be one."""
    return backup if not backup or typed.is_word(backup) else "BACKUP"


def without(orders: Mapping[str, Any], *members: str) -> dict[str, Any]:
    return {one: value for one, value in orders.items() if one not in members}


def rebuilding(annotations: Mapping[str, str], now: datetime | None = None) -> dict[str, str]:
    """The members that a user wants to be rebuilt (what they miss need not be in any binary log), each with the data
    directory (server_uuid) that obeys, empty until one does: the order does not apply to the next one in its place. Now
    without orders that have expired; None: with them."""
    notes = rebuild_notes(annotations)
    over = expired(annotations, now) if now is not None else {}
    servers = {str(pod): str(note.get("server", "")) if isinstance(note, dict) else "" for pod, note in notes.items()}
    return without(servers, *over)


def expired(annotations: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Member -> since when it was to be rebuilt, empty if unknown: nobody obeyed for a day. Whoever comes later must
    not be surprised by what somebody wanted last week."""
    notes = rebuild_notes(annotations)
    since = {str(pod): str(note.get("at", "")) if isinstance(note, dict) else "" for pod, note in notes.items()}
    is_obeyed = {str(pod): isinstance(note, dict) and bool(note.get("server")) for pod, note in notes.items()}
    return {pod: at for pod, at in since.items() if not is_obeyed[pod] and not is_recent(at, now)}


def is_recent(at: str, now: datetime) -> bool:
    """Whether an order of that moment (UTC, ISO 8601) still counts; not without a date, as in older releases."""
    moment = instant.read(at)
    return moment is not None and abs(now - moment) < timedelta(hours=GOES_ON_HOURS)


def obeyed(annotations: Mapping[str, str], pod: str, server_uuid: str, now: datetime) -> str | None:
    """The orders to rebuild once this empty data directory obeys its pod's; None if that is none of its business: no
    order, an expired one, another one obeyed it, or it is what the order does away with."""
    notes = rebuild_notes(annotations)
    note = notes.get(pod)
    if not isinstance(note, dict) or note.get("server") or note.get("before") == server_uuid:
        return None
    if pod in expired(annotations, now):
        return None
    return write({**notes, pod: {**note, "server": server_uuid}})


def leaving(annotations: Mapping[str, str]) -> dict[str, str]:
    """Member -> the data directory (server_uuid) that is about to be deleted: who has it leaves the group before, at
    any age, since its claim may be going. If not, the next command calls it off (operations/orders.py)."""
    notes = rebuild_notes(annotations)
    uuids = {str(pod): note.get("before") for pod, note in notes.items() if isinstance(note, dict)}
    return {pod: uuid for pod, uuid in uuids.items() if uuid and isinstance(uuid, str)}


def of_members(annotations: Mapping[str, str], members: Collection[str]) -> dict[str, Any]:
    """The orders to rebuild and to fill, without those for anybody else."""
    noted: dict[str, Mapping[str, Any]] = {"rebuilding": rebuild_notes(annotations), "filling": filling(annotations)}
    return {key: {pod: note for pod, note in found.items() if pod in members} for key, found in noted.items()}


def rebuild_notes(annotations: Mapping[str, str]) -> dict[str, Any]:
    """Member -> what a command noted of its rebuild (planning/member.py), in whatever form a release wrote it."""
    return _of_pods(_read(annotations, names.ANNOTATION_REBUILDING))


def setting(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that a command sets live, or did until it was killed: values that no write has verified yet."""
    found = _read(annotations, names.ANNOTATION_SETTING)
    listed = found.get("names") if isinstance(found, dict) else None
    return (
        tuple(name for name in map(str, listed[:_MOST]) if _VARIABLE.fullmatch(name))
        if isinstance(listed, list)
        else ()
    )


def setting_run(annotations: Mapping[str, str]) -> str:
    """Which run of a command may set them; empty in the notes of older releases."""
    found = _read(annotations, names.ANNOTATION_SETTING)
    return str(found.get("run", "")) if isinstance(found, dict) else ""


def stopped(annotations: Mapping[str, str]) -> dict[str, Any]:
    """What `stop` wrote: replicas and the GTID set of every member; empty if the cluster is not stopped."""
    found = _read(annotations, names.ANNOTATION_STOPPED)
    if not isinstance(found, dict) or not _is_stop(found):
        return {}
    return {"fenced": {}, **found}


def _is_stop(found: dict[str, Any]) -> bool:
    replicas, executed, fenced = found.get("replicas"), found.get("executed"), found.get("fenced", {})
    if not isinstance(replicas, int) or isinstance(replicas, bool) or not 0 <= replicas <= names.MAX_MEMBERS:
        return False
    texts = (found.get("group", ""), *_texts_of(executed), *_texts_of(fenced))
    if (
        not isinstance(executed, dict)
        or not isinstance(fenced, dict)
        or not all(isinstance(text, str) for text in texts)
    ):
        return False
    return all(gtid.is_set(text) for text in _texts_of(executed))


def _texts_of(found: Any) -> list[Any]:
    """The texts; an unknown set counts as empty."""
    return [value or "" for value in found.values()] if isinstance(found, dict) else []


@dataclass(frozen=True)
class Rotation:
    """An open rotation of passwords. `holders` are the UIDs of the pods that ran when the Secret changed, None until
    then: their servers may have the replication account's old password in memory. Once `dropped`, that one is the last
    old password."""

    since: str
    holders: tuple[str, ...] | None = None
    dropped: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rotation(annotations: Mapping[str, str]) -> Rotation | None:
    """The open rotation of passwords, or None."""
    found = _read(annotations, names.ANNOTATION_ROTATED)
    if not isinstance(found, dict):
        return None
    holders = found.get("holders")
    listed = tuple(map(str, holders)) if isinstance(holders, list) else None
    return Rotation(str(found.get("since", "")), listed, bool(found.get("dropped")))


@dataclass(frozen=True)
class Deleted:
    """A `delete` that kept the data: when, and whose."""

    at: str
    by: str


def deleted(annotations: Mapping[str, str]) -> Deleted | None:
    """The note of `delete`; None for a cluster that was not deleted, or has been deployed again."""
    found = _read(annotations, names.ANNOTATION_DELETED)
    if not isinstance(found, dict):
        return None
    at, by = (typed.visible(str(found.get(key, ""))[:_LONGEST]) for key in ("at", "by"))
    return Deleted(at or "an unknown time", by or "somebody")


def is_rotating(annotations: Mapping[str, str]) -> bool:
    """Whether a rotation may be open. Unlike other notes, an unreadable one counts: without it, passwords are
    dropped."""
    return names.ANNOTATION_ROTATED in annotations


def write(value: Any) -> str | None:
    """An order as an annotation's text; None, which deletes the annotation, if it is empty."""
    return json.dumps(value, sort_keys=True) if value else None


def _of_pods(found: Any) -> dict[str, Any]:
    """The notes of members; a key that no pod can have is nobody's."""
    return {pod: note for pod, note in found.items() if names.is_pod(pod)} if isinstance(found, dict) else {}


def _read(annotations: Mapping[str, str], key: str) -> Any:
    return typed.json_of(annotations.get(key))
