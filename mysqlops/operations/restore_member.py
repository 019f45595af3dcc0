"""Put a backup onto one member's volume; later writes come from the other members' binary logs.

For a member that must be rebuilt when copying all data from another member would cost more. Its pod waits in its first
init container while a Job fills the new claim: an order in the group's Lease, as for a rebuild.
"""

from __future__ import annotations

from mysqlops.core import backup, gtid, names, ordered
from mysqlops.core.target import Target
from mysqlops.errors import Reason, Refused
from mysqlops.objects import claims as naming
from mysqlops.operations import backup as backups
from mysqlops.operations import claims, gtids, member, observe, orders, restore
from mysqlops.operations.session import Session
from mysqlops.planning import restore as planning
from mysqlops.planning import scale


def check(session: Session, name: str, pod: str, chosen: backup.Backup, *, accept_loss: bool) -> None:
    """Raises Refused. Once the member's claim is deleted, a killed run is only asked whether its backup is still one of
    the group's history, which `recover` may have ended since."""
    _check_alone(session, name, pod)
    note = member.under_way(session, name, pod)
    if note is not None and note.backup == chosen.id:
        if reasons := _foreign(session, name, chosen, f"mysqlops member rebuild {name} {pod}"):
            raise Refused(reasons)
        return
    reasons = restore.known_bad(chosen) + _foreign(session, name, chosen, f"mysqlops backup list {name} shows others")
    if note is not None and note.backup:
        text = f"{note.backup} is being restored onto {pod}"
        reasons.append(Reason("restore-open", text, f"mysqlops restore {note.backup} --member {pod} continues it"))
    if chosen.volume_snapshot:
        text = f"{chosen.id} is a volume snapshot, but the StatefulSet makes a member's claim"
        reasons.append(Reason("not-an-archive", text, f"mysqlops member rebuild {name} {pod}, or another backup"))
    if reasons:
        raise Refused(reasons)
    now = member.check_rebuild(session, name, pod, accept_loss=accept_loss)
    held, purged = gtids.held_and_purged(session, now, but=pod)
    executed = gtid.GtidSet.parse(chosen.gtid)
    restore.check_image(session, chosen, observe.must_run(session.client, name).spec)
    if why := scale.cannot_catch_up_because(f"{chosen.id} of {chosen.at}", executed, held, purged):
        hint = f"choose a newer backup, or mysqlops member rebuild {name} {pod}"
        raise Refused([Reason("cannot-catch-up", why, hint)])


def _check_alone(session: Session, name: str, pod: str) -> None:
    if reasons := planning.other_restores(name, orders.read(session.client, name), member=pod):
        raise Refused(reasons)


def _foreign(session: Session, name: str, chosen: backup.Backup, hint: str) -> list[Reason]:
    """GTIDs of another cluster, or from before a restore in place, mean other transactions."""
    if chosen.history == (backups.owner(session, name), observe.group_name(session.client, name)):
        return []
    text = f"{chosen.id} belongs to another history than {name} has now"
    return [Reason("other-history", text, hint)]


def execute(session: Session, name: str, pod: str, chosen: backup.Backup, target: Target, *, accept_loss: bool) -> None:
    """May be killed and run again; raises Refused, WaitTimeout, or the Job's errors."""
    _check_alone(session, name, pod)
    if member.under_way(session, name, pod) is None:
        # Left by a run killed before the claim was deleted: the pod would wait for a Job that nobody starts.
        member.give_up_filling(session, name, pod)
    check(session, name, pod, chosen, accept_loss=accept_loss)
    if member.under_way(session, name, pod) is None:
        member.empty(session, name, pod, accept_loss=accept_loss, backup=chosen.id)
    if pod in ordered.filling(orders.read(session.client, name)):
        claim = naming.of(session.client.get("StatefulSet", name), names.ordinal_of(pod))
        claims.await_new(session, claim)
        running = observe.must_run(session.client, name)
        what = restore.Filling(running.spec, running.in_use, claim, member=pod)
        restore.fill(session, chosen, target, what)
        member.give_up_filling(session, name, pod)
    member.await_service(session, name, pod)
