"""From what was observed to a verdict: members, services, conditions with a reason and the next command. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mysqlops.core import group, names, quantity, rollout, view, volume
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import UNKNOWN, Publication, load
from mysqlops.planning import backup_state, certificate_state, claims, pods, revisions, rotation
from mysqlops.planning.status import (
    ABSENT,
    DEGRADED,
    DOWN,
    HEALTHY,
    Condition,
    Member,
    Observed,
    Status,
    annotations_of,
)

Json = dict[str, Any]
_SILENT_SECONDS = 30.0


def judge(seen: Observed) -> Status:
    replicas = int(seen.stateful_set["spec"]["replicas"])
    expected = [names.pod(seen.name, ordinal) for ordinal in range(replicas)]
    extra = sorted(set(seen.pods) - set(expected), key=names.ordinal_of)
    published = {name: _publication(pod, seen.taken_at) for name, pod in seen.pods.items()}
    everything = GtidSet()
    for one in published.values():
        everything = everything.union(GtidSet.parse(one.executed) if one else GtidSet())
    members = tuple(_member(seen, name, published.get(name), everything) for name in [*expected, *extra])
    primaries = [member.name for member in members if member.role == names.ROLE_PRIMARY]
    conditions = tuple(_conditions(seen, members, primaries, published))
    return Status(
        name=seen.name,
        namespace=seen.stateful_set["metadata"]["namespace"],
        verdict=_verdict(conditions),
        taken_at=f"{seen.taken_at:%Y-%m-%dT%H:%M:%SZ}",
        replicas=replicas,
        online=sum(member.state == view.ONLINE for member in members),
        primary=primaries[0] if len(primaries) == 1 else None,
        members=members,
        services=seen.endpoints,
        conditions=conditions,
        claims=claims.template_of(seen.stateful_set),
    )


def _publication(pod: Json, now: datetime) -> Publication | None:
    """None if it is old, or from the future: by a clock that is wrong, nobody knows how old it is."""
    published = _last_words(pod)
    return published if published is not None and abs(_age(published, now)) <= _SILENT_SECONDS else None


def _last_words(pod: Json) -> Publication | None:
    metadata = pod["metadata"]
    return load((metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER), metadata["uid"])


def _age(published: Publication, now: datetime) -> float:
    return (now - datetime.fromisoformat(published.at)).total_seconds()


def _why_silent(pod: Json | None, now: datetime) -> str:
    last = _last_words(pod) if pod else None
    if last is not None and (ahead := -_age(last, now)) > _SILENT_SECONDS:
        return f"the clock of its node is {ahead:.0f} s ahead of the one here, so nobody knows how old its report is"
    return pods.why_silent(pod)


def _member(seen: Observed, name: str, published: Publication | None, everything: GtidSet) -> Member:
    pod = seen.pods.get(name)
    claim = seen.claims.get(claims.of(seen.stateful_set, names.ordinal_of(name)))
    # Without a server that answered, an agent publishes no set: that is unknown, not empty.
    told = published if published and published.server_uuid else None
    return Member(
        name=name,
        ordinal=names.ordinal_of(name),
        node=pod["spec"].get("nodeName") if pod else None,
        state=published.state if published else (ABSENT if pod is None else UNKNOWN),
        role=published.role if published else names.ROLE_NONE,
        label=(pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE) if pod else None,
        ready=pod is not None and pods.is_ready(pod),
        writable=published.writable if published else None,
        version=published.server_version or None if published else None,
        executed=told.executed if told else None,
        behind=told.behind if told else None,
        missing=everything.subtract(GtidSet.parse(told.executed)).count() if told else None,
        restarts=pods.restarts(pod),
        claim=claim["metadata"]["name"] if claim else None,
        volume_size=published.volume_size or None if published else None,
        volume_used=published.volume_used or None if published else None,
        waiting_for=published.waiting_for if published else _why_silent(pod, seen.taken_at),
        certificate=published.certificate or None if published else None,
        certificate_until=published.certificate_until or None if published else None,
        ca_until=published.ca_until or None if published else None,
        config=published.config or None if published else None,
        clone_copied=published.clone_copied if published and published.clone_size else None,
        clone_size=published.clone_size or None if published else None,
        server_uuid=published.server_uuid or None if published else None,
        held=_held(told) if told else None,
        held_at_least=_held_at_least(pod),
        claim_going=pod is not None and claim is not None and claims.is_going(claim),
    )


def _held_at_least(pod: Json | None) -> str | None:
    """A server that stopped may hold more than its agent knew, and surely not less."""
    last = _last_words(pod) if pod else None
    return _held(last) if last is not None and (last.server_uuid or last.held) else None


def _held(told: Publication) -> str:
    applied = GtidSet.parse(told.executed).union(GtidSet.parse(told.held))
    return str(applied.union(GtidSet.parse(told.received)))


def _conditions(
    seen: Observed,
    members: Sequence[Member],
    primaries: list[str],
    published: Mapping[str, Publication | None],
) -> list[Condition]:
    if int(seen.stateful_set["spec"]["replicas"]) == 0:
        return [Condition("stopped", f"{seen.name} is stopped", f"mysqlops start {seen.name}", DOWN)]
    found: list[Condition] = []
    if not primaries:
        found.append(_no_primary(seen, members, published))
    if len(primaries) > 1 or sum(map(_takes_writes, members)) > 1:
        text = f"more than one member is writable or primary: {', '.join(primaries)}"
        found.append(Condition("two-primaries", text, "stop the writers; kubectl logs POD -c agent", DOWN))
    for member in members:
        found += _member_conditions(seen, member)
    found += [
        Condition("secrets-refused", f"{name}: {one.secrets_trouble}", "correct the Secret; docs/errors.md")
        for name, one in published.items()
        if one and one.secrets_trouble
    ]
    found += _group_conditions(members, primaries, published)
    found += _service_conditions(seen, primaries)
    found += _rollout_conditions(seen)
    found += rotation.conditions(seen) + certificate_state.conditions(seen.name, members, seen.taken_at)
    found += _order_conditions(seen)
    found += [Condition(*one) for one in backup_state.troubles(seen.name, seen.taken_at, seen.schedules, seen.receiver)]
    versions = {one.agent_version for one in published.values() if one}
    if len(versions) > 1:
        text = f"agents of several versions run: {', '.join(sorted(versions))}"
        found.append(Condition("agents-differ", text, f"mysqlops status {seen.name} --watch"))
    return found


def _takes_writes(member: Member) -> bool:
    """A server that takes a donor's data is not read-only meanwhile, and all that it holds is replaced."""
    return bool(member.writable) and not member.clone_size


