"""mysqlops diff"""

from __future__ import annotations

import click

from mysqlops import errors
from mysqlops.cli import filed, options, output
from mysqlops.cli.context import Run


@click.command()
@options.namespaced("1m")
@filed.option
def diff(run: Run, *, file: str) -> int:
    """Show where clusters are not what a file says, and what an interrupted command left open.

    Exit status: 0 the same, 1 different.

    \b
    Example:
      mysqlops diff -f cluster.yaml
    """
    documents = filed.read(file)
    with run.reading() as session:
        found = filed.opened(run, session, documents).differences()
    if run.is_for_people:
        for document, one in found:
            output.say(f"{document.kind} {document.name}: {one}")
        if not found:
            output.say("no difference")
    else:
        facts = [
            {
                "document": document.kind,
                "name": document.name,
                "field": one.path,
                "running": one.running,
                "file": one.wanted,
            }
            for document, one in found
        ]
        output.data({"same": not found, "differences": facts}, run.form)
    return errors.EXIT_DIFFERENT if found else 0
