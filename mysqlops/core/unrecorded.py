"""What a VolumeSnapshot notes until a catalogue lists it: a later run that continues with it must not record what the
cluster has become meanwhile. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from mysqlops.core import typed


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
