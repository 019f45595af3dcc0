"""The charts of a report as inline SVG: colours are classes of the page's style, so light and dark need one drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mysqlops.core.typed import Json
from mysqlops.drill.ledger.journal import READ_ONLY, SILENT, WRITABLE
from mysqlops.drill.model import Round
from mysqlops.drill.report.html import Markup, element, join

_STEPS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_BANDS = {WRITABLE: "takes-writes", READ_ONLY: "read-only", SILENT: "silent"}
_LANE, _DOT = 19.0, 8.5
_LANES = 4
_BAND, _BAND_STEP = 13.0, 21.0


@dataclass(frozen=True)
class Frame:
    """Where the plot is in the drawing, and which seconds it shows."""

    left: float
    width: float
    top: float
    height: float
    start: float
    end: float

    def x(self, at: float) -> float:
        share = (at - self.start) / (self.end - self.start)
        return self.left + self.width * min(1.0, max(0.0, share))

    @property
    def bottom(self) -> float:
        return self.top + self.height


def of_round(one: Round, *, width: int) -> Markup:
    """Writes for each tenth of a second, the gap, the events by number, and each member's role."""
    line = one.timeline
    members = sorted(line["members"])
    end = line["from"] + line["step"] * len(line["writes"])
    left, plot = (64.0, 190.0) if width > 600 else (58.0, 150.0)
    flat = Frame(left, width - left - 12.0, 0.0, plot, line["from"], end)
    lanes = _lanes(flat, line["events"])
    frame = replace(flat, top=_LANE * (1 + max(lanes, default=0)) + 6.0)
    height = frame.bottom + 30.0 + _BAND_STEP * len(members) + 4.0
    parts = [
        _grid(frame, line, width),
        _gap(frame, one),
        _area(frame, line["writes"], _most(line), "writes"),
        _area(frame, line["errors"], _most(line), "errors"),
        _events(frame, line["events"], lanes),
        *(_member(frame, name, line["members"][name], place) for place, name in enumerate(members)),
    ]
    text = f"Round {one.number}: acknowledged writes over time; the longest gap is {one.gap:.2f} s"
    return element("svg", *parts, viewBox=f"0 0 {width} {height:.0f}", role="img", aria_label=text)


def _most(line: Json) -> int:
    """The highest of the bins, a little smoothed, so that one spike does not flatten the rest."""
    ordered = sorted(line["writes"])
    return max(1, int(ordered[int(0.99 * (len(ordered) - 1))]))


