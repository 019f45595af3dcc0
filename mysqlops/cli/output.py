"""Prints everything that the CLI prints: results to stdout, messages to stderr; plain text unless it is a terminal.

Much of the text was written by others: annotations of pods, entries of a repository, errors of servers. Control
characters that a terminal would obey are made visible here, and no other module prints."""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mysqlops.cli import context, yaml_text
from mysqlops.clock import SystemClock
from mysqlops.core import image, quantity, typed
from mysqlops.core.plan import Step
from mysqlops.operations.session import Progress
from mysqlops.planning.status import DOWN, HEALTHY, Member, Status

if TYPE_CHECKING:
    from rich.text import Text

    from mysqlops.operations.configure import Value

_WHOLE = 1000  # columns: no cell is ever cut; a terminal wraps longer lines
_COLOURS = {HEALTHY: "green", "degraded": "yellow", DOWN: "red"}


def say(text: Any = "", *, err: bool = False) -> None:
    """Print one line. Others wrote parts of it, which must not begin a line that looks like ours."""
    click.echo(typed.visible(typed.one_line(str(text).rstrip()), kept="\t"), err=err)


def document(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print several lines, in which whatever others wrote is on a line of its own, or quoted."""
    click.echo(typed.visible(text, kept="\n\t"), err=err, nl=nl)


def raw(data: bytes) -> None:
    """Print bytes of a program that this terminal was lent to."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


class Relay:
    """Prints another program's bytes as they are, but on a terminal like everything that others wrote."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def write(self, data: bytes) -> None:
        if sys.stdout.isatty():
            document(self._decoder.decode(data), nl=False)
        else:
            raw(data)


def ask(what: str, wanted: str = "") -> bool:
    """Ask on the terminal whether to continue; where `wanted` is given, that is to be typed."""
    question = typed.visible(what)
    if wanted:
        return bool(click.prompt(f"{question} Type {typed.visible(wanted)} to continue", err=True) == wanted)
    return click.confirm(f"{question} Continue?", err=True)


def ask_secret(what: str) -> str:
    """Ask for a value that the terminal does not show."""
    return str(click.prompt(typed.visible(what), hide_input=True, err=True))


def _plain(text: str, style: str = "") -> Text:
    """A text for rich: on one line, and no markup, which would also make `:x:` a picture."""
    from rich.text import Text

    return Text(typed.visible(text), style=style)


@contextmanager
def progress() -> Iterator[Progress]:
    """A live line on a terminal; elsewhere one line each time that the reason to wait changes."""
    from rich.console import Console

    console, clock = Console(stderr=True, highlight=False, soft_wrap=True), SystemClock()
    started = clock.monotonic()

    def stamp(message: str) -> str:
        return f"{clock.monotonic() - started:6.1f}s {message}"

    if not console.is_terminal:
        last = [""]

        def say_once(message: str) -> None:
            if message != last[0]:
                last[0] = message
                say(stamp(message), err=True)

        yield Progress(say_once, say_once, lambda message: say(f"warning: {message}", err=True))
        return
    with console.status("starting") as live:
        yield Progress(
            lambda message: console.print(_plain(stamp(message))),
            lambda message: live.update(_plain(message)),
            lambda message: console.print(_plain("warning:", "yellow") + _plain(f" {message}")),
        )


SCHEMA = "mysqlops.io/v1"


def data(value: Any, form: str, *, kind: str = "") -> None:
    """Print the whole answer for a machine: an object with `apiVersion` and `kind`; a list is under `items`."""
    kind = kind or _kind()
    value = value if isinstance(value, dict) else {"items": value}
    facts = {"apiVersion": SCHEMA, "kind": kind, **value}
    context.answered.append(kind)
    if form == "json":
        document(json.dumps(facts, indent=2, default=str))
    else:
        document(yaml_text.dump([json.loads(json.dumps(facts, default=str))]), nl=False)


def _kind() -> str:
    """The kind of the running command, such as BackupList for `mysqlops backup list`."""
    found = click.get_current_context(silent=True)
    words = re.split("[ -]", found.command_path.partition(" ")[2]) if found else ["result"]
    return "".join(word.title() for word in words)


def _heads() -> str:
    """rich takes NO_COLOR for colours alone (https://no-color.org)."""
    return "" if os.environ.get("NO_COLOR") else "bold"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, are_names: bool = False) -> None:
    """Print rows for people. Numbers are aligned right. Rows are never wrapped, so that grep finds them. Heads that are
    names of others' columns stay as they are."""
    from rich.console import Console
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style=_heads())
    for place, head in enumerate(heads):
        numbers = bool(place) and all(row[place][:1].isdigit() for row in rows)
        made.add_column(
            _plain(head if are_names else head.upper()), justify="right" if numbers else "left", no_wrap=True
        )
    for row in rows:
        made.add_row(*map(_plain, row))
    Console(highlight=False, soft_wrap=True, width=_WHOLE).print(made)


