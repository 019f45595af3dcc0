"""A report as one self-contained HTML page: no script, nothing fetched, readable on phones too. Pure."""

from __future__ import annotations

from mysqlops.core import counting
from mysqlops.drill.model import Report, Round
from mysqlops.drill.report import chart, markdown, statistic
from mysqlops.drill.report.html import Markup, element, join, table
from mysqlops.drill.report.style import SHEET

_BROAD, _NARROW = 980, 362
_KEY = (
    ("acknowledged writes", "--accent"),
    ("failed writes", "--bad"),
    ("longest gap", "--gap"),
    ("takes writes", "--good"),
    ("read-only", "--idle"),
    ("no answer", "--mute"),
)


def of(report: Report) -> str:
    title = f"Drill: {report.fault} on {report.cluster}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(SHEET)),
    )
    body = element("body", element("main", *_sections(report)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _sections(report: Report) -> list[Markup]:
    found = [_header(report)]
    if report.rounds:
        worst = statistic.worst(report)
        found += [_cards(report), _main_chart(worst, len(report.rounds)), _strip(report), _overview(report)]
        found += [_figures(report), _rounds(report)]
    return [*found, _witnesses(report), _about(report)]


def _header(report: Report) -> Markup:
    badges = [element("span", text, class_=f"badge {kind}") for text, kind in _badges(report)]
    where = f"Cluster {report.cluster} in namespace {report.namespace}, {report.at.replace('T', ' ')}"
    rounds = (
        f"{len(report.rounds)} of {report.wanted} rounds"
        if report.stopped
        else counting.of(len(report.rounds), "round")
    )
    missed = [element("p", goal) for goal in report.missed]
    stopped = [element("p", f"Stopped early: {report.stopped}")] if report.stopped else []
    return element(
        "header",
        element("h1", report.fault),
        element("p", f"{report.does[:1].upper()}{report.does[1:]}."),
        element("p", f"{where}; {rounds}, {report.clients} clients, seed {report.seed}", class_="soft"),
        element("div", *badges),
        *missed,
        *stopped,
    )


def _badges(report: Report) -> list[tuple[str, str]]:
    if not report.rounds:
        return [("no round was finished", "warn")]
    if report.failures():
        found = [("The cluster did not come back", "bad")]
        found.append(("No wrong row was seen", "warn") if report.is_clean else ("Rows are wrong", "bad"))
    else:
        found = [("Nothing lost", "good") if report.is_clean else ("Rows are wrong", "bad")]
    met = ("SLO met until it was stopped", "warn") if report.stopped else ("SLO met", "good")
    found.append(("SLO missed", "bad") if report.missed else met)
    if report.stopped:
        found.append(("Stopped early", "warn"))
    if report.forced:
        found.append((f"Forced: {report.forced}", "warn"))
    return found


def _cards(report: Report) -> Markup:
    gap, back = report.summary["gap"], report.summary.get("redundancy")
    wrong = sum(report.totals[name] for name in statistic.MUST_BE_ZERO)
    cards = [
        _card("Write gap, median", f"{gap['median']:.2f} s", f"p95 {gap['p95']:.2f}, worst {gap['max']:.2f} s"),
        _card(
            "Wrong rows",
            str(wrong),
            f"{report.totals['acknowledged']:,} writes acknowledged",
            "bad" if wrong else "good",
        ),
    ]
    if back:
        cards.append(_card("All members back", f"{back['median']:.1f} s", f"worst {back['max']:.1f} s"))
    unknown, errors = report.totals["unknown"], report.totals["errors_with_one_retry"]
    cards.append(_card("Outcome unknown", f"{unknown:,}", "never learnt"))
    cards.append(_card("Errors with one retry", f"{errors:,}", "in all rounds"))
    return element("div", *cards, class_="cards")


def _card(label: str, value: str, more: str, kind: str = "") -> Markup:
    return element(
        "div",
        element("div", label, class_="label"),
        element("div", value, class_=f"value {kind}".strip()),
        element("div", more, class_="more"),
        class_="card",
    )


def _main_chart(worst: Round, count: int) -> Markup:
    title = f"The worst round: {worst.number} of {count}" if count > 1 else "The round"
    events = [
        element("li", element("b", number), text, f" {at:.2f} s")
        for number, (at, text) in enumerate(worst.timeline["events"], 1)
    ]
    key = [element("span", element("i", style=f"background: var({colour})"), text) for text, colour in _KEY]
    return element(
        "section",
        element("h2", title),
        element(
            "figure",
            element("div", chart.of_round(worst, width=_BROAD), class_="broad"),
            element("div", chart.of_round(worst, width=_NARROW), class_="narrow"),
            element("ol", *events, class_="events"),
            element("div", *key, class_="key"),
            class_="panel",
        ),
    )


def _strip(report: Report) -> Markup:
    if len(report.rounds) < 2:
        return Markup()
    values, median, limit = (
        [round_.gap for round_ in report.rounds],
        report.summary["gap"]["median"],
        report.slo.get("rto"),
    )
    drawings = [
        element("div", chart.strip(values, median, limit, width=width), class_=kind)
        for width, kind in ((_BROAD, "broad"), (_NARROW, "narrow"))
    ]
    note = element("p", "Each dot is a round; the bar is the median.", class_="note")
    return element(
        "section", element("h2", "Write gap of every round"), element("div", *drawings, class_="panel"), note
    )


def _overview(report: Report) -> Markup:
    if len(report.rounds) < 2:
        return Markup()
    figures = [
        element(
            "figure",
            element("figcaption", f"Round {round_.number}", element("strong", f"{round_.gap:.2f} s")),
            chart.small(round_),
        )
        for round_ in report.rounds
    ]
    return element("section", element("h2", "All rounds"), element("div", *figures, class_="grid-of-rounds"))


def _figures(report: Report) -> Markup:
    heads, rows = markdown.summary_rows(report)
    counts = [
        element("div", element("dt", text), element("dd", f"{report.totals[name]:,}"))
        for name, text in statistic.COUNTS.items()
    ]
    return element(
        "section",
        element("h2", "Figures"),
        table(heads, [list(row) for row in rows]),
        element("h2", "Counts, in all rounds"),
        element("dl", *counts, class_="counts"),
    )


def _rounds(report: Report) -> Markup:
    heads, rows = markdown.round_rows(report)
    return element("section", element("h2", "Rounds"), table(heads, [list(row) for row in rows]))


def _witnesses(report: Report) -> Markup:
    lines = [
        f"round {round_.number}: {kind}: {row}"
        for round_ in report.rounds
        for kind, found in round_.witnesses.items()
        for row in found
    ]
    if not lines:
        return Markup()
    return element("section", element("h2", "Rows that are wrong"), element("pre", "\n".join(lines)))


def _about(report: Report) -> Markup:
    facts = [join(element("dt", name), element("dd", text)) for name, text in markdown.facts(report)]
    notes = [element("p", meaning, class_="note") for meaning in markdown.MEANINGS]
    return element(
        "section",
        element("h2", "How it was measured"),
        element("dl", *facts),
        element("h2", "What the words mean"),
        *notes,
        element("h2", "Again"),
        element("pre", markdown.command(report)),
    )
