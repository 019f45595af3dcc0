"""mysqlops users list"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command("list")
@options.cluster("1m")
def list(run: Run) -> None:  # the name of the command
    """List the accounts of NAME's primary: whether they need TLS and can log in, and which Secret has the password.

    \b
    Example:
      mysqlops users list mysql
    """
    from mysqlops.operations import users

    with run.reading() as session:
        found = users.accounts(session, run.name)
    if not run.is_for_people:
        output.data([account.as_json() for account in found], run.form)
        return
    heads = ("user", "host", "plugin", "tls", "logs in", "passwords", "secret")
    output.table(heads, [account.row() for account in found])