def _grid(frame: Frame, line: Json, width: int) -> Markup:
    step = next((step for step in _STEPS if (frame.end - frame.start) / step <= width / 75), _STEPS[-1])
    parts = []
    at = -(-frame.start // step) * step
    while at <= frame.end:
        x = frame.x(at)
        parts.append(element("line", x1=x, x2=x, y1=frame.top, y2=frame.bottom, class_="grid"))
        label = f"{at:g} s" if at else "0"
        parts.append(element("text", label, x=x, y=frame.bottom + 16.0, class_="axis middle"))
        at += step
    most = round(_most(line) / line["step"])
    for share in (0.0, 0.5, 1.0):
        y = frame.bottom - share * frame.height * 0.92
        parts.append(element("line", x1=frame.left, x2=frame.left + frame.width, y1=y, y2=y, class_="grid"))
        parts.append(element("text", f"{most * share:.0f}/s", x=frame.left - 6.0, y=y + 4.0, class_="axis end"))
    return join(*parts)


def _gap(frame: Frame, one: Round) -> Markup:
    if not one.first_write or one.gap <= 0.05:
        return Markup()
    start, end = frame.x(one.first_write - one.gap), frame.x(one.first_write)
    box = element("rect", x=start, y=frame.top, width=max(1.0, end - start), height=frame.height, class_="gap")
    if end - start < 56:
        return box
    middle = element("text", f"{one.gap:.2f} s", x=(start + end) / 2, y=frame.top + 24.0, class_="gap-text middle")
    return join(box, middle)


def _area(frame: Frame, counts: Sequence[int], most: int, kind: str) -> Markup:
    """Bins are merged where the plot has no room for all of them."""
    if not any(counts):
        return Markup()
    each = max(1, round(len(counts) / (frame.width / 1.5)))
    grouped = [sum(counts[n : n + each]) / len(counts[n : n + each]) for n in range(0, len(counts), each)]
    path, step = [f"M{frame.left:.1f} {frame.bottom:.1f}"], frame.width * each / len(counts)
    for place, value in enumerate(grouped):
        y = frame.bottom - min(1.0, value / most) * frame.height * 0.92
        right = min(frame.left + frame.width, frame.left + (place + 1) * step)
        path.append(f"V{y:.1f}H{right:.1f}")
    path.append(f"V{frame.bottom:.1f}Z")
    return element("path", d="".join(path), class_=kind)


def _lanes(frame: Frame, events: Sequence[Sequence[Any]]) -> list[int]:
    """Numbers close to each other are placed in different lanes."""
    lanes, last = [], [-1e9] * _LANES
    for at, _ in events:
        x = frame.x(at)
        lane = next((number for number in range(_LANES) if x - last[number] > 2 * _DOT + 2), _LANES - 1)
        last[lane] = x
        lanes.append(lane)
    return lanes


def _events(frame: Frame, events: Sequence[Sequence[Any]], lanes: Sequence[int]) -> Markup:
    """A number above each: its words are below the drawing."""
    parts = []
    for number, ((at, _), lane) in enumerate(zip(events, lanes, strict=True), 1):
        x = frame.x(at)
        y = frame.top - 12.0 - lane * _LANE
        parts.append(element("line", x1=x, x2=x, y1=y, y2=frame.bottom, class_="event"))
        parts.append(element("circle", cx=x, cy=y, r=_DOT, class_="event-dot"))
        parts.append(element("text", number, x=x, y=y + 4.0, class_="event-number middle"))
    return join(*parts)


def _member(frame: Frame, name: str, bands: Sequence[Sequence[Any]], place: int) -> Markup:
    y = frame.bottom + 28.0 + place * _BAND_STEP
    short = name if len(name) <= 8 else f"…{name[-6:]}"
    parts = [element("text", short, x=frame.left - 6.0, y=y + 10.5, class_="axis end")]
    for start, end, kind in bands:
        left, right = frame.x(start), frame.x(end)
        parts.append(
            element("rect", x=left, y=y, width=max(1.0, right - left), height=_BAND, class_=_BANDS.get(kind, "silent"))
        )
    return join(*parts)


def small(one: Round) -> Markup:
    """A round at a glance; its text is beside it, outside the drawing."""
    line = one.timeline
    end = line["from"] + line["step"] * len(line["writes"])
    frame = Frame(0.0, 240.0, 2.0, 52.0, line["from"], end)
    x = frame.x(0.0)
    parts = [
        _small_gap(frame, one),
        _area(frame, line["writes"], _most(line), "writes"),
        element("line", x1=x, x2=x, y1=frame.top, y2=frame.bottom, class_="event"),
        element("line", x1=0.0, x2=240.0, y1=frame.bottom, y2=frame.bottom, class_="grid"),
    ]
    text = f"Round {one.number}"
    return element("svg", *parts, viewBox="0 0 240 56", role="img", aria_label=text, preserveAspectRatio="none")


def _small_gap(frame: Frame, one: Round) -> Markup:
    if not one.first_write:
        return Markup()
    start, end = frame.x(one.first_write - one.gap), frame.x(one.first_write)
    return element("rect", x=start, y=frame.top, width=max(1.0, end - start), height=frame.height, class_="gap")


def strip(values: Sequence[float], median: float, limit: float | None, *, width: int) -> Markup:
    """Every round's gap as a dot, the median as a bar, and what the SLO allows."""
    most = max([*values, limit or 0.0, 0.1]) * 1.08
    step = next((step for step in (0.05, 0.1, 0.2, *_STEPS) if most / step <= width / 70), _STEPS[-1])
    frame = Frame(14.0, width - 28.0, 8.0, 58.0, 0.0, most)
    parts, at = [], 0.0
    while at <= most:
        x = frame.x(at)
        parts.append(element("line", x1=x, x2=x, y1=frame.top, y2=frame.bottom, class_="grid"))
        parts.append(element("text", f"{at:g} s", x=x, y=frame.bottom + 16.0, class_="axis middle"))
        at = round(at + step, 6)
    if limit is not None:
        x = frame.x(limit)
        beyond = max(0.0, frame.left + frame.width - x)
        parts.append(element("rect", x=x, y=frame.top, width=beyond, height=frame.height, class_="gap"))
        parts.append(element("line", x1=x, x2=x, y1=frame.top, y2=frame.bottom, class_="limit"))
        parts.append(element("text", "SLO", x=x - 5.0, y=frame.top + 12.0, class_="gap-text end"))
    x = frame.x(median)
    parts.append(element("rect", x=x - 1.5, y=frame.top + 8.0, width=3.0, height=frame.height - 16.0, class_="median"))
    for place, value in enumerate(values):
        y = frame.top + frame.height / 2 + ((place * 7) % 5 - 2) * 7.0
        parts.append(element("circle", cx=frame.x(value), cy=y, r=4.5, class_="dot"))
    return element("svg", *parts, viewBox=f"0 0 {width} 90", role="img", aria_label="The write gap of every round")
