"""Facts in the tags of restic's snapshots: one call lists everything, nothing has to be rewritten (a repository may
allow appending only), and a repository alone is enough to restore from. A tag may hold no comma, hence the base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

Json = dict[str, Any]
FORMAT = 1
TAG = "mysqlops"  # on every snapshot of ours
_FACTS, _KIND = "facts:", "kind:"


def tags(kind: str, fact: DataclassInstance) -> list[str]:
    """The tags of its snapshot."""
    text = json.dumps({"format": FORMAT, **asdict(fact)}, separators=(",", ":"))
    return [TAG, f"{_KIND}{kind}", f"{_FACTS}{base64.urlsafe_b64encode(text.encode()).decode()}"]


def of_kind(snapshots: Sequence[Json], kind: str) -> Iterator[tuple[Json, Json]]:
    """Each snapshot of that kind in `restic snapshots --json`, with its facts; not what others wrote, or a later
    format."""
    for snapshot in snapshots:
        found = snapshot.get("tags") or []
        if f"{_KIND}{kind}" in found and (facts := _facts(found)) is not None:
            yield snapshot, facts


def make(kind: type[T], facts: Json) -> T:
    """The dataclass, without the facts that it does not know."""
    return kind(**{key: value for key, value in facts.items() if key in kind.__dataclass_fields__})


def _facts(found: Sequence[str]) -> Json | None:
    for tag in found:
        if tag.startswith(_FACTS):
            try:
                facts = json.loads(base64.urlsafe_b64decode(tag.removeprefix(_FACTS)))
            except ValueError:
                return None
            return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None
    return None
