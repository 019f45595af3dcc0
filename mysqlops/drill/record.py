"""The drill under way, as an annotation of the group's Lease: anybody who finds it can undo the drill."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import names
from mysqlops.drill import model as drill
from mysqlops.drill.plan import choice
from mysqlops.errors import Refused
from mysqlops.kube.client import Client
from mysqlops.operations import leases, orders
from mysqlops.operations.session import Session

_TRIES = 40
_PAUSE_SECONDS = 0.5


def read(client: Client, cluster: str) -> drill.Record | None:
    return drill.record_of(orders.read(client, cluster))


def removal(cluster: str) -> str:
    """The command that removes a record whose drill nobody can undo."""
    return f"kubectl annotate lease {names.group_lease(cluster)} {names.ANNOTATION_DRILL}-"


def check_none(client: Client, cluster: str) -> None:
    """Raise Refused if a drill is open."""
    found = read(client, cluster)
    if found is not None:
        raise Refused([choice.still_open(cluster, found)])


def write(session: Session, cluster: str, record: drill.Record | None) -> None:
    """None removes it. Retries while the API server is silent: that may be the fault itself."""
    text = None if record is None else drill.dump_record(record)
    change = {"metadata": {"annotations": {names.ANNOTATION_DRILL: text}}}
    for _ in range(_TRIES):
        try:
            leases.patch(session.client, cluster, change)
            return
        except errors.Unreachable:
            session.clock.sleep(_PAUSE_SECONDS)
    leases.patch(session.client, cluster, change)
