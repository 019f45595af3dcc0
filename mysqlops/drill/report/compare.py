"""Two drills of the same fault: better, worse, or within the noise. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mysqlops.drill.model import Report
from mysqlops.drill.report import statistic
from mysqlops.errors import ConfigError

BETTER, WORSE, SAME = "better", "worse", "within the noise"
_Z = 1.96  # 95 %
_FEWEST = 5
_WANTED = ("acknowledged", "reads")  # more of it says nothing


@dataclass(frozen=True)
class Line:
    """One figure of both; counts are for each round."""

    name: str
    before: float
    after: float
    before_n: int
    after_n: int
    verdict: str
    unit: str = "s"


def compare(before: Report, after: Report) -> list[Line]:
    """Raises ConfigError for drills of different faults."""
    if before.fault != after.fault:
        text = f"the reports are of different faults: {before.fault} and {after.fault}"
        raise ConfigError(text, hint="compare two reports of the same fault")
    found = []
    for name, text in statistic.SECONDS.items():
        pair = [_values(report, name) for report in (before, after)]
        if pair[0] and pair[1]:
            found.append(_line(text, pair[0], pair[1], "s"))
    for name, text in statistic.COUNTS.items():
        if name not in _WANTED and before.rounds and after.rounds:
            one, other = ([float(statistic.count_of(each, name)) for each in r.rounds] for r in (before, after))
            if any(one) or any(other) or name in statistic.MUST_BE_ZERO:
                found.append(_count_line(name, text, one, other))
    return found


def _values(report: Report, name: str) -> list[float]:
    return [float(value) for round_ in report.rounds if (value := getattr(round_, name)) is not None]


def _line(text: str, before: Sequence[float], after: Sequence[float], unit: str) -> Line:
    verdict = SAME
    if differs(before, after):
        verdict = BETTER if statistics.median(after) < statistics.median(before) else WORSE
    medians = statistics.median(before), statistics.median(after)
    return Line(text, *medians, len(before), len(after), verdict, unit)


def _count_line(name: str, text: str, before: Sequence[float], after: Sequence[float]) -> Line:
    """A lost row is never noise."""
    if name in statistic.MUST_BE_ZERO:
        one, other = sum(before), sum(after)
        verdict = SAME if one == other else BETTER if other < one else WORSE
        return Line(text, one, other, len(before), len(after), verdict, "in all")
    means = statistics.mean(before), statistics.mean(after)
    verdict = SAME
    if differs(before, after):
        verdict = BETTER if means[1] < means[0] else WORSE
    return Line(text, *means, len(before), len(after), verdict, "a round")


def differs(before: Sequence[float], after: Sequence[float]) -> bool:
    """The rank test of Mann and Whitney at 95 %, by its normal approximation with ties: it assumes no distribution of
    the figures, and a single outlier does not decide it. Fewer than five rounds give no result."""
    if min(len(before), len(after)) < _FEWEST:
        return False
    ranks = _ranks([*before, *after])
    n, m = len(before), len(after)
    u = sum(ranks[:n]) - n * (n + 1) / 2
    total = n + m
    ties = sum(count**3 - count for count in (ranks.count(rank) for rank in set(ranks)))
    variance = n * m / 12 * ((total + 1) - ties / (total * (total - 1)))
    return variance > 0 and abs(u - n * m / 2) > _Z * variance**0.5


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


def warnings(before: Report, after: Report) -> list[str]:
    """Why the two may not be comparable."""
    found = []
    for what in ("cluster", "namespace", "members", "clients", "options"):
        one, other = getattr(before, what), getattr(after, what)
        if one != other:
            found.append(f"{what}: {_said(one)} before, {_said(other)} now")
    for what in sorted(set(before.versions) | set(after.versions)):
        one, other = before.versions.get(what, "unknown"), after.versions.get(what, "unknown")
        if one != other:
            found.append(f"{what}: {one} before, {other} now")
    found += [f"{when}: {why}" for when, one in (("before", before), ("now", after)) for why in _cut_short(one)]
    if min(len(before.rounds), len(after.rounds)) < _FEWEST:
        found.append(f"with fewer than {_FEWEST} rounds on either side every difference counts as noise")
    return found


def _said(value: object) -> object:
    return "unknown" if value is None else value or "none"


def _cut_short(report: Report) -> list[str]:
    if report.stopped and not report.failures():
        return [f"stopped after {len(report.rounds)} of {report.wanted} rounds: {report.stopped}"]
    return report.failures()
