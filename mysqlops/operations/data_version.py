"""The version of MySQL that last ran on a cluster's data: noted on the group's Lease, which outlives a delete that
keeps the data. An older server refuses such data by itself, but only once its pod starts, in a crash loop.
"""

from __future__ import annotations

from contextlib import suppress

from mysqlops import errors
from mysqlops.core import names, series, version
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.operations import leases, lock, observe
from mysqlops.operations.session import Session
from mysqlops.planning import status


def note(client: Client, now: status.Status) -> None:
    """The version that the members report; call it while this command holds the lock."""
    if due := _due(client, now):
        change = {"metadata": {"annotations": {names.ANNOTATION_VERSION: due}}}
        leases.patch(client, now.name, change)


def note_alone(session: Session, now: status.Status) -> None:
    """The same for a command that has given the lock back: what it saw may be outdated. A command that holds the lock
    now notes the version itself if it changes it."""
    if _due(session.client, now):
        with suppress(errors.OperationLocked), lock.held(session, now.name, "deploy"):
            note(session.client, observe.judged(session, now.name))


def _due(client: Client, now: status.Status) -> str:
    """The version to note, if the Lease does not say it already; empty if no member reports one. It is older after a
    rollback, and then every member says so: one that is silent may have the newer data."""
    found = [known for member in now.members if (known := version.find(member.version or ""))]
    lease = leases.find(client, now.name)
    if not found or lease is None:
        return ""
    newest, noted = max(found), status.annotations_of(lease).get(names.ANNOTATION_VERSION, "")
    before = version.find(noted)
    if before is not None and before > newest and len(found) < len(now.members):
        return ""
    return "" if noted == str(newest) else str(newest)


def refused_because(client: Client, name: str, wanted: version.ServerVersion | None) -> list[Reason]:
    """Why a server of that version may not start on the data of a deleted cluster, as far as known."""
    lease = leases.find(client, name)
    noted = version.find(status.annotations_of(lease).get(names.ANNOTATION_VERSION, ""))
    if noted is None or wanted is None:
        return []
    claims = observe.claims(client, name)
    why = series.upgrade_refused_because(noted, wanted)
    if not claims or why is None:
        return []
    text = f"{', '.join(sorted(claims))} were last used by MySQL {noted}, and --image is {wanted}: {why}"
    return [
        Reason(
            "version-path", text, f"give an image of {noted}, or of an allowed successor: `mysqlops explain versions`"
        )
    ]
