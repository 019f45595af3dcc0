"""Which backups a policy keeps. Pure. The newest good one of each history is always kept, whatever the policy: after a
restore in place or `recover`, a newer backup holds another history, and `restore --revert` returns to the first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from mysqlops.core.backup import FAILED, RESTORED, SIGNED, Backup
from mysqlops.core.backup_order import newest_first
from mysqlops.core.owner import Owner
from mysqlops.errors import ConfigError


@dataclass(frozen=True)
class Policy:
    """How many to keep: of the last ones, and of the newest per hour, day, week and month (UTC)."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ConfigError(f"--keep-{field.name} {getattr(self, field.name)}: expected 0 or more")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


_STARTS: tuple[tuple[str, Callable[[datetime], str]], ...] = (
    ("hourly", lambda at: f"{at:%Y-%m-%d %H}"),
    ("daily", lambda at: f"{at:%Y-%m-%d}"),
    ("weekly", lambda at: f"{at:%G-%V}"),
    ("monthly", lambda at: f"{at:%Y-%m}"),
)


def kept(backups: Sequence[Backup], policy: Policy) -> dict[str, list[str]]:
    """The id of each kept backup, with the reasons. One that failed its verification never counts for a period: a
    series of bad backups must not push the last good one out (bitpoke's trap)."""
    good = _once([backup for backup in newest_first(backups) if backup.level != FAILED])
    why: dict[str, list[str]] = {}
    for backup in good[: policy.last]:
        why.setdefault(backup.id, []).append("last")
    for name, period in _STARTS:
        # The newest of each period; the clock only decides to which period a backup belongs.
        newest: dict[str, Backup] = {}
        for backup in good:
            newest.setdefault(period(datetime.fromisoformat(backup.at)), backup)
        for backup in list(newest.values())[: getattr(policy, name)]:
            why.setdefault(backup.id, []).append(name)
    for reason, those in (("newest", good), ("last restored", [backup for backup in good if backup.level == RESTORED])):
        for backup in _first_of_each_history(those):
            why.setdefault(backup.id, []).append(reason)
    return why


def _once(backups: Sequence[Backup]) -> list[Backup]:
    """Each id counts once: anybody who may write to the repository can copy an entry with its seal."""
    return list({backup.id: backup for backup in reversed(backups)}.values())[::-1]


def _first_of_each_history(backups: Sequence[Backup]) -> list[Backup]:
    found: dict[tuple[Owner, str], Backup] = {}
    for backup in backups:
        found.setdefault(backup.history, backup)
    return list(found.values())


def irreplaceable(chosen: Backup, own: Sequence[Backup], histories: Collection[str]) -> list[str]:
    """Why this backup of a cluster must stay although somebody wants it deleted. `histories` are those that the cluster
    is in or can return to: once these have backups that are as good, those of other histories may go. Empty:
    unknown."""
    why = kept(own, Policy()).get(chosen.id, [])
    if not histories or chosen.group in histories:
        return why
    others = kept([backup for backup in own if backup.group in histories], Policy()).values()
    return [] if set(why) <= {reason for reasons in others for reason in reasons} else why


def counting(backups: Sequence[Backup], now: datetime, *, has_key: bool) -> list[Backup]:
    """The backups that may push others out: sealed with the cluster's key, once it has one, and not dated in the
    future. Anybody who may write to the repository can forge any other."""
    until = now + _CLOCKS
    existing = [backup for backup in backups if datetime.fromisoformat(backup.at) <= until]
    return [backup for backup in existing if backup.signed == SIGNED or not has_key]


def expired(backups: Sequence[Backup], policy: Policy, now: datetime, *, has_key: bool) -> list[Backup]:
    """The backups to delete; none if the policy keeps nothing, which is no policy. A backup that does not count goes as
    soon as counting ones push it out: backups of an older release stay until then, and only those can push them out."""
    if not policy:
        return []
    count = counting(backups, now, has_key=has_key)
    stays = kept(count, policy)
    others = [backup for backup in backups if backup not in count]
    return [
        *(backup for backup in count if backup.id not in stays),
        *(
            backup
            for backup in others
            if datetime.fromisoformat(backup.at) <= now and not _is_kept_beside(backup, count, policy)
        ),
    ]


def _is_kept_beside(one: Backup, count: Sequence[Backup], policy: Policy) -> bool:
    """Judges without its id, which may be another's, and without its verification, which is only a claim."""
    alone = replace(one, id="", verified=None)
    return "" in kept([*count, alone], policy)


_CLOCKS = timedelta(minutes=15)  # the most that clocks of one cluster should differ
PERIODS = tuple(field.name for field in fields(Policy))
