"""Which backup a rehearsed upgrade uses, and what is known against it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mysqlops.core import names, rehearsal, retention, series
from mysqlops.core.backup import FAILED, LOGICAL, Backup, Owner
from mysqlops.core.plan import Step
from mysqlops.core.version import ServerVersion
from mysqlops.errors import Reason


def newest(backups: Sequence[Backup], owner: Owner, now: datetime, *, has_key: bool) -> Backup | None:
    """The newest backup of this cluster that counts and holds the server's files; None if there is none."""
    own = [one for one in backups if one.owner == owner and one.method != LOGICAL and one.level != FAILED]
    return next(iter(retention.counting(own, now, has_key=has_key)), None)


def no_backup(name: str, target: str) -> Reason:
    text = f"target {target} holds no backup of {name} to rehearse with, which is sealed and not a dump"
    return Reason("no-such-backup", text, f"mysqlops backup create {name}, or choose one with --backup")


def unfit(chosen: Backup, after: ServerVersion, name: str) -> list[Reason]:
    """Why this backup shows nothing about an upgrade to that version."""
    if chosen.method == LOGICAL:
        text = f"{chosen.id} is a dump: a new server loads it, and upgrades no data"
        return [Reason("not-an-archive", text, f"mysqlops backup create {name}, then rehearse with that backup")]
    if why := series.upgrade_refused_because(ServerVersion.parse(chosen.server_version), after):
        text = f"{chosen.id} was made by MySQL {chosen.server_version}: {why}"
        return [Reason("version-path", text, "choose a newer backup; `mysqlops explain versions` lists the paths")]
    return []


def steps(name: str, chosen: Backup, image: str) -> tuple[Step, ...]:
    """All steps, as `--dry-run` prints them."""
    job = rehearsal.name_for(name)
    alone = f"its pod has no Secret of {name}, no Service, and no way to its members"
    return (
        Step("create", "Job", job, f"fetches {chosen.id} onto a volume of its own; {alone}"),
        Step("start", "Job", job, f"{image} upgrades that copy, with the settings of {name}"),
        Step("compare", "Job", job, f"with what was recorded of {chosen.id}"),
        Step("note", "Lease", names.group_lease(name), "the result, for upgrade and doctor"),
        Step("delete", "Job", job, "with its volume, ConfigMap and NetworkPolicy"),
    )
