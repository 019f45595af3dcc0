"""Facts in the tags of restic's snapshots: one call lists everything, nothing is ever rewritten (a repository may be
append-only), and a repository alone is enough to restore from. A tag cannot contain a comma, hence the base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mysqlops.core import typed
from mysqlops.core.typed import Json
from mysqlops.errors import StorageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

FORMAT = 1
TAG = "mysqlops"  # on every snapshot of ours
_FACTS, _KIND, _SEAL = "facts:", "kind:", "seal:"


def listed(text: str) -> list[Json]:
    """The entries that restic printed as JSON. Raises StorageError for anything else: unknown is not empty."""
    found: Any = [] if text.strip() == "null" else typed.json_of(text)  # as older releases of restic list nothing
    if not isinstance(found, list) or not all(map(_is_entry, found)):
        raise StorageError("restic's answer is not a list of snapshots", hint="run the same command again")
    return found


def manifest(text: bytes) -> Json:
    """manifest.json, which a repository keeps with each backup; raises StorageError if it is none."""
    found = typed.json_of(text)
    if not isinstance(found, dict) or not all(isinstance(found.get(key), dict) for key in ("backup", "contents")):
        raise StorageError("manifest.json is not the record of a backup")
    return found


def _is_entry(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        return False
    tags = found.get("tags") or []
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


def tags(kind: str, fact: DataclassInstance, key: str = "") -> list[str]:
    """The tags of its snapshot; with a key also a seal, which only a holder of the key can make (adr/0027)."""
    text = json.dumps({"format": FORMAT, **asdict(fact)}, separators=(",", ":"))
    found = [TAG, f"{_KIND}{kind}", f"{_FACTS}{base64.urlsafe_b64encode(text.encode()).decode()}"]
    return [*found, f"{_SEAL}{_seal(key, found[1:])}"] if key else found


def is_signed(snapshot: Json) -> bool:
    """Whether it has a seal, whoever made it."""
    return any(tag.startswith(_SEAL) for tag in snapshot.get("tags") or [])


def is_sealed_with(snapshot: Json, key: str) -> bool:
    """Whether its seal was made with that key, over the facts and the kind that it shows."""
    found = snapshot.get("tags") or []
    sealed = [[tag for tag in found if tag.startswith(start)] for start in (_KIND, _FACTS)]
    if not key or [len(tags) for tags in sealed] != [1, 1]:
        return False
    made = f"{_SEAL}{_seal(key, [one for (one,) in sealed])}"
    return any(hmac.compare_digest(made, tag) for tag in found if tag.isascii())


def digest(snapshot: Json) -> str:
    """The digest of the facts that it shows: equal digests mean equal facts."""
    text = next((tag for tag in snapshot.get("tags") or [] if tag.startswith(_FACTS)), "")
    return hashlib.sha256(text.encode()).hexdigest()


def _seal(key: str, sealed: Sequence[str]) -> str:
    return hmac.new(key.encode(), "\0".join(sealed).encode(), hashlib.sha256).hexdigest()


def of_kind(snapshots: Sequence[Json], kind: str) -> Iterator[tuple[Json, Json]]:
    """Each snapshot of that kind in `restic snapshots --json`, with its facts; entries of others and of a later format
    are left out."""
    for snapshot in snapshots:
        found = snapshot.get("tags") or []
        if f"{_KIND}{kind}" in found and (facts := _facts(found)) is not None:
            yield snapshot, facts


@dataclass(frozen=True)
class Summary:
    """What restic says of a snapshot that it stored: in a repository, whoever may write there."""

    data_added_packed: int = 0
    total_duration: float = 0.0
    backup_start: str = ""
    backup_end: str = ""


def summary(found: Any) -> Summary:
    return typed.make(Summary, found) or Summary()


def make(kind: type[T], facts: Any) -> T:
    """The dataclass, without unknown facts; raises StorageError for facts that do not fit it."""
    made = typed.make(kind, facts)
    if made is None:
        why = typed.trouble(kind, facts) if isinstance(facts, dict) else "not an object"
        raise StorageError(f"the record is not a valid {kind.__name__.lower()}: {why}")
    return made


def _facts(found: Sequence[str]) -> Json | None:
    for tag in found:
        if tag.startswith(_FACTS):
            try:
                facts = typed.json_of(base64.urlsafe_b64decode(tag.removeprefix(_FACTS)))
            except ValueError:
                return None
            return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None
    return None
