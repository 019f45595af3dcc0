"""Backups in the making: what must stay because of backups that no list names yet. Pure.

A Job that prunes sees no other Job, and another may begin right after a command has looked. So whatever a Job that runs
now could need stays, whether somebody sees such a Job or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mysqlops.core.backup import FACTS, Backup

JOB_LIMIT = timedelta(hours=12)  # the most that a Job takes (manifests/backup/job.yaml)
_BEHIND = timedelta(hours=12)  # the most that a copied member should lag, and clocks should differ


@dataclass(frozen=True)
class Making:
    """`since` is when the oldest backup in the making can have begun."""

    since: datetime

    @property
    def logs_since(self) -> datetime:
        """Such a backup holds what its member had applied when it was copied: the logs from then on continue it."""
        return self.since - _BEHIND

    def spares(self, one: Backup) -> bool:
        """Whether the Job that has stored this entry may not have sealed it yet."""
        return one.signed == FACTS and began(one) >= self.since - _BEHIND


def at_most(now: datetime, starts: Iterable[datetime] = ()) -> Making:
    """`starts` are of Jobs that run and of volume snapshots that are not recorded yet, however old they are."""
    return Making(min([now - JOB_LIMIT, *starts]))


def began(one: Backup) -> datetime:
    """The moment in its id (core/backup.py, `new_id`)."""
    return datetime.strptime(one.id[-len("20261124-120000") :], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
