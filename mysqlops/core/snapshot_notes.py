"""What a VolumeSnapshot notes for a later run: until a catalogue lists it, what it was taken of, since the cluster may
change meanwhile; and once it is to be deleted, so that a run that was killed leaves none that nobody lists. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from mysqlops.core import names, typed

ANNOTATION_DELETING = f"{names.DOMAIN}/deleting"  # the target from which the entry is removed, before it is


@dataclass(frozen=True)
class Note:
    """What the snapshot was taken of, and the target that is to list it; an older release noted the member alone."""

    member: str
    role: str = ""
    group: str = ""  # the name under which the cluster counted transactions (core/timeline.py)
    target: str = ""


def dump(note: Note) -> str:
    return json.dumps(asdict(note), sort_keys=True)


def load(text: str) -> Note:
    return typed.make(Note, typed.json_of(text)) or Note(text)
