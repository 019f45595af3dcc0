"""The last rehearsal of an upgrade, noted on the group's Lease: `upgrade` says what is known of its image."""

from __future__ import annotations

from mysqlops.core import rehearsal
from mysqlops.core.spec import ClusterSpec
from mysqlops.objects import render
from mysqlops.operations import deploy, leases
from mysqlops.operations.session import Session
from mysqlops.planning import status


def note(session: Session, name: str, made: rehearsal.Rehearsal) -> None:
    """Needs no lock: it is nobody's order."""
    change = {"metadata": {"annotations": {rehearsal.ANNOTATION_LAST: made.text()}}}
    leases.patch(session.client, name, change)


def settings_of(spec: ClusterSpec) -> str:
    """The digest of the my.cnf that servers of this spec start with."""
    config = next(manifest for manifest in deploy.objects(spec) if render.MY_CNF in manifest.get("data", {}))
    return render.digest({render.MY_CNF: config["data"][render.MY_CNF]})


def say(session: Session, spec: ClusterSpec, *, changes_version: bool) -> None:
    """What the last rehearsal showed about this image and these settings; for another version, that there is none."""
    last = rehearsal.last(status.annotations_of(leases.find(session.client, spec.name)))
    now, progress = session.clock.now(), session.progress
    if last is not None and last.is_of(spec.image, settings_of(spec)):
        (progress.say if last.is_good else progress.warn)(last.sentence(now))
    elif changes_version:
        other = f"; the last rehearsal was of {last.image} or other settings" if last else ""
        how = f"mysqlops upgrade {spec.name} --image {spec.image} --rehearse tries it on the newest backup"
        progress.say(f"this upgrade was not rehearsed{other}; {how}")
