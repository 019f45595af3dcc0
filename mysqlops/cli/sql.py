"""mysqlops sql"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from mysqlops import errors
from mysqlops.cli import complete, options, output, terminal
from mysqlops.cli.context import Run
from mysqlops.core import names

if TYPE_CHECKING:
    from mysqlops.mysql.client_output import Result
    from mysqlops.operations.sql import Request, Shell

F = TypeVar("F", bound=Callable[..., Any])
_PIECE = 64 << 10


def _request(function: F) -> F:
    """Where the statements run, and as whom; passed as `request`."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        from mysqlops.operations.sql import Request

        request = Request(**{key: given.pop(key) for key in ("member", "replica", "user", "database")})
        if request.member and request.replica:
            raise errors.ConfigError("--member and --replica exclude each other")
        return function(*words, request=request, **given)

    database = "Default database (default: app for the account app)."
    replica = "Use the replica that is least behind instead of the primary."
    user = "One of the cluster's own accounts."
    options.add(
        wrapper,
        [
            click.Option(
                ["--member"], default="", metavar="MEMBER", shell_complete=complete.members, help="Use this member."
            ),
            click.Option(["--replica"], is_flag=True, help=replica),
            click.Option(["--user"], default=names.USER_APP, show_default=True, metavar="ACCOUNT", help=user),
            click.Option(["--database", "-D"], metavar="NAME", help=database),
        ],
    )
    return cast("F", wrapper)


@click.command()
@click.argument("name", required=False, shell_complete=complete.clusters)
@options.namespaced("1m")
@_request
@click.option(
    "--execute", "-e", "statement", metavar="STATEMENT", help="Run these statements, print their results and exit."
)
def sql(run: Run, *, name: str | None, statement: str | None, request: Request) -> None:
    """Open a MySQL shell of NAME (default: the only cluster) as the application's account.

    It runs the mysql client in the member's pod, through the API server. On a terminal it is interactive; otherwise it
    runs the statements that it reads, and ends at the first error. Password and statements are in no argument, no
    environment and no log. The login must be allowed to read the account's Secret: NAME-app, or NAME-root for root.

    \b
    Examples:
      mysqlops sql mysql
      mysqlops sql mysql -e 'SHOW TABLES' -o json
      mysqlops sql mysql --replica < report.sql
    """
    from mysqlops.operations import clusters
    from mysqlops.operations import sql as operations

    with run.reading() as session:
        shell = operations.prepare(session, run.of(name).name if name else clusters.only(session), request)
    if statement is not None:
        _show(run, shell, shell.ask([statement.encode()]))
    elif not run.is_for_people:
        _show(run, shell, shell.ask(_piped()))
    elif terminal.is_there():
        _interact(shell)
    else:
        _relay(shell)


def _interact(shell: Shell) -> None:
    from mysqlops.operations import sql as operations

    with shell.terminal(terminal.kind()) as running:
        terminal.tell_size(running)
        code = terminal.lend(running, operations.introduce(running, shell.option_file))
    operations.check(code, "")


def _relay(shell: Shell) -> None:
    """Results as the client prints them for programs; what it says of an error becomes ours."""
    from mysqlops.kube import attach
    from mysqlops.operations import sql as operations

    said = bytearray()
    printed = output.Relay()

    def hear(channel: int, data: bytes) -> None:
        if channel == attach.STDOUT:
            printed.write(data)
        else:
            said.extend(data)

    operations.check(shell.batch(_piped(), hear), said.decode(errors="replace"))


def _piped() -> Iterator[bytes]:
    """Past Python's buffers, as a thread of its own reads it (see terminal.py)."""
    while part := os.read(sys.stdin.fileno(), _PIECE):
        yield part


def _show(run: Run, shell: Shell, found: list[Result]) -> None:
    if not run.is_for_people:
        output.data({"member": shell.pod, "results": [result.as_json() for result in found]}, run.form)
        return
    for result in found:
        rows = [["NULL" if value is None else value for value in row] for row in result.rows]
        output.table(result.columns, rows, are_names=True)
