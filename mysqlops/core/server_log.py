"""Lines of mysqld's error log, as kubelet keeps them: each with kubelet's time before the server's own. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mysqlops.core import activity, instant, names

SERVER, AGENT, SLOW = "server", "agent", "slow"
LEVELS = ("error", "warning", "system", "note")  # each includes those before it
# https://dev.mysql.com/doc/refman/9.7/en/error-log-format.html
_LINE = re.compile(
    r"\S+\s+\d+\s+\[(?P<level>ERROR|Warning|System|Note)\]\s+\[(?P<code>MY-\d{6})\]\s+\[(?P<of>\w*)\]\s?(?P<text>.*)",
    re.ASCII,
)
_OPENS, _CLOSES = re.compile("duplicate entry '", re.IGNORECASE), "' for key"
# To the end of the message. An applier's statement may create an account, with its password's hash.
_STATEMENT = re.compile(r"\. Query: '.*", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """One message, with the lines that continue it; `code` and `subsystem` are empty of what others print."""

    at: str  # UTC, ISO 8601, microseconds
    member: str
    level: str
    code: str
    subsystem: str
    text: str
    explanation: str = ""
    source: str = SERVER

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def parse(member: str, text: str) -> list[Entry]:
    """In the log's order; a line without kubelet's time is dropped. Values of rows are left out where messages quote
    them."""
    found: list[tuple[Entry, list[str]]] = []
    for at, rest in _lines(text):
        match = _LINE.match(rest)
        if match is None and found and found[-1][0].code:
            found[-1][1].append(rest)
            continue
        facts = match.groupdict() if match else {"level": "note", "code": "", "of": "", "text": rest}
        head = Entry(at, member, facts["level"].lower(), facts["code"], facts["of"], "")
        found.append((head, [facts["text"]]))
    return [replace(head, text=without_values("\n".join(lines))) for head, lines in found]


def parse_agent(member: str, text: str) -> list[Entry]:
    """An agent's log: each line with kubelet's time and its own."""
    found = []
    for at, rest in _lines(text):
        own, _, sentence = rest.partition(" ")
        said = sentence if names.is_moment(own) else rest
        level = "error" if said.startswith("unexpected ") or not names.is_moment(own) else "note"
        found.append(Entry(at, member, level, "", "", without_values(said), source=AGENT))
    return found


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Kubelet's times, and what a container wrote. A line ends only where kubelet ends it: a name in a message may hold
    another separator, and then what looks like an entry."""
    for line in text.split("\n"):
        moment, _, rest = line.partition(" ")
        if (at := _utc(moment)) is not None:
            yield at, rest


def of_slow(member: str, answer: Sequence[activity.Slow], since: str) -> list[Entry]:
    """What a member answered about slow statements, at their last moments."""
    entries = []
    for one in answer:
        at = instant.precise(instant.since_1970(one.at))
        if at >= since:
            entries.append(Entry(at, member, "warning", "", "", one.sentence(), source=SLOW))
    return entries


def _utc(moment: str) -> str | None:
    """Kubelet writes nanoseconds, in the node's time zone; None for anything else."""
    at = instant.read(moment)
    return instant.precise(at) if at is not None else None


def without_values(text: str) -> str:
    """A message without what MySQL quotes of rows and statements. A value may hold quotes and ends of lines, so it goes
    on to the last sign of its end; if that is missing, to the end of the message. Takes no longer than reading it."""
    text = _STATEMENT.sub(". Query: …", text, count=1)
    opens = _OPENS.search(text)
    if opens is None:
        return text
    closes = text.rfind(_CLOSES, opens.end())
    return f"{text[: opens.end()]}…{text[closes:] if closes >= 0 else ''}"


def log_without_values(text: str) -> str:
    """A container's log with kubelet's times, message by message: a line without a time of its own goes on with the
    message of the server above it."""
    messages, is_of_server = [list[str]()], False
    for line in text.split("\n"):
        is_new = names.is_moment(line.partition(" ")[2].partition(" ")[0])
        is_of_server |= is_new
        if is_new or not is_of_server:
            messages.append([])
        messages[-1].append(line)
    return "\n".join(without_values("\n".join(lines)) for lines in messages[1:])


def merged(logs: Iterable[Sequence[Entry]], level: str) -> list[Entry]:
    """All members' entries in time order, at this level or a more important one."""
    wanted = LEVELS[: LEVELS.index(level) + 1]
    return sorted((entry for log in logs for entry in log if entry.level in wanted), key=lambda one: one.at)
