"""Put a backup onto one member's volume; what was written since comes from the others' binary logs.

For a member that has to be made anew when copying all of its data from another would cost more. Its pod waits in its
first init container while a Job fills the new claim: an order in the group's Lease, as for a rebuild.
"""

from __future__ import annotations

from typing import Any

from mysqlops.core import backup, gtid, names, record
from mysqlops.core.target import Target
from mysqlops.errors import Reason, Refused
from mysqlops.operations import backup as backups
from mysqlops.operations import gtids, member, observe, orders, restore
from mysqlops.operations.session import Session
from mysqlops.planning import claims, scale

Json = dict[str, Any]


def check(session: Session, name: str, pod: str, chosen: backup.Backup, *, accept_loss: bool) -> None:
    """Raises Refused; a run that was killed is not asked again."""
    annotations = orders.read(session.client, name)
    filling = record.filling(annotations)
    if filling.get(pod) == chosen.id or member.is_emptied(session, name, pod):
        return
    reasons = restore.known_bad(chosen) + _foreign(session, name, chosen)
    if pod in filling:
        text = f"{filling[pod]} is being restored onto {pod}"
        reasons.append(Reason("restore-open", text, f"mysqlops restore {filling[pod]} --member {pod} goes on"))
    if chosen.volume_snapshot:
        text = f"{chosen.id} is a volume snapshot, and a member's claim is made by its StatefulSet"
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


def _foreign(session: Session, name: str, chosen: backup.Backup) -> list[Reason]:
    """GTIDs of another cluster, or of before a restore in place, mean other transactions."""
    own = (backups.origin(session, name), observe.group_name(session.client, name))
    if (chosen.origin, chosen.group) == own:
        return []
    text = f"{chosen.id} is of another history than {name} has now"
    return [Reason("other-history", text, f"mysqlops backup list --cluster {name} shows others")]


def execute(session: Session, name: str, pod: str, chosen: backup.Backup, target: Target) -> None:
    """May be killed and run again; raises WaitTimeout, or what the Job raises."""
    filling = record.filling(orders.read(session.client, name))
    if pod not in filling and not member.is_emptied(session, name, pod):
        orders.write(session.client, name, filling={**filling, pod: chosen.id})
        filling = {**filling, pod: chosen.id}
    member.empty_once(session, name, pod)
    if pod in filling:
        claim = claims.of(session.client.get("StatefulSet", name), names.ordinal_of(pod))
        member.await_claim(session, claim)
        running = observe.must_run(session.client, name)
        what = restore.Filling(running.spec, running.in_use, claim, member=pod)
        restore.fill(session, chosen, target, what)
        orders.write(session.client, name, filling={one: held for one, held in filling.items() if one != pod})
    member.await_service(session, name, pod)
