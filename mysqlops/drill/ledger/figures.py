"""The cost of a fault to its clients, from their journals alone."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mysqlops.drill.ledger import journal
from mysqlops.drill.ledger.journal import Line

MAIN = "main"  # clients that go through the Service
NAMED = "named"  # a client that knows the members' names instead (drill/clients/client.py)
BESIDE = "beside"  # clients on a member's own node that talk to it directly
_RETRY_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0  # a client's limit for an answer (drill/clients/client.py)


@dataclass(frozen=True)
class Figures:
    """Times are seconds, moments seconds since the fault."""

    gaps: Mapping[str, float]
    gap: float
    gap_by_name: float | None
    first_write: float | None
    last_acknowledged: Mapping[str, float]
    longest_wait: float
    errors_with_one_retry: int
    latency: Mapping[str, float]


def of(lines: Sequence[Line], since: float, until: float | None = None, clients: Sequence[str] = ()) -> Figures:
    """`until`: the moment when the clients were stopped. A client that had no acknowledgement for long before that
    never recovered, and its gap lasts until then."""
    writes = journal.writes(lines)
    acknowledged = _acknowledged(writes)
    moments = {client: acknowledged.get(client, []) for client in (*acknowledged, *clients)}
    gaps = {client: longest_gap(_to_the_end(own, since, until), since) for client, own in moments.items()}
    main = {client: gap for client, gap in gaps.items() if client.startswith(MAIN)}
    worst = max(main.values(), key=lambda gap: gap[1] - gap[0], default=(since, since))
    return Figures(
        gaps={client: end - start for client, (start, end) in gaps.items()},
        gap=worst[1] - worst[0],
        gap_by_name=max((end - start for who, (start, end) in gaps.items() if who.startswith(NAMED)), default=None),
        first_write=worst[1] - since if main and worst[1] != until else None,
        last_acknowledged={client: moments[-1] - since for client, moments in acknowledged.items()},
        longest_wait=_longest_wait(writes, since),
        errors_with_one_retry=errors_with_one_retry(of_main(writes), until),
        latency=latency(line for line in of_main(writes) if line.at < since),
    )


def of_main(writes: Iterable[Line]) -> list[Line]:
    """The lines of clients that use the Service: those of a minority fail as they should, and for long."""
    return [line for line in writes if line.who.startswith(MAIN)]


def _acknowledged(writes: Iterable[Line]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in writes:
        if line.kind == journal.ACKNOWLEDGED:
            found.setdefault(line.who, []).append(line.at)
    return found


def _to_the_end(moments: Sequence[float], since: float, until: float | None) -> list[float]:
    """A client that writes until it is stopped has its last acknowledgement just before."""
    if until is None or (moments and until - moments[-1] <= _PATIENCE_SECONDS):
        return list(moments)
    return [*(moments or [since]), until]


def longest_gap(moments: Sequence[float], since: float) -> tuple[float, float]:
    """The start and end of the longest time without an acknowledgement that ended after the fault."""
    pairs = [(one, other) for one, other in itertools.pairwise(moments) if other > since]
    return max(pairs, key=lambda pair: pair[1] - pair[0], default=(since, since))


def _longest_wait(writes: Iterable[Line], since: float) -> float:
    sent: dict[tuple[str, int], float] = {}
    longest = 0.0
    for line in writes:
        key = (line.who, line.number)
        if line.kind == journal.INTENT:
            sent[key] = line.at
        elif line.at > since:
            longest = max(longest, line.at - sent.get(key, line.at))
    return longest


def errors_with_one_retry(writes: Iterable[Line], until: float | None = None) -> int:
    """Failed tries that a client would see that retries once after a second and waits two seconds for an answer. These
    clients retry at once, so the next try shows the result; during an outage there may be none."""
    tries: dict[str, list[Line]] = {}
    for line in sorted(writes, key=lambda one: one.at):
        if line.kind != journal.INTENT:
            tries.setdefault(line.who, []).append(line)
    seen = 0
    for own in tries.values():
        moments = [line.at for line in own]
        for line in own:
            if line.kind != journal.ACKNOWLEDGED:
                later, limit = (
                    bisect_left(moments, line.at + _RETRY_SECONDS),
                    line.at + _RETRY_SECONDS + _PATIENCE_SECONDS,
                )
                if later < len(own):
                    seen += own[later].kind != journal.ACKNOWLEDGED or own[later].at > limit
                else:
                    seen += until is not None and until > limit
    return seen


def latency(writes: Iterable[Line]) -> dict[str, float]:
    """The latency of acknowledged writes, as the clients measured it."""
    taken = (line.latency for line in writes if line.kind == journal.ACKNOWLEDGED)
    found = sorted(seconds for seconds in taken if seconds is not None)
    if not found:
        return {}
    return {"p50": percentile(found, 0.5), "p95": percentile(found, 0.95), "max": found[-1]}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least that share of all values does not exceed; `ordered` must not be empty."""
    rank = max(1, -int(-share * len(ordered) // 1))
    return ordered[min(len(ordered), rank) - 1]


def two_writable(lines: Iterable[Line]) -> list[str]:
    """Moments at which one member would accept writes, between two such answers of another."""
    by_member: dict[str, list[Line]] = {}
    for line in journal.sights(lines):
        by_member.setdefault(line.who, []).append(line)
    spans = [
        (one.at, other.at, member)
        for member, seen in by_member.items()
        for one, other in itertools.pairwise(seen)
        if one.kind == other.kind == journal.WRITABLE
    ]
    sights = [line for seen in by_member.values() for line in seen if line.kind == journal.WRITABLE]
    return [
        f"{line.at:.3f} {line.who} and {other}"
        for line in sights
        for start, end, other in spans
        if line.who != other and start < line.at < end
    ]


@dataclass(frozen=True)
class Reads:
    """Reads through the Services: how many missed a write that had been acknowledged before."""

    seen: int
    stale: int
    backwards: int
    replica_lag: float | None


def reads(lines: Sequence[Line]) -> Reads:
    """A read through the primary must see every write that was acknowledged before it began; a read through the
    replicas may be behind, and by how much is measured."""
    through_primary = [line for line in journal.reads(lines) if line.kind == journal.READ_PRIMARY]
    stale = sum(int(line.text or 0) < line.number for line in through_primary)
    highest: dict[str, int] = {}
    backwards = 0
    for line in through_primary:
        seen = int(line.text or 0)
        backwards += seen < highest.get(line.who, 0)
        highest[line.who] = max(seen, highest.get(line.who, 0))
    return Reads(len(journal.reads(lines)), stale, backwards, _replica_lag(lines))


def _replica_lag(lines: Sequence[Line]) -> float | None:
    """The age of the oldest acknowledged write that a read did not see, at its worst. A client's writes have their
    numbers in the order of time."""
    acknowledged: dict[str, dict[int, float]] = {}
    for line in lines:
        if line.kind == journal.ACKNOWLEDGED:
            acknowledged.setdefault(line.who, {})[line.number] = line.at
    numbers = {who: sorted(writes) for who, writes in acknowledged.items()}
    worst = None
    for line in lines:
        if line.kind == journal.READ_REPLICAS:
            own = numbers.get(line.who, [])
            at = bisect_right(own, int(line.text or 0))
            is_missed = at < len(own) and own[at] <= line.number
            oldest = acknowledged[line.who][own[at]] if is_missed else line.at
            worst = max(worst or 0.0, line.at - oldest)
    return worst
