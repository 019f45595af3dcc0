"""Replace a StatefulSet: its claim template is immutable, so it is deleted without its pods and created again.

The new StatefulSet is stored first, as a StatefulSet without members, so that the next run can finish a killed one. The
Lease only says that this is under way: every agent may write there, so its content must decide nothing. It adopts the
pods that it finds, and a pod keeps its volumes: pods on claims of another template are deleted before it is created.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.errors import Conflict, Reason, Refused, StepFailed
from mysqlops.objects import claims
from mysqlops.operations import observe, orders, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import status, storage

_TRIES = 3  # more often, nothing but the tool that recreates it can be the cause


def begin(session: Session, name: str, make: Callable[[Json], Json]) -> None:
    """Replace the StatefulSet by the one that is made of it, with what others have changed by then, such as its
    replicas. Raises WaitTimeout, or StepFailed if a tool that applies manifests is quicker each time and recreates the
    old one."""
    patience = waiting.Patience(session)
    for _ in range(_TRIES):
        _delete(session, name, make, patience)
        if finish(session, name):
            return
        patience.pause(waiting.Pending(f"StatefulSet {name} to be created with its new template"))
    text = f"StatefulSet {name} was recreated with its previous template {_TRIES} times: a tool applies it"
    raise StepFailed(text, hint=storage.way_on(name))


def _delete(session: Session, name: str, make: Callable[[Json], Json], patience: waiting.Patience) -> None:
    """Exactly the one that the stored one is made of. Its controller writes to it as well, so a Conflict only means to
    look again."""
    while True:
        found = session.client.get("StatefulSet", name)
        _park(session, name, make(found))
        try:
            session.client.delete_unchanged("StatefulSet", found, orphan=True)
            return
        except Conflict:
            patience.pause(waiting.Pending(f"StatefulSet {name} to stay unchanged for a moment"))


def _park(session: Session, name: str, wanted: Json) -> None:
    """Also replaces what a run left that was killed here and wanted another template: it is immutable too."""
    found = session.client.find("StatefulSet", names.parked(name))
    if found is not None:
        storage.unparked(found, name)
        session.client.delete("StatefulSet", names.parked(name), uid=found["metadata"]["uid"])
    orders.write(session.client, name, recreating=storage.values_of(wanted))
    session.client.create("StatefulSet", storage.parked(wanted))


def _await_deletion(session: Session, name: str, wanted: Json | None) -> Json | None:
    """The StatefulSet of that name that is not being deleted. While there is none, the pods are stopped that the wanted
    one must not adopt: those of a StatefulSet with other claims. Raises WaitTimeout."""

    def look() -> Json | waiting.Pending | None:
        found = session.client.find("StatefulSet", name)
        if found is not None:
            is_going = "deletionTimestamp" in found["metadata"]
            return waiting.Pending(f"StatefulSet {name} to be deleted") if is_going else found
        pods = _stop_astray(session, name, wanted) if wanted is not None else []
        return waiting.Pending(f"{', '.join(pods)} to stop, on claims of other data") if pods else None

    return waiting.until(session, look)


def _stop_astray(session: Session, name: str, wanted: Json) -> list[str]:
    """The pods that still have to go. They are deleted one by one: with their StatefulSet, its claims could go too."""
    existing = session.client.list("Pod", names.selector_text(name))
    found = [pod["metadata"] for pod in claims.astray(existing, name, claims.template_of(wanted))]
    for pod in found:
        if "deletionTimestamp" not in pod:
            with suppress(Conflict):  # another pod has its name by now, which the next look judges
                session.client.delete("Pod", pod["name"], uid=pod["uid"])
    return sorted(pod["name"] for pod in found)


def finish(session: Session, name: str) -> bool:
    """Create the StatefulSet that a run left to be created; False if that is not what is missing. Raises Refused if its
    content is lost.

    The stored one counts only while no StatefulSet exists: an existing one was never deleted, or somebody has created
    it since and may have changed it. Then the stored one is deleted, and the verb plans again.
    """
    parked = session.client.find("StatefulSet", names.parked(name))
    if parked is None and not orders.read(session.client, name).get(names.ANNOTATION_RECREATING):
        return False
    wanted = storage.unparked(parked, name) if parked is not None else None
    found = _await_deletion(session, name, wanted)
    if found is None and wanted is None:
        raise Refused([_lost(name)])
    if found is None and wanted is not None:
        session.client.apply(wanted)
    is_wanted = wanted is not None and (found is None or storage.is_made_of(found, wanted))
    if is_wanted:
        observe.until(session, name, _owns_its_pods, f"StatefulSet {name} to adopt its pods")
    if parked is not None:
        session.client.delete("StatefulSet", names.parked(name), uid=parked["metadata"]["uid"])
    orders.write(session.client, name, recreating=None)
    return is_wanted


def _lost(name: str) -> Reason:
    text = (
        f"StatefulSet {name} was to be replaced, and its new template is lost: the command that was killed is of an "
        "older release, whose note in the Lease is not applied, since every agent may write there"
    )
    return Reason("remake-lost", text, f"mysqlops delete {name} keeps the data; then mysqlops deploy {name}")


def _owns_its_pods(now: status.Status) -> bool:
    return all(member.state != status.ABSENT for member in now.members)
