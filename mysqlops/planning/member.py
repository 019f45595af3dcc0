"""Fence and rebuild: why not, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops.core import gtid, view
from mysqlops.errors import Reason, Refused
from mysqlops.planning.status import Member, Status


def find(seen: Status, name: str) -> Member:
    """A member by its pod's name; raises Refused."""
    found = next((member for member in seen.members if member.name == name), None)
    if found is None:
        listed = ", ".join(member.name for member in seen.members)
        raise Refused([Reason("no-such-member", f"MEMBER {name}: {seen.name} has {listed or 'none'}")])
    return found


def check_fence(seen: Status, name: str, fenced: Mapping[str, str]) -> None:
    """Fencing must leave somebody to serve; raises Refused."""
    find(seen, name)
    others = [one for one in seen.members if one.name != name and one.state == view.ONLINE and one.name not in fenced]
    if not others:
        text = f"no other member is ONLINE and serves: fencing {name} would stop {seen.name}"
        raise Refused([Reason("last-to-serve", text, f"mysqlops stop {seen.name} stops it cleanly")])


def check_rebuild(seen: Status, name: str, held: str | None, *, accept_loss: bool) -> None:
    """A member's data may go if the rest is a working group that has all of it; raises Refused.

    `held` is the member's GTID set, of no later than what is seen of the others: under writes it would hold more.
    """
    member = find(seen, name)
    reasons = []
    others = [one for one in seen.members if one.name != name and one.state == view.ONLINE]
    if name == seen.primary:
        text = f"{name} is the primary"
        reasons.append(Reason("is-primary", text, f"mysqlops switchover {seen.name}"))
    elif seen.primary is None or 2 * len(others) <= seen.replicas:
        text = f"{len(others)} other members are ONLINE: without {name} they would be no majority of {seen.replicas}"
        reasons.append(Reason("no-majority", text, f"mysqlops status {seen.name}"))
    if not accept_loss:
        reasons += _only_here(member, held, others)
    if reasons:
        raise Refused(reasons)


def _only_here(member: Member, held: str | None, others: list[Member]) -> list[Reason]:
    if held is None:
        text = f"what {member.name} holds is not known ({member.waiting_for}): it may have what no other member has"
        return [Reason("unknown-data", text, "bring its pod up first, or give --accept-loss")]
    elsewhere = gtid.GtidSet()
    for one in others:
        elsewhere = elsewhere.union(gtid.GtidSet.parse(one.executed or ""))
    only = gtid.GtidSet.parse(held).subtract(elsewhere)
    if not only:
        return []
    text = f"only {member.name} holds {only}: {only.count()} transactions would be lost"
    return [Reason("only-copy", text, "look at them with mysqlbinlog in the pod first, then give --accept-loss")]
