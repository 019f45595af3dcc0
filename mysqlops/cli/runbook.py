"""mysqlops runbook"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from mysqlops.cli import output as out


@click.command()
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1)
@click.option("--run", is_flag=True, help="Run the script with ARGUMENTS instead of printing it.")
def command(name: str | None, arguments: tuple[str, ...], run: bool) -> int:
    """List the runbooks, or print the script of one: mysqlops commands for a situation, in one POSIX shell script.

    MYSQLOPS_NAMESPACE and MYSQLOPS_CONTEXT choose where a script works. `mysqlops explain NAME` prints the page on the
    situation. With --run, the exit status is the script's.

    \b
    Examples:
      mysqlops runbook primary-lost > primary-lost.sh
      mysqlops runbook --run primary-lost mysql
    """
    from mysqlops.operations import carried

    if name is None:
        found = carried.runbooks()
        width = max(map(len, found))
        for one, about in found.items():
            out.say(f"{one:{width}}  {about}")
        return 0
    if arguments and not run:
        raise click.UsageError("ARGUMENTS are for --run")
    script = carried.runbook(name)
    if not run:
        out.say(script, nl=False)
        return 0
    # The script calls `mysqlops`: this one, wherever it is installed. Its stdin stays free for what asks on a terminal.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    words = ["sh", "-c", script, f"{name}.sh", *arguments]
    return subprocess.run(words, env=os.environ | {"PATH": path}, check=False).returncode
