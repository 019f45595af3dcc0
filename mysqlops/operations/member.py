"""Fence, unfence and rebuild one member."""

from __future__ import annotations

from mysqlops.core import names, record, view
from mysqlops.errors import Refused
from mysqlops.operations import observe, orders
from mysqlops.operations.session import Session
from mysqlops.planning import claims, status
from mysqlops.planning import member as planning

_TOLD_SECONDS = 12.0  # each member publishes what it holds every five seconds (agent/publisher.py)
_POLL_SECONDS = 0.5


def fence(session: Session, name: str, member: str, why: str) -> bool:
    """Take a member out of service until `unfence`, over restarts too; False if it was so. Raises Refused."""
    fenced = record.fenced(orders.read(session.client, name))
    if member in fenced:
        return False
    planning.check_fence(observe.judged(session, name), member, fenced)
    orders.write(session.client, name, fenced={**fenced, member: why})
    observe.until(session, name, lambda now: _is_out(now, member), f"{member} to refuse clients")
    return True


def unfence(session: Session, name: str, member: str) -> bool:
    """Put it back into service; False if it was not fenced."""
    fenced = record.fenced(orders.read(session.client, name))
    planning.find(observe.judged(session, name), member)
    if member not in fenced:
        return False
    orders.write(session.client, name, fenced={one: why for one, why in fenced.items() if one != member})
    observe.until(session, name, lambda now: _serves(now, member), f"{member} to serve again")
    return True


def _serves(now: status.Status, member: str) -> bool:
    found = planning.find(now, member)
    return found.state == view.ONLINE and found.role != names.ROLE_NONE and found.label == found.role and found.ready


def _is_out(now: status.Status, member: str) -> bool:
    """Refusing clients, and out of the Services."""
    found = planning.find(now, member)
    return found.role == names.ROLE_NONE and found.label == names.ROLE_NONE and not found.ready


def check_rebuild(session: Session, name: str, member: str, *, accept_loss: bool) -> status.Status:
    """The cluster as it is if the member's data may go; raises Refused. What the others hold is looked at for some
    seconds more: each tells it at a moment of its own, and what this one had just taken seems to be nowhere else."""
    now = observe.judged(session, name)
    held, deadline = planning.find(now, member).executed, session.clock.monotonic() + _TOLD_SECONDS
    while True:
        try:
            planning.check_rebuild(now, member, held, accept_loss=accept_loss)
            return now
        except Refused as error:
            if session.clock.monotonic() > deadline or {reason.code for reason in error.reasons} != {"only-copy"}:
                raise
        session.progress.waiting(f"waiting for the others to tell whether they hold all that {member} holds")
        session.clock.sleep(_POLL_SECONDS)
        now = observe.judged(session, name)


def rebuild(session: Session, name: str, member: str, *, accept_loss: bool) -> None:
    """Give a member an empty claim; it then takes everything from the group. Raises Refused or WaitTimeout."""
    if member not in _remembered(session, name):
        check_rebuild(session, name, member, accept_loss=accept_loss)
    filling = record.filling(orders.read(session.client, name))
    if member in filling:  # a restore onto it was given up
        orders.write(session.client, name, filling={one: held for one, held in filling.items() if one != member})
        session.client.delete("Job", names.restore_job(name))
    empty_once(session, name, member)
    await_service(session, name, member)
    session.progress.say(f"{member} is rebuilt")


def _remembered(session: Session, name: str) -> dict[str, str]:
    """Member -> UID of the claim that goes."""
    return orders.read_one(session.client, name, "rebuilding") or {}


def is_emptied(session: Session, name: str, member: str) -> bool:
    """True if a run that was killed has given it another claim already."""
    old = _remembered(session, name).get(member)
    found = session.client.find("PersistentVolumeClaim", _claim(session, name, member))
    return old is not None and found is not None and found["metadata"]["uid"] != old


def empty_once(session: Session, name: str, member: str) -> None:
    """Give it another claim. The old one's UID is remembered, so that a second run knows whether the data went."""
    client, remembered = session.client, _remembered(session, name)
    claim = _claim(session, name, member)
    found = client.find("PersistentVolumeClaim", claim)
    if member not in remembered:
        remembered[member] = found["metadata"]["uid"] if found else ""
        orders.write(client, name, rebuilding=remembered)
    if found is not None and found["metadata"]["uid"] == remembered[member]:
        session.progress.say(f"deleting claim {claim} and pod {member}")
        _delete_claim_and_pods(session, member, claim, remembered[member])


def await_claim(session: Session, claim: str) -> None:
    """Until the StatefulSet has made it; raises WaitTimeout."""
    deadline = session.clock.monotonic() + session.timeout_seconds
    while session.client.find("PersistentVolumeClaim", claim) is None:
        session.progress.waiting(f"waiting for a new claim {claim}")
        observe.check_deadline(session, deadline, f"claim {claim}")
        session.clock.sleep(0.5)


def await_service(session: Session, name: str, member: str) -> None:
    """Until it serves with another claim; that it was to be rebuilt is forgotten then."""
    observe.until(session, name, lambda now: _serves(now, member), f"{member} to take its data from the group")
    left = {one: uid for one, uid in _remembered(session, name).items() if one != member}
    orders.write(session.client, name, rebuilding=left)


def _claim(session: Session, name: str, member: str) -> str:
    return claims.of(session.client.get("StatefulSet", name), names.ordinal_of(member))


def empty(session: Session, name: str, member: str) -> None:
    """Give a member that holds nothing of its own a new pod and an empty claim; raises WaitTimeout."""
    claim = _claim(session, name, member)
    found = session.client.find("PersistentVolumeClaim", claim)
    if found is not None:
        _delete_claim_and_pods(session, member, claim, found["metadata"]["uid"])


def _delete_claim_and_pods(session: Session, member: str, claim: str, old: str) -> None:
    """Until the claim is another one: a pod that the StatefulSet made too early holds the old one, and must go too."""
    session.client.delete("PersistentVolumeClaim", claim, uid=old)
    deadline = session.clock.monotonic() + session.timeout_seconds
    while (found := session.client.find("PersistentVolumeClaim", claim)) and found["metadata"]["uid"] == old:
        pod = session.client.find("Pod", member)
        if pod is not None and "deletionTimestamp" not in pod["metadata"]:
            session.client.delete("Pod", member, uid=pod["metadata"]["uid"])
        session.progress.waiting(f"waiting for claim {claim} to go")
        observe.check_deadline(session, deadline, f"claim {claim} gone")
        session.clock.sleep(0.5)
