"""What happened to a cluster between two looks, as Events of its StatefulSet or a pod: few, and each once. Pure.

Several agents see the same: `key` is what they have in common, so the second one's Event has the name of the first.
A first look is no happening: the agent may just have started.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from mysqlops.core import instant, measured, names, publication, rollout
from mysqlops.core.typed import Json

NORMAL, WARNING = "Normal", "Warning"
OPEN_SECONDS = 7200.0  # for which a command's order may be open before anybody is called
_WORDS = {names.SCHEDULES[0]: ("Backup", "backup"), names.SCHEDULES[1]: ("Verification", "verification of a backup")}


class Happening(NamedTuple):
    """One Event; docs/reference/errors.md lists the reasons."""

    reason: str
    message: str
    key: str
    kind: str = NORMAL
    of_pod: bool = False  # an Event of the agent's own pod, not of the StatefulSet

    def name(self, cluster: str) -> str:
        digest = hashlib.sha256(f"{self.reason} {self.key}".encode()).hexdigest()[:16]
        return f"{cluster}.{self.reason.lower()}.{digest}"


class Reporter(NamedTuple):
    """Who posts an Event: the kind of program, and which one of them."""

    component: str
    instance: str


def event(one: Happening, owner: Json, by: Reporter, at: str, pod: Json | None = None) -> Json:
    """The Event of the StatefulSet with this metadata, or of the reporter's own pod."""
    about = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner["name"], "uid": owner["uid"]}
    if one.of_pod and pod is not None:
        about = {"apiVersion": "v1", "kind": "Pod", "name": pod["name"], "uid": pod["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": one.name(owner["name"]), "namespace": owner["namespace"]},
        "involvedObject": {**about, "namespace": owner["namespace"]},
        "reason": one.reason,
        "message": one.message,
        "type": one.kind,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": {"component": names.APP_NAME, "host": by.instance},
        "reportingComponent": by.component,
        "reportingInstance": by.instance,
    }


def is_promoted(role: str, now: publication.Publication) -> bool:
    """`role` is the last in which the member served: a primary that served nobody for a moment was not elected."""
    return role == names.ROLE_REPLICA and now.role == names.ROLE_PRIMARY


def of_member(role: str, now: publication.Publication, pod: str, most: int) -> Iterator[Happening]:
    """`most` is how many members were ONLINE shortly before: without all of them, the group lost its primary."""
    if is_promoted(role, now):
        if now.online < most:
            text = f"{pod} is the primary now: {most - now.online} of {most} members left the group"
            yield Happening("Failover", text, now.view_id, WARNING)
        else:
            yield Happening("Switchover", f"{pod} is the primary now", f"{now.view_id} {pod} {now.at}")


def of_fence(before: str | None, now: str | None, pod: str, at: str) -> Iterator[Happening]:
    """Why the member is fenced, None if it is not. Its own agent alone posts it."""
    if now is not None and before is None:
        yield Happening(
            "Fenced", f"{pod} was fenced and accepts no clients: {now}"[:500], f"{pod} {at}", WARNING, of_pod=True
        )
    if now is None and before is not None:
        yield Happening("Unfenced", f"the fence of {pod} was removed", f"{pod} {at}", of_pod=True)


def of_certificate(seen: publication.Publication, at: datetime) -> Iterator[Happening]:
    """Agents renew long before: so late, nobody did."""
    for what, until, days in (("certificate", seen.certificate_until, 14), ("CA", seen.ca_until, 60)):
        if (ends := instant.read(until)) is not None and ends - at < timedelta(days=days):
            yield Happening("CertificateEnds", f"a {what} expires at {until}", f"{what} {until}", WARNING)


def of_stateful_set(before: Json, now: Json) -> Iterator[Happening]:
    yield from of_rollout(rollout.read(before), rollout.read(now))


def of_rollout(was: rollout.Rollout | None, is_: rollout.Rollout | None) -> Iterator[Happening]:
    """Its beginning, end and change of direction; None: none is open."""
    if is_ is not None and (was is None or was.since != is_.since):
        yield Happening("RolloutStarted", f"a rollout began: {is_.why}"[:500], is_.since)
    if is_ is not None and is_.failure and not rollout.goes_back(was):
        yield Happening("RolloutReverting", f"the rollout is rolled back: {is_.failure}"[:500], is_.since, WARNING)
    if was is not None and (is_ is None or was.since != is_.since):
        text = "the rollout was rolled back" if was.failure else "the rollout has ended"
        yield Happening("RolloutEnded", text, was.since)


def of_step(record: rollout.Rollout, pod: str, uid: str, place: tuple[int, int]) -> Happening:
    """The pod with that UID is replaced, as the first number of `place` of as many members as the second."""
    change = (record.version_before, record.version_after)
    if record.failure:
        change = (record.version_after, record.version_before)
    what = f"MySQL {' -> '.join(change)}" if record.changes_version() else record.why
    if record.failure:
        what = f"the rollout goes back: {what}" if record.changes_version() else f"the rollout goes back from: {what}"
    text = f"member {place[0]} of {place[1]}: {pod} is replaced; {what}"
    return Happening("RolloutStep", text[:500], f"{record.since} {pod} {uid}")


def of_schedule(before: Json, now: Json, kind: str) -> Iterator[Happening]:
    """A scheduled run that ended."""
    was, is_ = before.get("status") or {}, now.get("status") or {}
    reason, words = _WORDS[kind]
    success, started = str(is_.get("lastSuccessfulTime") or ""), str(is_.get("lastScheduleTime") or "")
    if success and success != was.get("lastSuccessfulTime"):
        yield Happening(f"{reason}Done", f"the scheduled {words} succeeded", success)
    if _has_failed(is_) and not (_has_failed(was) and was.get("lastScheduleTime") == started):
        yield Happening(f"{reason}Failed", f"the scheduled {words} of {started} failed", started, WARNING)


def _has_failed(status: Json) -> bool:
    started = str(status.get("lastScheduleTime") or "")
    return bool(started) and not status.get("active") and str(status.get("lastSuccessfulTime") or "") < started


def of_orders(notes: Mapping[str, str], since: Mapping[str, float], at: float) -> Iterator[Happening]:
    """`since` says when the agent first saw each open order (seconds of its clock)."""
    for order, seen_at in since.items():
        if at >= seen_at + OPEN_SECONDS:
            text = f"the order {order} of a command has been open for two hours: mysqlops status says what continues it"
            yield Happening("OrderOpen", text, str(notes.get(f"{names.DOMAIN}/{order}")), WARNING)


def open_since(notes: Mapping[str, str] | None, since: Mapping[str, float], at: float) -> dict[str, float]:
    """The open orders, each with the moment of its first sight."""
    found = [sample for sample in measured.of_orders(notes, "") if sample.name == "order_open" and sample.value]
    return {sample.labels["order"]: since.get(sample.labels["order"], at) for sample in found}
