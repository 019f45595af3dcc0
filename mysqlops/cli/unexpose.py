"""mysqlops unexpose"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run


@click.command()
@options.cluster("2m")
@click.argument("service")
@options.confirmed("its clients are disconnected")
@options.dry_run()
def unexpose(run: Run, service: str, *, dry_run: bool) -> None:
    """Close SERVICE, by which clients from outside reach NAME. The cluster's own Services stay.

    A host name stays in the certificate until that is renewed or rotated.

    \b
    Example:
      mysqlops unexpose mysql mysql-outside --yes
    """
    from mysqlops.operations import expose

    changed = run.do(
        lambda session: expose.remove(session, run.name, service),
        f"close Service {service}",
        dry_run=dry_run,
        question=Question(f"disconnects the clients of Service {service}"),
    )
    text = f"Service {service} is closed" if changed else f"{run.name} has no such Service {service}: nothing changed"
    output.result({"service": service, "changed": changed}, run.form, text)
