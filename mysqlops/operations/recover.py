"""Form the group again without a member whose data cannot be had: the only way past it, and only when told to."""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core import gtid, names, view
from mysqlops.core.publication import load
from mysqlops.errors import Reason, Refused
from mysqlops.operations import observe, orders
from mysqlops.operations.session import Session
from mysqlops.planning import status, verdict


@dataclass(frozen=True)
class Risk:
    """A member that is to be given up, and what it is last known to have held that nobody else has (None: unknown)."""

    member: str
    why: str
    only_there: str | None


def plan(session: Session, name: str) -> list[Risk]:
    """The members that hold the group up; raises Refused if it runs, or none is missing, or all are."""
    observed = observe.cluster(session.client, name, session.clock)
    seen = verdict.judge(observed)
    if any(member.state in (view.ONLINE, view.RECOVERING) for member in seen.members):
        running = ", ".join(f"{one.name} {one.state}" for one in seen.members)
        raise Refused([Reason("group-runs", f"a group is running ({running}): there is nothing to recover")])
    known = [member for member in seen.members if member.state in (view.OFFLINE, view.ERROR)]
    missing = [member for member in seen.members if member not in known]
    if not missing:
        text = "all members are known and form the group by themselves, unless their data has diverged"
        raise Refused([Reason("none-missing", text, f"mysqlops status {name} shows what each waits for")])
    if not known:
        raise Refused([Reason("all-missing", "no member is there that could form the group", "kubectl get pods")])
    held = gtid.GtidSet()
    for member in known:
        held = held.union(gtid.GtidSet.parse(member.executed or ""))
    return [Risk(one.name, one.waiting_for, _only_there(observed, one.name, held)) for one in missing]


def _only_there(observed: status.Observed, member: str, held: gtid.GtidSet) -> str | None:
    """From its agent's last words, however old."""
    pod = observed.pods.get(member)
    text = (pod["metadata"].get("annotations") or {}).get(names.ANNOTATION_MEMBER) if pod else None
    last = load(text, pod["metadata"]["uid"]) if pod else None
    if last is None:
        return None
    return str(gtid.GtidSet.parse(last.executed).union(gtid.GtidSet.parse(last.received)).subtract(held))


def execute(session: Session, name: str, risks: list[Risk]) -> None:
    """Order the members to do without; raises WaitTimeout. The order is withdrawn once a group runs."""
    orders.write(session.client, name, given_up=[risk.member for risk in risks])
    observe.until(session, name, lambda now: now.primary is not None, "a primary")
    orders.write(session.client, name, given_up=[])
