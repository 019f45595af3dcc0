"""mysqlops wait"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import adoption


@click.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST[:PORT]...")
@click.option("--user", help="Also log in as this account and wait until the server accepts writes.")
@click.option("--password-file", type=click.Path(), default="/dev/null", help="File with the password of that account.")
@click.option(
    "--ca-file", type=click.Path(), default="", help="File with the CA that verifies the server's certificate and name."
)
@click.option(
    "--ssl-mode",
    type=click.Choice(adoption.SSL_MODES),
    help="What the server must prove before it gets the password. Default with --ca-file: verify-identity.",
)
@options.offline(default_timeout="10m")
def wait(
    run: Run, hosts: tuple[str, ...], *, user: str | None, password_file: str, ca_file: str, ssl_mode: str | None
) -> None:
    """Wait until one of the databases answers: its name resolves, and its port greets as MySQL.

    The ConfigMap NAME-agent holds the same program, for init containers on a stock Python image: see
    manifests/examples/app.yaml.

    \b
    Example:
      mysqlops wait mysql-primary:3306 --timeout 2m
    """
    from mysqlops.clock import SystemClock
    from mysqlops.mysql import connect
    from mysqlops.operations import wait as operations

    login = connect.read_login(user, password_file, ca_file, ssl_mode or "") if user else None
    found = operations.for_database(
        list(hosts), login, clock=SystemClock(), timeout_seconds=run.timeout_seconds, tell=_say
    )
    output.result({"ready": str(found)}, run.form, f"{found} is ready")


def _say(message: str) -> None:
    output.say(message, err=True)
