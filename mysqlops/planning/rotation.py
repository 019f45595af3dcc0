"""When a rotation of passwords may begin, go on and end, and what `status` says while it is open. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mysqlops.core import gtid, ordered, rotation, view
from mysqlops.errors import Reason, Refused
from mysqlops.planning.status import Condition, Observed, Status, annotations_of, in_the_way

CODE = "rotation-open"


def check_rotate(now: Status, order: ordered.Rotation | None, seen: rotation.Seen) -> None:
    """An absent member would come back with data that does not know the new passwords, and a second rotation would drop
    the passwords in use; raises Refused. A rotation that was interrupted may continue."""
    # A rotation is the way out of a password that somebody edited in the Secret.
    reasons = [condition.as_reason() for condition in in_the_way(now, "secrets-refused")]
    # An agent of an older release gives new data the new passwords only.
    reasons += [condition.as_reason() for condition in now.conditions if condition.code == "agents-differ"]
    if order is not None and order.holders is not None:
        text = f"passwords of {now.name} were rotated at {order.since}, and the old ones are still valid"
        reasons.append(Reason(CODE, text, f"mysqlops users rotate {now.name} --finish"))
    elif seen.stage == rotation.NONE and seen.doubled:
        text = f"these accounts have a second password, which a rotation would drop: {', '.join(seen.doubled)}"
        reasons.append(Reason("second-password", text, "ALTER USER … DISCARD OLD PASSWORD, once nobody uses it"))
    if reasons:
        raise Refused(reasons)


def check_finish(now: Status, order: ordered.Rotation | None) -> ordered.Rotation:
    """The rotation that may be finished: it reached every member, and all are ONLINE; raises Refused."""
    if order is None:
        text = f"no rotation of {now.name} is open"
        raise Refused([Reason("not-rotated", text, f"mysqlops users rotate {now.name}")])
    if order.holders is None:
        text = f"the rotation of {now.name} that began at {order.since} has not given every member the new passwords"
        raise Refused([Reason(CODE, text, f"mysqlops users rotate {now.name}")])
    reasons = [
        Reason(
            "member-not-online",
            f"{member.name} is {member.state}: {member.waiting_for}",
            "bring it back, or rebuild it",
        )
        for member in now.members
        if member.state != view.ONLINE
    ]
    if reasons:
        raise Refused(reasons)
    return order


def have_applied(now: Status, executed: str) -> bool:
    """Whether every expected member is ONLINE and has these transactions."""
    wanted = gtid.GtidSet.parse(executed)
    online = [member for member in now.members if member.state == view.ONLINE]
    return len(online) >= now.replicas and all(
        wanted.is_subset(gtid.GtidSet.parse(member.executed or "")) for member in now.members
    )


def uids(pods: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(str(pod["metadata"]["uid"]) for pod in pods))


def holders(order: ordered.Rotation, pods: Iterable[Mapping[str, Any]]) -> Collection[str]:
    """The pods that may still use the replication account's old password, by UID."""
    return set(uids(pods)) & set(order.holders or ())


def conditions(seen: Observed) -> list[Condition]:
    """An open rotation, since when, and the next command."""
    order = ordered.rotation(annotations_of(seen.lease))
    if order is None:
        return []
    text, hint = (
        f"a rotation of passwords began at {order.since} and has not finished",
        f"mysqlops users rotate {seen.name}",
    )
    if order.holders is not None:
        text, hint = f"passwords were rotated at {order.since}, and the old ones are still valid", f"{hint} --finish"
    if order.dropped:
        text = f"passwords were rotated at {order.since}, and the replication account's old one is still valid"
        if holders(order, seen.pods.values()):
            hint = f"mysqlops restart {seen.name}, then {hint}"
    return [Condition(CODE, text, hint)]
