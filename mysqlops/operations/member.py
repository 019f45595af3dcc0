"""Fence, unfence and rebuild one member."""

from __future__ import annotations

from functools import partial

from mysqlops.core import group, names, ordered, view
from mysqlops.objects import claims as naming
from mysqlops.operations import claims, observe, orders, own, preflight
from mysqlops.operations.session import Session
from mysqlops.planning import member as planning
from mysqlops.planning import status

ACCEPT_LOSS = "--accept-loss"


def fence(session: Session, name: str, member: str, why: str, *, wait: bool = True) -> bool:
    """Take a member out of service until `unfence`, also across restarts; False if it was fenced. Raises Refused. The
    member obeys without this command."""
    fenced = ordered.fenced(orders.read(session.client, name))
    if member in fenced:
        return False
    planning.check_fence(observe.judged(session, name), member, fenced)
    orders.change(session.client, name, lambda now: {"fenced": {**ordered.fenced(now), member: why}})
    if wait:
        observe.until(session, name, lambda now: _is_out(now, member), f"{member} to refuse clients")
    return True


def unfence(session: Session, name: str, member: str, *, wait: bool = True) -> bool:
    """Put a member back into service; False if it was not fenced."""
    fenced = ordered.fenced(orders.read(session.client, name))
    planning.find(observe.judged(session, name), member)
    if member not in fenced:
        return False
    orders.change(session.client, name, lambda now: {"fenced": ordered.without(ordered.fenced(now), member)})
    if wait:
        observe.until(session, name, lambda now: _serves(now, member), f"{member} to serve again")
    return True


def _serves(now: status.Status, member: str) -> bool:
    found = planning.find(now, member)
    return found.state == view.ONLINE and found.role != names.ROLE_NONE and found.label == found.role and found.ready


def _is_out(now: status.Status, member: str) -> bool:
    """Refusing clients, and out of the Services; a member without a pod finds the order when it starts."""
    found = planning.find(now, member)
    return found.role == names.ROLE_NONE and found.label in (names.ROLE_NONE, None) and not found.ready


def check_rebuild(session: Session, name: str, member: str, *, accept_loss: bool) -> status.Status:
    """The cluster as observed, if the member's data may be deleted now; raises Refused."""
    now = observe.judged(session, name)
    planning.find(now, member)
    found = session.client.find("PersistentVolumeClaim", _claim(session, name, member))
    if found is not None:
        preflight.must_get_volumes(session, name)
        claims.ask(session, name, found, claims.Request(accept_loss, ACCEPT_LOSS, repair=True))
    return now


def rebuild(session: Session, name: str, member: str, *, accept_loss: bool, wait: bool = True) -> None:
    """Give a member an empty claim; it then copies all data from the group, without this command. Raises Refused or
    WaitTimeout."""
    note = under_way(session, name, member)
    if note is None:
        give_up_filling(session, name, member)
    # A half-done restore on the new claim is no member's data; and a user who accepts a loss wants another claim.
    if note is not None and not note.backup and not accept_loss:
        session.progress.say(f"an earlier run gave {member} an empty claim: continuing")
    else:
        empty(session, name, member, accept_loss=accept_loss)
    if wait:
        await_service(session, name, member)
        session.progress.say(f"{member} is rebuilt")


def give_up_filling(session: Session, name: str, member: str) -> None:
    """A restore onto the member is over, or was killed before its claim was deleted: its pod waits for it no longer."""
    _delete_job(session, name, member)
    orders.change(session.client, name, lambda now: {"filling": ordered.without(ordered.filling(now), member)})


def _delete_job(session: Session, name: str, member: str) -> None:
    """The Job that fills the member's claim, if it is that one's."""
    if member in ordered.filling(orders.read(session.client, name)):
        own.delete(session.client, "Job", names.restore_job(name), name)


def under_way(session: Session, name: str, member: str) -> planning.Emptying | None:
    """The note of a run that was killed after deleting the member's claim, if its work is unfinished."""
    note = planning.emptying(claims.emptied(session, name), member)
    found = session.client.find("PersistentVolumeClaim", _claim(session, name, member))
    uid = found["metadata"]["uid"] if found is not None else None
    joined = group.note_of(orders.read(session.client, name)).members
    return note if planning.is_under_way(observe.judged(session, name), member, note, uid, joined) else None


def empty(session: Session, name: str, member: str, *, accept_loss: bool, backup: str = "") -> None:
    """Give the member a new claim; with `backup` its pod waits until the backup is on it. A restore onto the old claim
    is given up, once the gate has let that pass. Raises Refused."""
    found = session.client.find("PersistentVolumeClaim", _claim(session, name, member))
    passed = None
    if found is not None:
        request = claims.Request(accept_loss, ACCEPT_LOSS, repair=True)
        passed = claims.after_leaving(session, name, found, partial(claims.ask, session, name, found, request))
    _delete_job(session, name, member)
    claims.empty(session, name, member, passed, backup, fills=True)


def await_service(session: Session, name: str, member: str) -> None:
    """Waits until it serves with its new claim, or would if it was not fenced, then deletes the note of the rebuild."""
    is_fenced = member in ordered.fenced(orders.read(session.client, name))

    def has_copied(now: status.Status) -> bool:
        return _serves(now, member) or (is_fenced and planning.find(now, member).state == view.ONLINE)

    observe.until(session, name, has_copied, f"{member} to copy its data from the group")
    claims.forget_emptied(session, name, [member])
    if is_fenced:
        session.progress.warn(f"{member} is still fenced: mysqlops member unfence {name} {member} lets clients in")


def _claim(session: Session, name: str, member: str) -> str:
    return naming.of(session.client.get("StatefulSet", name), names.ordinal_of(member))
