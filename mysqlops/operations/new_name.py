"""Whether a cluster may be restored under a name: nothing runs there, and no data and no record of a group are in the
way. Asked before the restore begins, and again under the lock."""

from __future__ import annotations

from collections.abc import Sequence

from mysqlops.core import names
from mysqlops.errors import Reason
from mysqlops.objects import claims
from mysqlops.operations import leases, marked, observe, timeline_notes
from mysqlops.operations.session import Session
from mysqlops.planning import restore as swapping


def taken(session: Session, name: str, aim: swapping.Aim | None, *, mark: str = "") -> list[Reason]:
    """Refuses a StatefulSet and existing claims of that name, unless a killed run of this restore made the only one,
    filled or not, and no member has used it; or the StatefulSet, which then has its mark."""
    running = session.client.find("StatefulSet", name)
    if running is not None and not marked.has(running, mark):
        text = f"--as {name}: a cluster of that name already runs in this namespace"
        hint = f"choose another name; if a restore was killed, mysqlops status {name} shows how far it came"
        return [Reason("name-taken", text, hint)]
    existing = observe.claims(session.client, name)
    return _used(session, name, aim, existing) if existing else _formed(session, name, aim)


def _used(session: Session, name: str, aim: swapping.Aim | None, existing: Sequence[str]) -> list[Reason]:
    found = {claim: session.client.find("PersistentVolumeClaim", claim) for claim in existing}
    if going := [claim for claim, one in found.items() if one is not None and claims.is_going(one)]:
        text = f"--as {name}: {', '.join(going)} is being deleted, and goes as soon as no pod uses it"
        return [Reason(claims.GOING, text, f"wait until it is gone: kubectl get pvc {going[0]}")]
    first = found.get(names.claim(name, 0)) if len(existing) == 1 else None
    begun = swapping.aim_of(first) if first is not None else None
    if first is not None and swapping.is_filled_for(first, aim) and not _may_be_used(session, name):
        return []
    if begun is None:
        text = f"--as {name}: claims of that name hold data: {', '.join(existing)}"
        hint = (
            f"choose another name; or mysqlops deploy {name} starts a cluster with that data, also of a restore that "
            f"was killed when the volume was ready; or mysqlops delete {name} --purge-data deletes it"
        )
        return [Reason("name-taken", text, hint)]
    if begun == aim:
        return _formed(session, name, aim)
    text = f"--as {name}: claim {existing[0]} was made for {begun}, and may already hold it; this restore is of {aim}"
    over = f"mysqlops delete {name} --purge-data deletes it, so that you can start over"
    hint = f"{begun.command(name)} continues it; {over}"
    return [Reason("other-point", text, hint)]


def _may_be_used(session: Session, name: str) -> bool:
    """Whether a group may have been formed with the claim: the restore made a Lease before it, which would say so."""
    notes = timeline_notes.newest(session.client, name)
    return leases.find(session.client, name) is None or names.ANNOTATION_BOOTSTRAPPED in notes


def _formed(session: Session, name: str, aim: swapping.Aim | None) -> list[Reason]:
    """The reason if the claims of a deleted cluster are lost: its Lease expects its members, and they form no group on
    other data."""
    if names.ANNOTATION_BOOTSTRAPPED not in timeline_notes.newest(session.client, name):
        return []
    text = f"--as {name}: the Lease of a deleted cluster {name} exists: no group is formed without the data that it had"
    keeps = (
        f"mysqlops deploy {name} --no-wait, then mysqlops restore {aim.backup if aim else 'BACKUP'} --in-place {name}"
    )
    hint = f"choose another name; or {keeps}, which keeps its passwords; or mysqlops delete {name} --purge-data first"
    return [Reason("name-taken", text, hint)]
