"""Whether nothing is happening around a member, so that its agent may speak and look rarely (docs/adr/0059). Pure.

Calm is only an agent that would notice within seconds if it were needed: a watch shows it every member's pod, in the
group, with its report, its label and nothing open; and has lately shown its own report too, so the watch is alive. Any
difference, and any change of what is shown, ends the calm at once. What a watch shows decides nothing else: it is from
a cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops.core import group, names, routing, view
from mysqlops.core.publication import Publication

CALM_SECONDS = 60.0  # as long nothing has changed
BEAT_SECONDS, CALM_BEAT_SECONDS = 5.0, 30.0


@dataclass(frozen=True)
class Shown:
    """One member's pod, as a watch of the API server last showed it."""

    labels: routing.Labels
    is_going: bool
    said: Publication | None


@dataclass(frozen=True)
class Sight:
    """What one agent knows at one moment. `shown` is None without a watch; `is_echoed` says whether it has shown this
    agent's own last report, or has had little time to."""

    pod: str
    seen: Publication
    record: view.GroupRecord | None
    shown: Mapping[str, Shown] | None
    is_echoed: bool


@dataclass(frozen=True)
class Memory:
    """Since when (seconds of the agent's clock) nothing has changed; None while something is open."""

    since: float | None = None
    last: Sight | None = None

    def is_calm(self, now: float) -> bool:
        return self.since is not None and now - self.since >= CALM_SECONDS


def look(before: Memory, sight: Sight, now: float) -> Memory:
    """What to remember after this look."""
    if restless_because(sight):
        return Memory(None, sight)
    is_same = before.since is not None and before.last is not None and _is_same(before.last, sight)
    return Memory(before.since if is_same else now, sight)


def restless_because(sight: Sight) -> str:
    """Why the agent must speak and look often; empty if nothing is open."""
    shown, record, seen = sight.shown, sight.record, sight.seen
    if shown is None or record is None:
        return "what happens around it is not shown"
    if not sight.is_echoed:
        return "its own report is not shown"
    inside = frozenset(seen.group.split(","))
    if why := _open_because(record, seen, inside):
        return why
    if inside != shown.keys():
        return "other pods exist than those in the group"
    return next((f"{pod}: {why}" for pod, one in shown.items() if (why := _stirs_because(one, seen, inside))), "")


def _open_because(record: view.GroupRecord, seen: Publication, inside: frozenset[str]) -> str:
    if seen.state != view.ONLINE or seen.role == names.ROLE_NONE or seen.online != len(inside):
        return "not every member is ONLINE"
    if record.order or record.fenced or record.leaving or record.rebuilding or record.is_rotating:
        return "an order is open"
    is_noted = bool(record.incarnation()) and record.incarnation() == group.incarnation(seen.view_id)
    if record.note.garbled or not is_noted or inside != record.note.expected().keys():
        return "the Lease does not record this group"
    return ""


def _stirs_because(one: Shown, seen: Publication, inside: frozenset[str]) -> str:
    said = one.said
    if one.is_going or said is None:
        return "it is going, or has reported nothing"
    if not said.beat_seconds:
        return "its agent is of an older release, which expects a report every five seconds"
    if said.state != view.ONLINE or frozenset(said.group.split(",")) != inside:
        return f"it is {said.state}, or in another group"
    is_left = said.role != names.ROLE_PRIMARY or not one.labels.reads
    if said.role == names.ROLE_NONE or one.labels.is_wrong_for(said.role) or not is_left:
        return "it does not serve, or its labels are not its role's"
    if said.secrets_missing or said.secrets_trouble or said.accounts_trouble or said.certificate != seen.certificate:
        return "it has not the Secrets' values"
    return ""


def _is_same(before: Sight, now: Sight) -> bool:
    """But for time; a Lease that was written at all is another one."""
    if not now.seen.is_same_but_for_time(before.seen) or _version(before) != _version(now):
        return False
    return before.shown is now.shown or is_same(before.shown or {}, now.shown or {})


def _version(sight: Sight) -> str:
    return sight.record.version if sight.record else ""


def is_same(before: Mapping[str, Shown], now: Mapping[str, Shown]) -> bool:
    """Whether only beats differ."""
    return before.keys() == now.keys() and all(_is_same_pod(before[pod], one) for pod, one in now.items())


def _is_same_pod(before: Shown, now: Shown) -> bool:
    if (before.labels, before.is_going) != (now.labels, now.is_going):
        return False
    if before.said is None or now.said is None:
        return before.said is now.said
    return now.said.started == before.said.started and now.said.is_same_but_for_time(before.said)


def has_moved(before: Publication | None, seen: Publication) -> bool:
    """Whether it holds other transactions than it last reported: how much a member that dies held is known to five
    seconds, however calm the rest is."""
    return before is None or _sets(before) != _sets(seen)


def _sets(seen: Publication) -> tuple[str, str, int]:
    return seen.executed, seen.received, seen.behind
