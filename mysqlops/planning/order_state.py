"""The orders in the group's Lease that are still open, whoever gave them, and those that have expired. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mysqlops.core import group, names, ordered, typed, view
from mysqlops.planning.status import RESTORE_OPEN, Condition, Member, Observed, annotations_of

ORDER_OPEN = "order-open"
# What a command notes on the Lease while it works -> what that means, and the command that continues it.
_ORDERS = {
    names.ANNOTATION_REBUILDING: ("a member is being rebuilt", "mysqlops member rebuild {name} MEMBER"),
    names.ANNOTATION_FILLING: ("a backup is being restored onto a member", "mysqlops restore BACKUP --member MEMBER"),
    names.ANNOTATION_RESTARTING: ("the members are being restarted", "mysqlops restart {name}"),
    names.ANNOTATION_SETTING: (
        "settings were set live and are not verified yet",
        "mysqlops config set {name} --settle",
    ),
    names.ANNOTATION_RECREATING: ("the StatefulSet is being recreated", "mysqlops storage resize {name} --size SIZE"),
    names.ANNOTATION_STOPPED: ("a stop has begun, or its note was left behind", "mysqlops start {name} reverts it"),
    names.ANNOTATION_RESTORING: ("a restore in place is under way", "mysqlops restore --revert {name} reverts it"),
}


def conditions(seen: Observed, members: Sequence[Member]) -> list[Condition]:
    if seen.lease is None:
        text = f"Lease {names.group_lease(seen.name)} is gone: no member can join or form the group"
        return [Condition("lease-missing", text, f"mysqlops deploy {seen.name} recreates it")]
    annotations = annotations_of(seen.lease)
    found = [
        Condition(
            RESTORE_OPEN if key == names.ANNOTATION_FILLING else ORDER_OPEN,
            f"{text}; if that command has ended, run it again",
            hint.format(name=seen.name),
        )
        for key, (text, hint) in _ORDERS.items()
        if annotations.get(key) and not _is_over(key, annotations, members, seen.taken_at)
    ]
    found += [_expired(seen.name, pod, at) for pod, at in sorted(ordered.expired(annotations, seen.taken_at).items())]
    order = group.order_of(annotations, (seen.lease.get("spec") or {}).get("acquireTime") or "")
    if order is not None:
        gone = ", ".join(sorted(order.members)) or "nobody"
        text = f"the members are ordered to continue without {gone}, and have formed no group yet"
        found.append(Condition(ORDER_OPEN, text, f"mysqlops recover {seen.name} --withdraw withdraws the order"))
    return found


def _is_over(key: str, annotations: Mapping[str, str], members: Sequence[Member], now: datetime) -> bool:
    """A killed command cannot withdraw what has been done: the data directories that obeyed it serve. What has expired
    is reported separately."""
    if key != names.ANNOTATION_REBUILDING:
        return False
    serving = {member.name: member.server_uuid for member in members if member.state == view.ONLINE}
    rebuilding = ordered.rebuilding(annotations, now)
    has_any = bool(rebuilding or ordered.expired(annotations, now))
    return has_any and all(uuid and serving.get(pod) == uuid for pod, uuid in rebuilding.items())


def _expired(cluster: str, pod: str, at: str) -> Condition:
    since = f"at {at}" if typed.is_word(at) else "at an unknown time" if at else "by an older release"
    text = f"a rebuild of {pod} was ordered {since} and never happened: the order has expired, and no member obeys it"
    return Condition(ORDER_OPEN, text, f"mysqlops member rebuild {cluster} {pod} begins again")
