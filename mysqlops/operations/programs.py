"""What a command asks of a member's agent, and how each answer is read. agents.run takes nothing else, so no caller
sees an answer that nobody has read. In the pod, agent/slots.py names the same programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mysqlops.core import activity, form, rotation, setting_kinds
from mysqlops.planning import old_ca
from mysqlops.planning.checks import answers

T = TypeVar("T")


@dataclass(frozen=True)
class Program(Generic[T]):
    """A program beside the agent, its first words, and the form of its answer. If the answer is `by_word`, it has one
    entry for each word that follows: a member adds no name to those that it was asked about."""

    name: str
    reads: form.Form[T]
    words: tuple[str, ...] = ()
    by_word: bool = False

    def read(self, answer: Any, words: Sequence[str]) -> T:
        """The answer as its type; raises Misfit."""
        found = self.reads("", answer)
        if self.by_word and isinstance(answer, Mapping):
            for key in (*words, *answer):
                if key not in answer:
                    raise form.Misfit(f"{form.short(key)} is missing")
                if key not in words:
                    raise form.Misfit(f"{form.short(key)}: nobody asked for it")
        return found


@dataclass(frozen=True)
class Gtids:
    """The transactions that a member has, and those that it no longer has binary logs for."""

    executed: str
    purged: str


@dataclass(frozen=True)
class Opened:
    """The users that have a second password, and the primary's transactions at that time."""

    users: list[str]
    executed: str


@dataclass(frozen=True)
class Rotated:
    """What Secret NAME-tls holds; `again` if a new CA waits to be used. An older release's agent answers less."""

    fingerprint: str
    hostnames: list[str] = field(default_factory=list)
    again: bool = False


@dataclass(frozen=True)
class HandedOver:
    """How long the change of roles alone took."""

    seconds: float


@dataclass(frozen=True)
class Gap:
    """The longest time between two acknowledged writes, and how many failed."""

    seconds: float
    failures: int


def _activity(_: str, value: Any) -> activity.Activity:
    return activity.read(value)


def _presented(_: str, value: Any) -> old_ca.Facts:
    return old_ca.read(value)


def _examined(_: str, value: Any) -> dict[str, Any]:
    return answers.read(value)


_TEXTS, _USERS = form.map_of(form.text), form.list_of(form.text)
_KINDS = form.map_of(form.one_of(*setting_kinds.KINDS))
_STAGES = form.one_of(rotation.NONE, rotation.PREPARED, rotation.SWITCHED)

ACCOUNTS = Program("accounts", form.list_of(form.record(activity.Account)))
ADOPT_ADMIT, ADOPT_CLOSE = Program("adopt-admit", form.ignored), Program("adopt-close", form.ignored)
BACKUP_OPEN = Program("backup-open", form.ignored)
EXAMINE = Program("examine", _examined)
EXPORTER_CLOSE = Program("exporter-close", form.ignored)
GET_SETTINGS = Program("get-settings", _TEXTS)
GTIDS = Program("gtids", form.record(Gtids, executed=form.gtids, purged=form.gtids))
KILL = Program("kill", form.flag)
PLUGINS = Program("plugins", form.map_of(_USERS))
PROBE = Program("probe", form.map_of(form.number))
ROTATE_TLS = Program("rotate-tls", form.record(Rotated, fingerprint=form.name, hostnames=form.list_of(form.name)))
ROTATE_LOOK = Program("rotate-users", form.record(rotation.Seen, stage=_STAGES, doubled=_USERS), ("look",))
ROTATE_OPEN = Program("rotate-users", form.record(Opened, users=_USERS, executed=form.gtids), ("open",))
ROTATE_SWITCH = Program("rotate-users", _USERS, ("switch",))
ROTATE_FINISH = Program("rotate-users", _USERS, ("finish",))
ROTATE_FINISH_MOST = Program("rotate-users", _USERS, ("finish-without-replication",))
SETTING_KINDS = Program("setting-kinds", _KINDS, by_word=True)
SET_SETTINGS = Program("set-settings", _TEXTS)
SLOW = Program("slow", form.list_of(form.record(activity.Slow)))
SWITCHOVER = Program("switchover", form.record(HandedOver))
TLS_PRESENTED = Program("tls-presented", _presented)
TOP = Program("top", _activity)
TRANSACTIONS = Program("transactions", form.list_of(form.record(activity.Transaction)))
WRITE_GAP = Program("write-gap", form.record(Gap))
