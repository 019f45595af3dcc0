"""From what was observed to a verdict: members, services, conditions with a reason and the next command. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mysqlops.core import group, instant, names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import UNKNOWN, Publication, load
from mysqlops.core.typed import Json
from mysqlops.objects import claims, pods, revisions
from mysqlops.planning import (
    backup_state,
    belongings,
    calm,
    certificate_state,
    member_conditions,
    order_state,
    rotation,
    template_state,
    version_state,
)
from mysqlops.planning.status import (
    ABSENT,
    DEGRADED,
    DOWN,
    HEALTHY,
    NOTE,
    Condition,
    Member,
    Observed,
    Status,
    annotations_of,
)

_SILENT_SECONDS = 30.0
_LATE_SECONDS = 25.0  # after the moment until which a report said that the next one follows


def judge(seen: Observed) -> Status:
    replicas = int(seen.stateful_set["spec"]["replicas"])
    expected = [names.pod(seen.name, ordinal) for ordinal in range(replicas)]
    extra = sorted(set(seen.pods) - set(expected), key=names.ordinal_of)
    published = {name: _publication(pod, seen.taken_at) for name, pod in seen.pods.items()}
    everything = GtidSet.parse(",".join(one.executed for one in published.values() if one))
    members = tuple(_member(seen, name, published.get(name), everything) for name in [*expected, *extra])
    primaries = [member.name for member in members if member.role == names.ROLE_PRIMARY]
    conditions = tuple(_conditions(seen, members, primaries, published))
    leader = published.get(primaries[0]) if len(primaries) == 1 else None
    return Status(
        name=seen.name,
        namespace=seen.stateful_set["metadata"]["namespace"],
        verdict=_verdict(conditions),
        taken_at=instant.text(seen.taken_at),
        replicas=replicas,
        online=sum(member.state == view.ONLINE for member in members),
        primary=primaries[0] if len(primaries) == 1 else None,
        members=members,
        services=seen.endpoints,
        conditions=conditions,
        group=tuple(pod for pod in leader.group.split(",") if pod) if leader else (),
        awaited=() if primaries else _awaited(seen, replicas),
        claims=claims.template_of(seen.stateful_set),
        image=revisions.image_of(seen.stateful_set),
        exposed=seen.exposed,
    )


def _awaited(seen: Observed, replicas: int) -> tuple[str, ...]:
    """Members of the last group beyond the wanted replicas, as after an outage during a scale-down."""
    noted = group.note_of(annotations_of(seen.lease)).expected()
    beyond = {pod for pod in noted if names.ordinal_of(pod) >= replicas and pod not in seen.pods}
    return tuple(sorted(beyond, key=names.ordinal_of)) if replicas else ()


def _publication(pod: Json, now: datetime) -> Publication | None:
    """None if it is old, or from the future: with a wrong clock, its age is unknown."""
    published = last_words(pod)
    if published is None or not -_SILENT_SECONDS <= age(published, now) <= _silent_after(published):
        return None
    return published


def _silent_after(published: Publication) -> float:
    """Calm members report rarely, and say so; anybody who may patch a pod may say anything."""
    return _LATE_SECONDS + min(max(published.beat_seconds, calm.BEAT_SECONDS), calm.CALM_BEAT_SECONDS)


def last_words(pod: Json) -> Publication | None:
    metadata = pod["metadata"]
    return load((metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER), metadata["uid"])


def age(published: Publication, now: datetime) -> float:
    return (now - datetime.fromisoformat(published.at)).total_seconds()


def _why_silent(seen: Observed, name: str, pod: Json | None) -> str:
    now = seen.taken_at
    last = last_words(pod) if pod else None
    if last is not None and (ahead := -age(last, now)) > _SILENT_SECONDS:
        return f"the clock of its node is {ahead:.0f} s ahead of this machine's, so the age of its report is unknown"
    return pods.why_silent(pod, pods.warning(seen.warnings, name, pod, now))


def _member(seen: Observed, name: str, published: Publication | None, everything: GtidSet) -> Member:
    pod = seen.pods.get(name)
    claim = seen.claims.get(claims.of(seen.stateful_set, names.ordinal_of(name)))
    # While its server does not answer, an agent publishes no set: that is unknown, not empty.
    reported = published if published and published.server_uuid else None
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
        executed=reported.executed if reported else None,
        behind=reported.behind if reported else None,
        missing=everything.subtract(GtidSet.parse(reported.executed)).count() if reported else None,
        restarts=pods.restarts(pod),
        claim=claim["metadata"]["name"] if claim else None,
        volume_size=published.volume_size or None if published else None,
        volume_used=published.volume_used or None if published else None,
        waiting_for=published.waiting_for if published else _why_silent(seen, name, pod),
        certificate=published.certificate or None if published else None,
        certificate_until=published.certificate_until or None if published else None,
        ca_until=published.ca_until or None if published else None,
        config=published.config or None if published else None,
        clone_copied=published.clone_copied if published and published.clone_size else None,
        clone_size=published.clone_size or None if published else None,
        server_uuid=published.server_uuid or None if published else None,
        held=_held(reported) if reported else None,
        held_at_least=_held_at_least(pod),
        read_only=published.read_only if published else None,
        applier_failure=published.applier_failure if published else "",
        claim_going=pod is not None and claim is not None and claims.is_going(claim),
    )


def _held_at_least(pod: Json | None) -> str | None:
    """A server that stopped may hold more than its agent knew, but never less."""
    last = last_words(pod) if pod else None
    return _held(last) if last is not None and (last.server_uuid or last.held) else None


def _held(reported: Publication) -> str:
    return str(GtidSet.parse(",".join((reported.executed, reported.held, reported.received))))


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
    found += _two_primaries(seen, members, primaries, published)
    for member in members:
        found += member_conditions.of(seen, member)
    found += belongings.conditions(seen, published)
    found += _group_conditions(members, primaries, published)
    found += _service_conditions(seen, primaries)
    found += template_state.conditions(seen)
    found += rotation.conditions(seen) + certificate_state.conditions(seen.name, members, seen.taken_at)
    found += order_state.conditions(seen, members)
    found += [
        Condition(*trouble)
        for trouble in backup_state.troubles(seen.name, seen.taken_at, seen.schedules, seen.receiver)
    ]
    found += version_state.conditions(seen.name, members, seen.taken_at)
    versions = {publication.agent_version for publication in published.values() if publication}
    if len(versions) > 1:
        text = f"agents of several versions are running: {', '.join(sorted(versions))}"
        found.append(Condition("agents-differ", text, f"mysqlops status {seen.name} --watch"))
    return found


def _two_primaries(
    seen: Observed, members: Sequence[Member], primaries: list[str], published: Mapping[str, Publication | None]
) -> list[Condition]:
    """Members that lead, or are writable outside the group, where no other member receives the writes. In one run of a
    group only one leads: of two that say so, one spoke before the primary moved."""
    strays = [member.name for member in members if _takes_writes(member) and member.state != view.ONLINE]
    both = [*primaries, *(name for name in strays if name not in primaries)]
    if len(primaries) < 2 and not (strays and len(both) > 1):
        return []
    runs = {group.incarnation(one.view_id) if (one := published.get(name)) else "" for name in primaries}
    if not strays and len(runs) == 1 and "" not in runs:
        text = f"{' and '.join(primaries)} say that they are primary of the same group: the primary moves"
        stays = "if it stays, somebody has switched the group to multi-primary mode"
        return [Condition("primary-moves", text, f"mysqlops status {seen.name} --watch; {stays}")]
    text = f"more than one member is primary or can be written outside the group: {', '.join(both)}"
    return [Condition("two-primaries", text, f"stop the writers; {member_conditions.look_at(seen, both[-1])}", DOWN)]


def _takes_writes(member: Member) -> bool:
    """Whether clients can write there. A server that is cloning a donor is not read-only meanwhile, but all of its data
    is being replaced; and where only super_read_only is off, an agent that loads time zones turned it off."""
    return bool(member.writable) and not member.read_only and not member.clone_size


def _no_primary(seen: Observed, members: Sequence[Member], published: Mapping[str, Publication | None]) -> Condition:
    silent = _silent_primary(members, published)
    if silent is not None:
        text = (
            f"the others see {silent.name} ONLINE, so it leads the group; but its agent is silent: {silent.waiting_for}"
        )
        return Condition("primary-silent", text, member_conditions.look_at(seen, silent.name))
    if awaited := _awaited(seen, int(seen.stateful_set["spec"]["replicas"])):
        text = f"no group runs, and it is not formed without {', '.join(awaited)}, which may hold what nobody else has"
        more = f"mysqlops scale {seen.name} --replicas {names.ordinal_of(awaited[-1]) + 1} brings its pod back"
        return Condition("no-primary", text, f"{more}; if its claim is lost: mysqlops recover {seen.name}", DOWN)
    why = next((f" ({member.name}: {member.waiting_for})" for member in members if member.waiting_for), "")
    return Condition(
        "no-primary",
        f"no member is primary, so nothing can be written{why}",
        member_conditions.look_at(seen, names.pod(seen.name, 0)),
        DOWN,
    )


def _silent_primary(members: Sequence[Member], published: Mapping[str, Publication | None]) -> Member | None:
    """A group that is ONLINE has a primary. If all members but one report, and all of these are replicas, the silent
    one is the primary."""

    silent = [member for member in members if published.get(member.name) is None]
    heard = [
        publication
        for publication in published.values()
        if publication is not None and publication.state == view.ONLINE
    ]
    if len(silent) != 1 or not heard or any(publication.role != names.ROLE_REPLICA for publication in heard):
        return None
    is_seen = all(
        silent[0].name in publication.group.split(",") and publication.online == len(heard) + 1 for publication in heard
    )
    return silent[0] if is_seen else None


def _group_conditions(
    members: Sequence[Member], primaries: list[str], published: Mapping[str, Publication | None]
) -> list[Condition]:
    """A member that was just cut off still has a fresh report of its own; the primary's view counts."""
    leader = published.get(primaries[0]) if len(primaries) == 1 else None
    claimed = sum(member.state == view.ONLINE for member in members)
    if leader is None or leader.online >= claimed:
        return []
    text = f"{claimed} members say they are ONLINE, the primary {primaries[0]} sees {leader.online}"
    return [Condition("members-unseen", text, "wait a few seconds; mysqlops status then shows which one is silent")]


def _service_conditions(seen: Observed, primaries: list[str]) -> list[Condition]:
    service = names.primary_service(seen.name)
    behind = seen.endpoints.get(service, ())
    if primaries and tuple(primaries) != tuple(behind):
        text = f"Service {service} routes to {', '.join(behind) or 'no pod'}, but the primary is {', '.join(primaries)}"
        hint = f"kubectl describe service {service}; mysqlops doctor {seen.name} --fix recreates it if it was deleted"
        return [Condition("service-stale", text, hint)]
    return []


def _verdict(conditions: Sequence[Condition]) -> str:
    severities = {condition.severity for condition in conditions} - {NOTE}
    return DOWN if DOWN in severities else DEGRADED if severities else HEALTHY
