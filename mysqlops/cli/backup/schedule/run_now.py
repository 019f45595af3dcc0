"""mysqlops backup schedule run-now"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("6h")
@click.option("--verify", is_flag=True, help="The verification instead of the backup.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until it has ended.")
def command(name: str, verify: bool, wait: bool, **given: Any) -> None:
    """Start the scheduled backup of NAME, or its verification, at once.

    \b
    Example:
      mysqlops backup schedule run-now mysql --verify
    """
    from mysqlops.operations import schedule

    form = given.pop("output")
    with context.reading(name, given) as session:
        job = schedule.run_now(session, name, "verify" if verify else "backup", wait=wait)
    output.result({"job": job}, form, f"Job {job} {'succeeded' if wait else 'is started'}")
