"""The texts that `restore` prints: what it would do, and what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mysqlops.cli import output
from mysqlops.core import quantity
from mysqlops.core.backup import UNSIGNED, Backup

if TYPE_CHECKING:
    from mysqlops.core.timeline import Swap
    from mysqlops.operations.in_place import Result, Source
    from mysqlops.operations.restore import Filled


def logs(source: Source) -> list[str]:
    if not source.to:
        return []
    sealed = "sealed with the same key" if source.backup.signed != UNSIGNED else "whether sealed or not"
    return [f"binary logs: those in target {source.target.name}, {sealed}"]


def show(swap: Swap, name: str, form: str, what: str) -> None:
    from mysqlops.planning import restore as planning

    if form == "table":
        output.say(f"{name} would get {what}; only its present claims would hold what was written since")
    output.show_steps(planning.steps(name, swap), form)


def tell(swap: Swap, name: str, form: str, text: str, done: Result) -> None:
    answer = {
        "backup": swap.backup or None,
        "kept": done.kept,
        "stopped_seconds": done.stopped_seconds,
        "reached": done.filled.reached,
        "status": done.status.as_json(),
    }
    if done.stopped_seconds is None:
        text += "; an earlier run had made the change"
    else:
        text += f"; it had no primary for {done.stopped_seconds:.0f} s"
    text += f"; kept: {', '.join(done.kept) or 'no claim'}"
    if not swap.abandons:
        text += f"; mysqlops restore --revert {name} goes back"
    output.result(answer, form, text)


def held(source: Source, filled: Filled) -> str:
    """What the data that was compared holds; the repository's own figures may be wrong."""
    from mysqlops.planning import backup_progress

    text = f"{source.backup.id}: {filled}, as of {source.backup.at}"
    if not source.to:
        return text
    point = backup_progress.reached(filled.reached) if filled.reached else ""
    return f"{text}, {point or f'recovered to {source.to} by an earlier run'}"


def size(source: Source) -> str:
    text = f"{source.backup.id} ({quantity.format_bytes(source.backup.size)}, {source.backup.at})"
    return f"{text} recovered to {source.to}" if source.to else text


def estimate(found: Backup) -> str:
    seconds = found.verified.seconds if found.verified else 0.0
    return f"; when it was verified, fetching and starting it took {seconds:.0f} s" if seconds else ""
