"""What has no seam and is replaced while a world runs: the agent's zipapp (its bytes do not matter), process numbers,
and the base manifests, which are parsed once and not in each world. Pure functions that read the same text again and
again remember their answers. Names of groups that begin again come from the seed.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mysqlops.agent import api, credentials, loop, publisher
from mysqlops.core import group, gtid, names, publication, view
from mysqlops.kube import client
from mysqlops.operations import backup, bundle, lock, restore
from mysqlops.planning import calm, failing_applier, membership, recovery, stale_clients, standing, verdict

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from tests.simulation.world import World

_BUNDLE = bundle.Bundle(b"the agent", "0.1.0-simulated")
_PARSE = lru_cache(maxsize=4096)(gtid.GtidSet.parse)
_NOTE_OF = group.note_of
_LOAD = lru_cache(maxsize=512)(publication.load)
_NOTE = lru_cache(maxsize=512)(lambda text: _NOTE_OF({names.ANNOTATION_GROUP: text} if text is not None else {}))
_UNION = lru_cache(maxsize=4096)(gtid.GtidSet.union)
_CALM_SECONDS = 10.0  # worlds are short
# Values that are made in each turn of an agent.
_HOT = (
    *(publication.Publication, view.ServerView, view.GroupMember, view.GroupRecord, view.Peer, group.Note),
    *(stale_clients.Memory, stale_clients.Seen, failing_applier.Memory, publisher.Observation, membership.Situation),
)


def _quick_init(kind: type[DataclassInstance]) -> Any:
    """The same __init__, without a call of object.__setattr__ for each field; the values stay frozen."""
    known: dict[str, Any] = {"missing": MISSING}
    parameters, lines = [], ["values = self.__dict__"]
    for one in fields(kind):
        known[f"made_{one.name}"], known[f"default_{one.name}"] = one.default_factory, one.default
        value = one.name
        if one.default_factory is not MISSING:
            known[f"default_{one.name}"] = MISSING
            value = f"made_{one.name}() if {one.name} is missing else {one.name}"
        is_required = one.default is MISSING and one.default_factory is MISSING
        parameters.append(one.name if is_required else f"{one.name}=default_{one.name}")
        lines.append(f"values[{one.name!r}] = {value}")
    exec(f"def __init__(self, {', '.join(parameters)}):\n " + "\n ".join(lines), known)  # noqa: S102 (as dataclasses do)
    return known["__init__"]


def _quick_replace(value: Any, **changes: Any) -> Any:
    """dataclasses.replace of a value that has nothing but its fields."""
    assert not changes.keys() - value.__dataclass_fields__.keys(), changes.keys()
    found = object.__new__(type(value))
    found.__dict__.update(value.__dict__)
    found.__dict__.update(changes)
    return found


def _remembered(method: Any) -> Any:
    """The same method of a frozen value, which always answers the same; `_quick_replace` must not meet that value."""
    key = f"remembered {method.__name__}"

    def answer(self: Any) -> Any:
        known = self.__dict__
        if key not in known:
            known[key] = method(self)
        return known[key]

    return answer


_REPLACES = [
    (owner, "replace", _quick_replace) for owner in (loop, publisher, failing_applier, stale_clients, standing)
]
_INITS = [(kind, "__init__", _quick_init(kind)) for kind in _HOT]
_REMEMBERED = [
    *(
        (view.ServerView, name, _remembered(getattr(view.ServerView, name)))
        for name in ("role", "has_majority", "known")
    ),
    (gtid.GtidSet, "__str__", _remembered(gtid.GtidSet.__str__)),
]
_QUOTES = [(owner, "quote", lru_cache(maxsize=1024)(owner.quote)) for owner in (api, client)]


@contextmanager
def replacing(replaced: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    """Attributes (owner, name, value) that are others inside."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


@contextmanager
def stand_ins(world: World, seed: int) -> Iterator[None]:
    """Each command is a process of its own; all run here."""

    def pid() -> int:
        return world.scheduler.running().process.pid

    chance = random.Random(f"names/{seed}")  # noqa: S311 (not what the world draws: it names the first group)

    replaced: list[tuple[Any, str, Any]] = [
        (uuid, "uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4)),
        (bundle, "build", lambda: _BUNDLE),
        (credentials, "password", lambda: f"Made-{chance.getrandbits(64):x}"),
    ]
    replaced += world.signers.stand_ins()
    # What the repository recorded of a backup, which is one of this cluster's.
    replaced += [(backup, "manifest", lambda *_: {}), (restore, "check_data", lambda *_: None)]
    replaced += [(gtid.GtidSet, "parse", _PARSE), (gtid.GtidSet, "union", _UNION)]
    replaced += [(group, "note_of", lambda annotations: _NOTE(annotations.get(names.ANNOTATION_GROUP)))]
    replaced += [(calm, "CALM_SECONDS", _CALM_SECONDS)]
    replaced += [(owner, "load", _LOAD) for owner in (publication, recovery, verdict)]
    replaced += [*_INITS, *_REPLACES, *_REMEMBERED, *_QUOTES]
    if hasattr(lock, "os"):
        replaced.append((lock, "os", SimpleNamespace(getpid=pid)))
    with replacing(replaced):
        yield