def _no_primary(seen: Observed, members: Sequence[Member], published: Mapping[str, Publication | None]) -> Condition:
    silent = _silent_primary(members, published)
    if silent is not None:
        text = (
            f"the others see {silent.name} ONLINE, so it leads the group; but its agent is silent: {silent.waiting_for}"
        )
        return Condition("primary-silent", text, _logs(seen.name, silent.ordinal))
    why = next((f": {member.name} is {member.waiting_for}" for member in members if member.waiting_for), "")
    return Condition("no-primary", f"no member is primary, so nothing can be written{why}", _logs(seen.name, 0), DOWN)


def _silent_primary(members: Sequence[Member], published: Mapping[str, Publication | None]) -> Member | None:
    """A group that is ONLINE has a primary. If its members but one are heard, and all of those are replicas, it is
    the one that is not heard."""
    silent = [member for member in members if published.get(member.name) is None]
    heard = [one for one in published.values() if one is not None and one.state == view.ONLINE]
    if len(silent) != 1 or not heard or any(one.role != names.ROLE_REPLICA for one in heard):
        return None
    is_seen = all(silent[0].name in one.group.split(",") and one.online == len(heard) + 1 for one in heard)
    return silent[0] if is_seen else None


def _member_conditions(seen: Observed, member: Member) -> list[Condition]:
    found = []
    if member.state != view.ONLINE:
        text = f"{member.name} is {member.state}: {member.waiting_for or 'no reason known'}{_copied(member)}"
        found.append(Condition("member-not-online", text, _logs(seen.name, member.ordinal)))
    if member.state == view.ONLINE and member.role == names.ROLE_NONE:
        text = f"{member.name} is ONLINE and serves nobody: {member.waiting_for or 'no reason known'}"
        next_command = f"mysqlops member unfence {seen.name} {member.name}"
        is_fenced = "fenced" in member.waiting_for
        found.append(Condition("serves-nobody", text, next_command if is_fenced else _logs(seen.name, member.ordinal)))
    if member.state == view.ONLINE and member.label != member.role:
        text = f"{member.name} is {member.role} in the group and labelled {member.label}"
        found.append(Condition("label-stale", text, _logs(seen.name, member.ordinal)))
    if member.claim_going:
        found.append(_claim_going(seen, member))
    pod = seen.pods.get(member.name)
    if member.state != UNKNOWN and pods.is_away(pod, names.CONTAINER_AGENT):
        text = f"the agent of {member.name}, lately {member.state}, does not run: {pods.why_silent(pod)}"
        found.append(Condition("agent-away", text, _logs(seen.name, member.ordinal)))
    if member.volume_size and member.volume_used and volume.is_filling(member.volume_size, member.volume_used):
        percent = 100 * member.volume_used // member.volume_size
        found.append(
            Condition(
                "volume-filling",
                f"the volume of {member.name} is {percent} % full",
                f"mysqlops storage resize {seen.name} --size SIZE, or docs/disk-full.md",
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


def _group_conditions(
    members: Sequence[Member], primaries: list[str], published: Mapping[str, Publication | None]
) -> list[Condition]:
    """A member that was cut off lately still has fresh words of its own; the primary knows better."""
    leader = published.get(primaries[0]) if len(primaries) == 1 else None
    claimed = sum(member.state == view.ONLINE for member in members)
    if leader is None or leader.online >= claimed:
        return []
    text = f"{claimed} members say they are ONLINE, the primary {primaries[0]} sees {leader.online}"
    return [Condition("members-unseen", text, "wait some seconds; then mysqlops status tells which one is silent")]


def _rollout_conditions(seen: Observed) -> list[Condition]:
    under_way = rollout.read(seen.stateful_set)
    if under_way is None:
        return []
    left, all_of = len(revisions.outdated(seen.stateful_set, seen.pods)), len(seen.pods)
    text = f"a rollout is open ({under_way.why}): {all_of - left} of {all_of} pods are as wanted"
    if under_way.failure:
        text = f"a rollout is being taken back ({under_way.failure}): {left} pods to go"
    return [Condition("rollout-open", text, f"mysqlops upgrade {seen.name} --resume, or --rollback")]


# What a command notes on the Lease while it works -> what that means, and what goes on with it.
_ORDERS = {
    names.ANNOTATION_REBUILDING: ("a member is being rebuilt", "mysqlops member rebuild {name} MEMBER"),
    names.ANNOTATION_FILLING: ("a backup is being restored onto a member", "mysqlops restore BACKUP --member MEMBER"),
    names.ANNOTATION_RESTARTING: ("the members are being restarted", "mysqlops restart {name}"),
    names.ANNOTATION_RECREATING: ("the StatefulSet is being made again", "mysqlops storage resize {name} --size SIZE"),
    names.ANNOTATION_STOPPED: ("a stop was begun, or its note was left behind", "mysqlops start {name} takes it back"),
    names.ANNOTATION_RESTORING: ("a restore in place is under way", "mysqlops restore --revert {name} takes it back"),
}


def _order_conditions(seen: Observed) -> list[Condition]:
    """Every order stands until it is obeyed, whoever gave it."""
    if seen.lease is None:
        text = f"Lease {names.group_lease(seen.name)} is gone: no member can join or form the group"
        return [Condition("lease-missing", text, f"mysqlops deploy {seen.name} makes it again")]
    annotations = annotations_of(seen.lease)
    found = [
        Condition("order-open", f"{text}; if that command has ended, run it again", hint.format(name=seen.name))
        for key, (text, hint) in _ORDERS.items()
        if annotations.get(key)
    ]
    order = group.order_of(annotations, (seen.lease.get("spec") or {}).get("acquireTime") or "")
    if order is not None:
        text = (
            f"the members are ordered to go on without {', '.join(sorted(order.members))}, and have formed no group yet"
        )
        found.append(Condition("order-open", text, f"mysqlops recover {seen.name} --withdraw takes the order back"))
    return found


def _service_conditions(seen: Observed, primaries: list[str]) -> list[Condition]:
    service = names.primary_service(seen.name)
    behind = seen.endpoints.get(service, ())
    if primaries and tuple(primaries) != tuple(behind):
        text = f"Service {service} leads to {', '.join(behind) or 'nobody'}, the primary is {', '.join(primaries)}"
        return [Condition("service-stale", text, f"kubectl describe service {service}")]
    return []


def _logs(cluster: str, ordinal: int) -> str:
    return f"kubectl logs {names.pod(cluster, ordinal)} -c {names.CONTAINER_AGENT}"


def _verdict(conditions: Sequence[Condition]) -> str:
    severities = {condition.severity for condition in conditions}
    return DOWN if DOWN in severities else DEGRADED if severities else HEALTHY