def show_steps(steps: Sequence[Step], form: str) -> None:
    """Print the steps that a command would take."""
    if form != "table":
        data({"steps": [step.as_json() for step in steps]}, form)
        return
    for step in steps:
        say(f"would {step.action} {step.kind} {step.name}: {step.why}")
    if not steps:
        say("nothing to do")


def show_settings(values: Sequence[Value], form: str) -> None:
    """Print settings: the value in my.cnf, and the one that each member runs with."""
    from rich.console import Console
    from rich.table import Table

    if form != "table":
        data([value.as_json() for value in values], form)
        return
    members = sorted({member for value in values for member in value.running})
    made = Table(box=None, pad_edge=False, header_style=_heads())
    for column in ("VARIABLE", "MY.CNF", "SET BY", *members):
        made.add_column(column, overflow="fold")
    for value in (each.shown() for each in values):
        by = "" if value.configured is None else "user" if value.by_user else "mysqlops"
        running = [_text_of(value.running.get(member)) for member in members]
        made.add_row(*map(_plain, (value.name, _text_of(value.configured), by, *running)))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(made)


def _text_of(value: str | None) -> str:
    return "-" if value is None else value


def result(value: Any, form: str, *lines: str) -> None:
    """Print what a verb did: a sentence for people, or a few, each on its line; the value for machines."""
    if form != "table":
        data(value, form)
        return
    for line in lines:
        say(line)


def show_status(status: Status, *, wide: bool = False) -> None:
    """Print the verdict, the members and the Services; then each problem and its remedy, the most important last."""
    from rich.console import Console
    from rich.table import Table

    from mysqlops.planning import certificate_state

    console = Console(highlight=False, soft_wrap=True, width=_WHOLE)
    colour = _COLOURS[status.verdict]
    rest = f", {status.online} of {status.replicas} members ONLINE, primary {status.primary or 'none'}"
    verdict = _plain(status.verdict, f"bold {colour}")
    console.print(_plain(f"{status.name} in {status.namespace}: ") + verdict + _plain(rest))
    made = Table(box=None, pad_edge=False, header_style=_heads())
    for column in (*_COLUMNS, *(_WIDE if wide else ())):
        made.add_column(column, no_wrap=True)
    for member in status.members:
        made.add_row(*map(_plain, (*_row(member), *(_wide_row(member) if wide else ()))))
    console.print(made)
    if wide and status.image:
        pinned = "" if image.split(status.image)[1] else ", not pinned: the tag may mean another image later"
        console.print(_plain(f"image {image.shown(status.image)}{pinned}"))
    for service, pods in status.services.items():
        console.print(_plain(f"Service {service} -> {', '.join(pods) or 'nobody'}"))
    for exposed in status.exposed:
        console.print(_plain(_exposed(exposed)))
    if line := certificate_state.line(status.members):
        console.print(_plain(line))
    for condition in status.conditions:
        console.print(_plain(condition.code, colour) + _plain(f": {condition.message}"))
        console.print(_plain(f"  next: {condition.hint}"))


def _exposed(one: Mapping[str, Any]) -> str:
    reached = ", ".join(one["addresses"]) or ("no address yet" if one["exists"] is not False else "it was deleted")
    named = f", as {one['hostname']}" if one["hostname"] else ""
    odd = "" if one["recorded"] else ", not recorded: run `mysqlops expose` or `unexpose` again"
    if one["admits"] is (one["exists"] is False):  # one of the two objects is missing
        odd += ", its NetworkPolicy still admits clients" if one["admits"] else ", its NetworkPolicy was deleted"
    leads = f" ({one['type']}) -> {one['role']}" if one["type"] else ""
    return f"Service {one['service']}{leads}, from outside: {reached}{named}{odd}"


_COLUMNS = ("MEMBER", "ROLE", "STATE", "BEHIND", "MISSING", "FILLED")  # fits 80 columns
_WIDE = ("NODE", "VERSION", "RESTARTS", "CLAIM", "LABEL")


def _row(member: Member) -> tuple[str, ...]:
    return (member.name, member.role, member.state, _text(member.behind), _text(member.missing), _filled(member))


def _wide_row(member: Member) -> tuple[str, ...]:
    label = "ok" if member.label == member.role else f"{member.label or 'none'} (stale)"
    return (member.node or "-", member.version or "-", str(member.restarts), member.claim or "-", label)


def _text(value: int | None) -> str:
    return "?" if value is None else str(value)


def _filled(member: Member) -> str:
    if not member.volume_size or member.volume_used is None:
        return "?"
    percent = 100 * member.volume_used // member.volume_size
    return f"{percent}% of {quantity.format_bytes(member.volume_size)}"
