"""What has no seam and is replaced while a world runs: the agent's zipapp (its bytes do not matter), process numbers,
and the base manifests, which are parsed once and not in each world. Pure functions that read the same text again and
again remember their answers. Names of groups that begin again come from the seed.
"""

from __future__ import annotations

import marshal
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mysqlops.core import group, gtid, names, publication
from mysqlops.kube import manifests
from mysqlops.operations import bundle, lock
from mysqlops.planning import recovery, verdict

if TYPE_CHECKING:
    from tests.simulation.world import World

_BUNDLE = bundle.Bundle(b"the agent", "0.1.0-simulated")
_BASE = marshal.dumps(manifests.load_base())
_PARSE = lru_cache(maxsize=4096)(gtid.GtidSet.parse)
_NOTE_OF = group.note_of
_LOAD = lru_cache(maxsize=512)(publication.load)
_NOTE = lru_cache(maxsize=512)(lambda text: _NOTE_OF({names.ANNOTATION_GROUP: text} if text is not None else {}))
_UNION = lru_cache(maxsize=4096)(gtid.GtidSet.union)
_TEXT = lru_cache(maxsize=4096)(gtid.GtidSet.__str__)


@contextmanager
def stand_ins(world: World, seed: int) -> Iterator[None]:
    """Each command is a process of its own; all run here."""

    def pid() -> int:
        return world.scheduler.running().process.pid

    chance = random.Random(seed)  # noqa: S311

    replaced: list[tuple[Any, str, Any]] = [
        (uuid, "uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4)),
        (bundle, "build", lambda: _BUNDLE),
        (manifests, "load_base", lambda: marshal.loads(_BASE)),  # noqa: S302 (our own bytes)
    ]
    replaced += [(gtid.GtidSet, "parse", _PARSE), (gtid.GtidSet, "union", _UNION), (gtid.GtidSet, "__str__", _TEXT)]
    replaced += [(group, "note_of", lambda annotations: _NOTE(annotations.get(names.ANNOTATION_GROUP)))]
    replaced += [(owner, "load", _LOAD) for owner in (publication, recovery, verdict)]
    if hasattr(lock, "os"):
        replaced.append((lock, "os", SimpleNamespace(getpid=pid)))
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
