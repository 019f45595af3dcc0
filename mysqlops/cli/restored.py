"""What `restore` prints: what it would do, and what it did."""

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
    sealed = "sealed with the same key" if source.backup.signed != UNSIGNED else "which nobody has to have sealed"
    return [f"binary logs: those in target {source.target.name}, {sealed}"]


def show(swap: Swap, name: str, form: str, what: str) -> None:
    from mysqlops.planning import restore as planning

    if form == "table":
        output.say(f"{name} would get {what}; what was written since is only in its claims of now")
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
        text += "; a run before this one had made the change"
    else:
        text += f"; it had no primary for {done.stopped_seconds:.0f} s"
    text += f"; kept: {', '.join(done.kept) or 'no claim'}"
    if not swap.abandons:
        text += f"; mysqlops restore --revert {name} goes back"
    output.result(answer, form, text)


def held(source: Source, filled: Filled) -> str:
    """What was compared, not what the repository says of itself."""
    from mysqlops.planning import backup_progress

    text = f"{source.backup.id}: {filled}, as of {source.backup.at}"
    if not source.to:
        return text
    told = backup_progress.reached(filled.reached) if filled.reached else ""
    return f"{text}, {told or f'brought to {source.to} by a run before this one'}"


def size(source: Source) -> str:
    text = f"{source.backup.id} ({quantity.format_bytes(source.backup.size)}, {source.backup.at})"
    return f"{text} brought to {source.to}" if source.to else text


def estimate(found: Backup) -> str:
    seconds = found.verified.seconds if found.verified else 0.0
    return f"; fetching and starting it took {seconds:.0f} s when it was verified" if seconds else ""
