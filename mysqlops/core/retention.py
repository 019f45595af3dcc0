"""Which backups a policy keeps. Pure. The newest good one is kept whatever the policy says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from mysqlops.core.backup import FAILED, RESTORED, Backup, newest_first
from mysqlops.errors import ConfigError


@dataclass(frozen=True)
class Policy:
    """How many to keep: the last ones, and the newest of each of so many hours, days, weeks, months (UTC)."""

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
    """The id of each backup that is kept, with why. One that failed its verification never counts for a period:
    a run of bad backups must not push the last good one out (bitpoke's trap)."""
    good = [one for one in newest_first(backups) if one.level != FAILED]
    why: dict[str, list[str]] = {}
    for one in good[: policy.last]:
        why.setdefault(one.id, []).append("last")
    for name, period in _STARTS:
        # Of each period the newest; the clock says only which period a backup is of.
        newest: dict[str, Backup] = {}
        for one in good:
            newest.setdefault(period(datetime.fromisoformat(one.at)), one)
        for one in list(newest.values())[: getattr(policy, name)]:
            why.setdefault(one.id, []).append(name)
    if good:
        why.setdefault(good[0].id, []).append("newest")
    if restored := next((one for one in good if one.level == RESTORED), None):
        why.setdefault(restored.id, []).append("last restored")
    return why


def expired(backups: Sequence[Backup], policy: Policy) -> list[Backup]:
    """Those that go; none if the policy keeps nothing, which is no policy."""
    if not policy:
        return []
    stays = kept(backups, policy)
    return [one for one in backups if one.id not in stays]


PERIODS = tuple(field.name for field in fields(Policy))
