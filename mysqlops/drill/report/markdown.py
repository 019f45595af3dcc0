"""A drill's report in Markdown, and the tables and words that the HTML page shares with it. Pure.

Errors, rows and names of pods were written by others: here they are text, and no markup.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from mysqlops.core import counting, typed
from mysqlops.drill.model import Report, Round
from mysqlops.drill.report import statistic

_CLIENTS = ", each with one INSERT of a unique key at a time through the primary's Service; another by members' names"
_ROUND = ("gap", "gap_by_name", "detection", "election", "label", "first_write", "redundancy")
MEANINGS = (
    "Write gap: the longest time that any client of the primary's Service went without an acknowledgement. By members' "
    "names: the same of one more client, which has the list of members and writes to the one that takes writes.",
    "Detection: until another member published that its group had become smaller. Election: until another member "
    "would accept a write. Label move: until the label that the primary Service follows was on another pod. Seconds "
    "since the fault; a round in which it did not happen does not count.",
    "All members back: until the cluster was healthy, and stayed so.",
    "Lost: acknowledged, and missing on a member. Ghosts: present, although refused or never sent. Diverged: "
    "on one member, but missing or different on another. Unknown: the client got no answer; both outcomes are correct.",
    "Minority's last write: the last acknowledgement to clients on the primary's own node that talk to it directly.",
    "Errors with one retry: failed writes through the Service whose client fails again when it retries a second later.",
    "Stale read: one through the primary's Service that missed a write acknowledged before. Replicas behind: the age "
    "of the oldest acknowledged write that a read through the replicas' Service did not see.",
)


def of(report: Report) -> str:
    parts = [f"# Drill: {report.fault}", _headline(report)]
    if report.rounds:
        parts += ["## Figures", _table(*summary_rows(report)), "## Counts", _counts(report)]
        parts += ["## Rounds", _table(*round_rows(report))]
    wrong = [
        f"- round {round_.number}, {kind}: {_code(row)}" for round_ in report.rounds for kind, row in _wrong(round_)
    ]
    if wrong:
        parts += ["## Rows that are wrong", "\n".join(wrong)]
    parts += ["## How it was measured", "\n".join(f"- {name}: {_text(text)}" for name, text in facts(report))]
    parts += ["## What the words mean", "\n".join(f"- {meaning}" for meaning in MEANINGS)]
    parts += ["## Again", f"    {_line(command(report))}"]
    return "\n\n".join(parts) + "\n"


def _headline(report: Report) -> str:
    return "\n".join(_text(sentence) for sentence in verdict(report))


_MARKUP = re.compile(r"[\\`<>|\[\]&]")


def _text(text: str) -> str:
    """On one line, without what begins markup; `**` is ours."""
    return _MARKUP.sub(r"\\\g<0>", _line(text))


def _code(text: str) -> str:
    """On one line, between more backticks than it holds in a row."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " * (len(fence) > 1)
    return f"{fence}{space}{_line(text)}{space}{fence}"


def _line(text: str) -> str:
    return typed.visible(typed.one_line(text))


def verdict(report: Report) -> list[str]:
    """The most important sentences."""
    found = [f"{report.does[:1].upper()}{report.does[1:]}."]
    if not report.rounds:
        return [*found, f"No round was finished: {report.stopped}"]
    gap, wrong = report.summary["gap"], {name: report.totals[name] for name in statistic.MUST_BE_ZERO}
    acknowledged = report.totals["acknowledged"]
    found.append(
        f"Write gap over {counting.of(len(report.rounds), 'round')}: median {gap['median']:.2f} s, "
        f"p95 {gap['p95']:.2f} s, worst {gap['max']:.2f} s."
    )
    found += [f"**{failure[:1].upper()}{failure[1:]}**" for failure in report.failures()]
    if report.is_clean and report.failures():
        found.append(f"Of {acknowledged} acknowledged writes none was seen to be lost on the members that answered.")
    elif report.is_clean:
        found.append(f"Of {acknowledged} acknowledged writes none was lost; all members hold the same rows.")
    else:
        listed = ", ".join(f"{count} {name}" for name, count in wrong.items() if count)
        found.append(f"Of {acknowledged} acknowledged writes: {listed}.")
    found.append(f"SLO missed: {'; '.join(report.missed)}." if report.missed else "SLO met.")
    if report.stopped:
        found.append(f"Stopped after {len(report.rounds)} of {report.wanted} rounds: {report.stopped}")
    return found


def summary_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    rows = [
        [text, f"{found['n']:.0f}", *(f"{found[key]:.2f}" for key in ("median", "p95", "max"))]
        for name, text in statistic.SECONDS.items()
        if (found := report.summary.get(name))
    ]
    if latency := report.summary.get("latency"):
        own = [f"{latency[key]:.3f}" for key in ("median", "p95", "max")]
        rows.append(["write latency before it (p95)", f"{latency['n']:.0f}", *own])
    return ["seconds", "n", "median", "p95", "worst"], rows


def round_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    heads = ["round", "hit", *(statistic.SECONDS[name] for name in _ROUND), "acknowledged", "unknown", "wrong"]
    rows = [
        [
            str(round_.number),
            round_.target,
            *(_seconds(getattr(round_, name)) for name in _ROUND),
            str(round_.counts.get("acknowledged", 0)),
            str(round_.counts.get("unknown", 0)),
            str(sum(round_.counts.get(name, 0) for name in statistic.MUST_BE_ZERO)),
        ]
        for round_ in report.rounds
    ]
    return heads, rows


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"  # noqa: RUF001 (a dash in a table's cell)


def _counts(report: Report) -> str:
    return _table(["count", "in all rounds"], [[text, str(report.totals[name])] for name, text in _named()])


def _named() -> list[tuple[str, str]]:
    return list(statistic.COUNTS.items())


def _wrong(one: Round) -> list[tuple[str, str]]:
    return [(kind, row) for kind, listed in one.witnesses.items() for row in listed]


def _members(report: Report) -> str:
    return f", {report.members} members" if report.members else ""


def facts(report: Report) -> list[tuple[str, str]]:
    found = [
        ("cluster", f"{report.cluster} in namespace {report.namespace}{_members(report)}"),
        ("began", report.at),
        ("took", f"{report.seconds:.0f} s"),
        ("rounds", f"{len(report.rounds)} of {report.wanted}"),
        ("clients", f"{report.clients}{_CLIENTS}"),
        ("seed", str(report.seed)),
        ("SLO", ", ".join(f"{name}={limit:g}" for name, limit in report.slo.items())),
        *((name, text) for name, text in report.versions.items()),
        ("journals", ", ".join(round_.digest for round_ in report.rounds) or "none"),
    ]
    if report.forced:
        found.append(("forced", f"without a fresh verified backup: {report.forced}"))
    return found


def command(report: Report) -> str:
    limits = ",".join(f"{name}={limit:g}" for name, limit in report.slo.items())
    command = f"mysqlops drill {report.fault} {report.cluster} --namespace {report.namespace}"
    command += "".join(
        f" --{name} {shlex.quote(value) if value else ''}".rstrip() for name, value in report.options.items()
    )
    if report.forced:
        command += f" --force {shlex.quote(report.forced)}"
    return f"{command} --count {report.wanted} --clients {report.clients} --seed {report.seed} --slo {limits}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_text, cells))} |" for cells in lines)
