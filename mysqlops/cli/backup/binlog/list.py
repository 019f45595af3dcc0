"""mysqlops backup binlog list"""

from __future__ import annotations

from dataclasses import asdict

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import binlog, quantity

_COLUMNS = ("CHUNK", "CLUSTER", "FIRST", "COMPLETE UNTIL", "TRANSACTIONS", "SIZE", "CONTINUES")


@click.command()
@options.namespaced("2m")
@options.target
def list(run: Run, *, target: str | None) -> None:
    """List the binary logs that a target holds, and whether each chunk continues the one before.

    `no` is a gap: an older backup cannot be recovered beyond it.

    \b
    Example:
      mysqlops backup binlog list --target offsite
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    with run.reading() as session:
        _, found = operations.held(session, targets.find(session.client, target))
    continued = binlog.continued(found)
    if not run.is_for_people:
        output.data([{**asdict(chunk), "continues": continued[chunk.key]} for chunk in found], run.form)
        return
    if not found:
        output.say("no binary logs")
        return
    output.table(_COLUMNS, [_row(chunk, continued[chunk.key]) for chunk in found])


def _row(one: binlog.Chunk, continues: bool | None) -> tuple[str, ...]:
    where, size = f"{one.namespace}/{one.cluster}", quantity.format_bytes(one.size)
    goes_on = {True: "yes", False: "no", None: "begins"}[continues]
    return (one.id, where, one.first or "-", one.until, str(one.transactions), size, goes_on)
