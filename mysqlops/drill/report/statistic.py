"""The rounds of a drill as one result: median, p95 and worst of each figure, sums of each count. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mysqlops.drill.ledger import figures
from mysqlops.drill.model import Report, Round
from mysqlops.drill.report import slo

# field of a round -> what it is called
SECONDS: Mapping[str, str] = {
    "gap": "write gap",
    "gap_by_name": "write gap by members' names",
    "detection": "detection",
    "election": "election",
    "label": "label move",
    "first_write": "first write",
    "redundancy": "all members back",
    "minority_last": "minority's last write",
    "replica_lag": "replicas behind",
}
COUNTS: Mapping[str, str] = {
    "acknowledged": "writes acknowledged",
    "refused": "refused for certain",
    "unknown": "outcome unknown",
    "lost": "lost",
    "ghosts": "ghosts",
    "diverged": "diverged",
    "duplicates": "duplicates",
    "errors_with_one_retry": "errors with one retry",
    "two_writable": "two writable (instants)",
    "reads": "reads",
    "stale_reads": "stale reads through the primary",
    "backwards": "reads that went back",
}
MUST_BE_ZERO = ("lost", "ghosts", "diverged", "duplicates")


def count_of(one: Round, name: str) -> int:
    return int(one.counts.get(name, 0) if name in one.counts else getattr(one, name, 0))


def spread(values: Sequence[float]) -> dict[str, float]:
    """`values` must not be empty."""
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "median": statistics.median(ordered),
        "p95": figures.percentile(ordered, 0.95),
        "max": ordered[-1],
    }


def finish(report: Report, rounds: Sequence[Round], *, stopped: str = "", seconds: float = 0.0) -> Report:
    """The report with its rounds and the results computed from them."""
    summary = {}
    for name in SECONDS:
        values = [value for round_ in rounds if (value := getattr(round_, name)) is not None]
        if values:
            summary[name] = spread(values)
    latencies = [round_.latency["p95"] for round_ in rounds if "p95" in round_.latency]
    if latencies:
        summary["latency"] = spread(latencies)
    totals = {name: sum(count_of(round_, name) for round_ in rounds) for name in COUNTS}
    return replace(
        report,
        rounds=tuple(rounds),
        summary=summary,
        totals=totals,
        missed=(
            *(f"round {round_.number} failed: {round_.failed}" for round_ in rounds if round_.failed),
            *slo.missed(report.slo, rounds),
        ),
        is_clean=all(totals[name] == 0 for name in MUST_BE_ZERO),
        stopped=stopped,
        seconds=seconds,
    )


def worst(report: Report) -> Round:
    """The round with the longest gap; the report must have one."""
    return max(report.rounds, key=lambda one: one.gap)
