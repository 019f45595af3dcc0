"""What is wrong with one member: conditions with a reason and the next command. Pure."""

from __future__ import annotations

from mysqlops.core import names, quantity, view, volume
from mysqlops.core.publication import UNKNOWN
from mysqlops.objects import claims, pods
from mysqlops.planning.status import DOWN, Condition, Member, Observed


def of(seen: Observed, member: Member) -> list[Condition]:
    """Everything that is wrong with one member."""
    found = _applying(seen, member)
    if member.state != view.ONLINE:
        text = f"{member.name} is {member.state}: {member.waiting_for or 'no reason known'}{_copied(member)}"
        found.append(Condition("member-not-online", text, look_at(seen, member.name)))
    if member.state == view.ONLINE and member.role == names.ROLE_NONE:
        text = f"{member.name} is ONLINE and accepts no clients: {member.waiting_for or 'no reason known'}"
        next_command = f"mysqlops member unfence {seen.name} {member.name}"
        is_fenced = "fenced" in member.waiting_for
        found.append(Condition("serves-nobody", text, next_command if is_fenced else look_at(seen, member.name)))
    if member.state == view.ONLINE and member.label != member.role:
        text = f"{member.name} is {member.role} in the group and labelled {member.label}"
        found.append(Condition("label-stale", text, look_at(seen, member.name)))
    found += _writing(seen, member)
    if member.claim_going:
        found.append(_claim_going(seen, member))
    pod = seen.pods.get(member.name)
    if member.state != UNKNOWN and pods.is_away(pod, names.CONTAINER_AGENT):
        text = f"the agent of {member.name} (last seen {member.state}) is not running: {pods.why_silent(pod)}"
        found.append(Condition("agent-away", text, look_at(seen, member.name)))
    if member.volume_size and member.volume_used and volume.is_filling(member.volume_size, member.volume_used):
        percent = 100 * member.volume_used // member.volume_size
        found.append(
            Condition(
                "volume-filling",
                f"the volume of {member.name} is {percent} % full",
                f"mysqlops storage resize {seen.name} --size SIZE, or `mysqlops explain disk-full`",
            )
        )
    return found


def _claim_going(seen: Observed, member: Member) -> Condition:
    text = f"claim {member.claim} of {member.name} is being deleted: it goes as soon as the pod stops"
    hint = f"mysqlops member rebuild {seen.name} {member.name}"
    if int(seen.stateful_set["spec"]["replicas"]) == 1:
        hint = f"mysqlops scale {seen.name} --replicas 3 makes copies first; then mysqlops switchover, and {hint}"
    return Condition(claims.GOING, text, hint)


def _copied(member: Member) -> str:
    if not member.clone_size:
        return ""
    done, size = quantity.format_bytes(member.clone_copied or 0), quantity.format_bytes(member.clone_size)
    return f", {done} of {size}"


def _applying(seen: Observed, member: Member) -> list[Condition]:
    """The applier fails again and again, in or outside the group: waiting helps only if the cause is temporary."""
    if not member.applier_failure:
        return []
    text = (
        f"{member.name} cannot apply what the group wrote ({member.applier_failure}), so its data differs from the "
        "primary's, or its server has run out of room; it retries with growing pauses"
    )
    rebuild = f"mysqlops member rebuild {seen.name} {member.name} --confirm {member.name}"
    return [Condition("applier-fails", text, f"{rebuild} gives it a copy of another member's data")]


def _writing(seen: Observed, member: Member) -> list[Condition]:
    """Somebody changed read_only or super_read_only by hand. On a replica the agent undoes that."""
    if member.state != view.ONLINE:
        return []
    if member.role == names.ROLE_REPLICA and member.writable:
        text = f"{member.name} is a writable replica: somebody turned super_read_only off; its agent turns it on"
        return [Condition("replica-writable", text, look_at(seen, member.name))]
    if member.role == names.ROLE_PRIMARY and (member.read_only or not member.writable):
        text = (
            f"{member.name} is the primary and read-only: it still applies what it received before it was elected, or "
            "somebody set read_only, which stays on until somebody turns it off"
        )
        off = "SET GLOBAL super_read_only = OFF, read_only = OFF"
        return [Condition("primary-read-only", text, f"unless that is intended, run on {member.name}: {off}", DOWN)]
    return []


def look_at(seen: Observed, name: str) -> str:
    """The command that shows more of a member than `status` does."""
    return pods.command(seen.name, name, seen.pods.get(name))
