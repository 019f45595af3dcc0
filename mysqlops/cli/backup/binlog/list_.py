"""mysqlops backup binlog list"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mysqlops.cli import context, options, output
from mysqlops.core import binlog, quantity

_COLUMNS = ("CHUNK", "CLUSTER", "FIRST", "COMPLETE UNTIL", "TRANSACTIONS", "SIZE", "CONTINUES")


@click.command()
@options.namespaced("2m")
@options.target
def command(target: str | None, **given: Any) -> None:
    """List the binary logs that a target holds, and whether each chunk continues the one before.

    `no` is a gap: no backup from before it can be brought beyond it.

    \b
    Example:
      mysqlops backup binlog list --target offsite
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    form = given.pop("output")
    with context.anywhere(given) as session:
        _, found = operations.held(session, targets.find(session.client, target))
    continued = binlog.continued(found)
    if form != "table":
        output.data([{**asdict(one), "continues": continued[one.id]} for one in found], form)
        return
    if not found:
        output.say("no binary logs")
        return
    output.table(_COLUMNS, [_row(one, continued[one.id]) for one in found])


def _row(one: binlog.Chunk, continues: bool | None) -> tuple[str, ...]:
    where, size = f"{one.namespace}/{one.cluster}", quantity.format_bytes(one.size)
    goes_on = {True: "yes", False: "no", None: "begins"}[continues]
    return (one.id, where, one.first or "-", one.until, str(one.transactions), size, goes_on)
