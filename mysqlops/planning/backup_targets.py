"""Whether what stores a cluster's backups and binary logs, and what verifies them, use targets that exist, and the same
one: a restore takes a backup and the logs after it from one target. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from mysqlops.core import binlog, names, target
from mysqlops.core.typed import Json
from mysqlops.objects import schedule
from mysqlops.planning import status

Found = tuple[str, str, str]  # what, evidence, fix
LOGS = "binlog"
_WHO = {schedule.BACKUP: "the scheduled backups", schedule.VERIFY: "the verifications", LOGS: "the binary logs"}


@dataclass(frozen=True)
class Use:
    """An object that uses a target: by its note, the Secret and the claim that it mounts (empty: unknown, or none), and
    when it last succeeded."""

    kind: str
    shown: str
    target: str
    secret: str = ""
    claim: str = ""
    success: str = ""

    @property
    def who(self) -> str:
        return _WHO[self.kind]


def uses(seen: status.Observed) -> dict[str, Use]:
    """By kind."""
    found = {}
    for job in seen.schedules:
        one = schedule.judge(job, seen.taken_at)
        pod = ((job["spec"].get("jobTemplate") or {}).get("spec") or {}).get("template", {}).get("spec") or {}
        volumes = {volume["name"]: volume for volume in pod.get("volumes") or []}
        secret = (volumes.get("target", {}).get("secret") or {}).get("secretName", "")
        claim = (volumes.get("repository", {}).get("persistentVolumeClaim") or {}).get("claimName", "")
        shown = f"CronJob {job['metadata']['name']}"
        found[one.kind] = Use(one.kind, shown, one.target, secret, claim, one.last_success or "")
    report = binlog.report_of(status.annotations_of(seen.receiver))
    if report is not None and report.target:
        found[LOGS] = Use(LOGS, f"Lease {names.receiver(seen.name)}", report.target)
    return found


def disagreements(seen: status.Observed) -> list[Found]:
    """What shows without reading any Secret."""
    found, used = list[Found](), uses(seen)
    backup = used.get(schedule.BACKUP)
    for use in used.values():
        if use.secret and use.secret != target.secret_name(use.target):
            evidence = f"{use.shown} is noted with target {use.target} and mounts Secret {use.secret}"
            found.append((f"{use.who} go to another target than noted", evidence, _again(seen.name, use)))
    for use in (used[kind] for kind in (schedule.VERIFY, LOGS) if kind in used):
        if backup is not None and use.target != backup.target:
            evidence = f"{use.shown}: {use.target}; {backup.shown}: {backup.target}"
            found.append((f"{use.who} and the backups use different targets", evidence, _again(seen.name, backup)))
    return found


def missing(seen: status.Observed, kinds: Collection[str] = tuple(_WHO)) -> list[Found]:
    """What is wrong with the targets themselves, of these kinds of use; nothing if they could not be read."""
    if seen.targets is None:
        return []
    existing = {_name(secret): secret for secret in seen.targets}
    used = [use for kind, use in uses(seen).items() if kind in kinds]
    return [found for use in used for found in _missing(seen.name, use, existing)]


def lost(seen: status.Observed) -> str:
    """Why a restore would not find the last scheduled backup; empty if it would, as far as known."""
    return next((f"{what}: {evidence}" for what, evidence, _ in missing(seen, [schedule.BACKUP])), "")


def logs_elsewhere(seen: status.Observed) -> str:
    """Why the binary logs cannot be applied to the last scheduled backup; empty if they can."""
    used = uses(seen)
    backup, logs = used.get(schedule.BACKUP), used.get(LOGS)
    if backup is None or logs is None or backup.target == logs.target:
        return ""
    return f"binary logs go to target {logs.target}, and backups to {backup.target}"


def _missing(name: str, use: Use, existing: Mapping[str, Json]) -> Iterator[Found]:
    found = existing.get(use.target)
    if found is None:
        evidence = f"{use.shown} uses target {use.target}; the namespace has {', '.join(sorted(existing)) or 'none'}"
        fix = f"mysqlops backup target add {shlex.quote(use.target)}, or {_again(name, use)}"
        yield f"the target of {use.who} does not exist", evidence, fix
        return
    claim = target.of_secret(found).claim or ""
    if use.secret and claim != use.claim:
        evidence = f"{use.shown} mounts {use.claim or 'no claim'}, and target {use.target} is {claim or 'on no claim'}"
        yield f"the target of {use.who} was replaced", evidence, _again(name, use)
    elif use.success and _moment(found) > datetime.fromisoformat(use.success):
        evidence = f"target {use.target} was added at {found['metadata']['creationTimestamp']}, after {use.success}"
        fix = f"mysqlops backup schedule run-now {name}, once the target is the right one"
        yield f"the target of {use.who} is newer than their last success", evidence, fix


def _moment(secret: Json) -> datetime:
    return datetime.fromisoformat(secret["metadata"]["creationTimestamp"])


def _name(secret: Json) -> str:
    return str(secret["metadata"]["labels"][names.LABEL_TARGET])


def _again(name: str, use: Use) -> str:
    if use.kind == LOGS:
        return f"mysqlops backup binlog stop {name}, then start {name} --target TARGET"
    return f"mysqlops backup schedule set {name} --target TARGET"
