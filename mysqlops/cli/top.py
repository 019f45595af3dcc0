"""mysqlops top"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.core.activity import Activity
    from mysqlops.operations.top import Top

_WIDTH = 60  # columns of a statement
_SECONDS = 2


@click.command()
@click.argument("name", required=False, shell_complete=complete.clusters)
@options.namespaced("1m")
@options.confirmed("a session is ended, and its transaction rolled back")
@options.dry_run()
@click.option("--member", default="", metavar="MEMBER", shell_complete=complete.members, help="Show only this member.")
@click.option("--watch", "-w", is_flag=True, help="Repeat every two seconds.")
@click.option("--kill", type=int, metavar="ID", help="End this session of MEMBER (default: of the primary).")
def top(run: Run, *, name: str | None, member: str, watch: bool, kill: int | None, dry_run: bool) -> None:
    """Show open transactions, who waits for whose lock, and what runs on NAME (default: the only cluster).

    Transactions are listed longest first, statements without their values. Idle sessions and the cluster's own are only
    in -o json; --kill refuses the latter.

    \b
    Examples:
      mysqlops top mysql --watch
      mysqlops top mysql --member mysql-1 --kill 4711
    """
    from mysqlops.operations import clusters
    from mysqlops.operations import top as operations

    with run.reading() as session:
        chosen = run.of(name or clusters.only(session))
        if kill is not None:
            _end(chosen, member, kill, dry_run=dry_run)
            return
    while True:
        with run.reading() as session:
            seen = operations.look(session, chosen.name, member)
        if watch and run.is_for_people:
            click.clear()
        _show(run, seen)
        if not watch:
            return
        session.clock.sleep(_SECONDS)


def _end(run: Run, member: str, number: int, *, dry_run: bool) -> None:
    from mysqlops.operations import top as operations

    with run.reading() as session:
        found = operations.victim(session, run.name, member, number)
    value = {"member": found.member, "session": number, "user": found.session.user}
    if dry_run:
        output.result({**value, "changed": False}, run.form, f"would end {found}; nothing was changed")
        return
    run.confirm(f"ends {found}: its transaction is rolled back")
    with run.reading() as session:
        was_there = operations.kill(session, found)
    text = f"ended {found}" if was_there else f"{found} had ended by itself"
    output.result({**value, "changed": was_there}, run.form, text)


def _show(run: Run, seen: Top) -> None:
    if not run.is_for_people:
        members = {pod: _as_json(one) for pod, one in seen.members.items()}
        output.data({"name": seen.name, "members": members, "unread": seen.unread}, run.form)
        return
    _list(seen, "transactions", ("member", "id", "user", "seconds", "rows", "holds"), _transaction)
    _list(seen, "waits", ("member", "id", "user", "seconds", "waits for", "held by", "of"), _wait)
    _list(seen, "sessions", ("member", "id", "user", "seconds", "command", "state", "statement"), _session)
    idle = sum(session.is_idle and not session.is_ours for each in seen.members.values() for session in each.sessions)
    output.say(f"{idle} idle sessions")
    for pod, why in seen.unread.items():
        output.say(f"{pod}: not read: {why}")
    for pod, each in seen.members.items():
        for part, why in each.failed.items():
            output.say(f"{pod}: {part} not read: {why}")


def _list(seen: Top, part: str, heads: tuple[str, ...], row: Callable[[Any], tuple[str, ...] | None]) -> None:
    found = [(item.seconds, pod, row(item)) for pod, each in seen.members.items() for item in getattr(each, part)]
    rows = [(pod, *cells) for _, pod, cells in sorted(found, key=lambda one: -one[0]) if cells]
    output.say(f"{part}: {'none' if not rows else len(rows)}")
    if rows:
        output.table(heads, rows)
        output.say()


def _transaction(one: Any) -> tuple[str, ...]:
    return str(one.connection), one.user, str(one.seconds), str(one.rows_modified), one.lock


def _wait(one: Any) -> tuple[str, ...]:
    return str(one.id), one.user, str(one.seconds), one.on, str(one.blocker), one.blocker_user


def _session(one: Any) -> tuple[str, ...] | None:
    if one.is_idle or one.is_ours:
        return None
    return str(one.id), one.user, str(one.seconds), one.command, one.state, one.statement[:_WIDTH]


def _as_json(one: Activity) -> dict[str, Any]:
    """With the field `ours`, which is true of the cluster's own sessions."""
    found = asdict(one)
    ours = map(attrgetter("is_ours"), one.sessions)
    found["sessions"] = [{**each, "ours": is_ours} for each, is_ours in zip(found["sessions"], ours, strict=True)]
    return found
