"""Which backup a rehearsed upgrade uses, and what is known against it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mysqlops.core import instant, names, rehearsal, retention, series
from mysqlops.core.backup import FAILED, LOGICAL, Backup, Verification
from mysqlops.core.owner import Owner
from mysqlops.core.plan import Step
from mysqlops.core.typed import Json
from mysqlops.core.version import ServerVersion
from mysqlops.errors import Reason
from mysqlops.objects import pods
from mysqlops.planning import backup_progress


def newest(backups: Sequence[Backup], owner: Owner, now: datetime, *, has_key: bool) -> Backup | None:
    """The newest backup of this cluster that counts and holds the server's files; None if there is none."""
    own = [
        backup for backup in backups if backup.owner == owner and backup.method != LOGICAL and backup.level != FAILED
    ]
    return next(iter(retention.counting(own, now, has_key=has_key)), None)


def no_backup(name: str, target: str) -> Reason:
    text = f"target {target} holds no sealed backup of {name} with the server's files, which a rehearsal needs"
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


def progress(step: str, last_line: str) -> str:
    """The progress line of a running step."""
    if step == "check" and not last_line:
        return "starting the new version, which upgrades the copy"
    return backup_progress.progress(step, last_line)


def result(
    found: Verification, pod: Json, of: Mapping[str, str], chosen: Backup, locked_out: Sequence[Reason]
) -> rehearsal.Rehearsal:
    """What the Job's comparison found, with the time of each step: its pod knows when the steps ended, and `found` how
    long after the choice of the backup the server answered."""
    chose, fetched, ended = (_ended(pod, step) for step in ("choose", "fetch", "check"))
    until_fetched = (fetched - chose).total_seconds()
    return rehearsal.Rehearsal(
        image=of["image"],
        settings=of["settings"],
        backup=chosen.id,
        at=instant.text(ended),
        locked_out=rehearsal.shortened("; ".join(reason.message for reason in locked_out)),
        ok=found.ok,
        why=rehearsal.shortened(found.why),
        version=of["version"],
        fetch_seconds=until_fetched,
        start_seconds=round(max(0.0, found.seconds - until_fetched), 1),
        compare_seconds=round(max(0.0, (ended - chose).total_seconds() - found.seconds), 1),
        tables=found.tables,
        rows=found.rows,
    )


def _ended(pod: Json, step: str) -> datetime:
    ended = next(container["state"]["terminated"] for container in pods.containers(pod) if container["name"] == step)
    return datetime.fromisoformat(ended["finishedAt"])
