"""mysqlops runbook"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from mysqlops.cli import complete, context, options, output
from mysqlops.cli.context import Run


@click.command()
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete.runbooks)
@click.argument("arguments", nargs=-1)
@options.namespaced(None)
@click.option("--run", "runs", is_flag=True, help="Run the script with ARGUMENTS instead of printing it.")
def runbook(run: Run, name: str | None, arguments: tuple[str, ...], *, runs: bool) -> int:
    """List the runbooks, or print one: a POSIX shell script of mysqlops commands for a situation.

    A script works where MYSQLOPS_NAMESPACE, MYSQLOPS_CONTEXT and MYSQLOPS_KUBECONFIG point; with --run, the options
    --namespace, --context and --kubeconfig set them. The exit status of --run is the script's. `mysqlops explain NAME`
    prints the page on the situation.

    \b
    Examples:
      mysqlops runbook primary-lost > primary-lost.sh
      mysqlops runbook --run primary-lost mysql
    """
    from mysqlops.operations import carried

    if name is None:
        _list(run)
        return 0
    if arguments and not runs:
        raise click.UsageError("ARGUMENTS are for --run")
    script = carried.runbook(name)
    if runs:
        return _execute(name, script, arguments, run.access)
    if run.is_for_people:
        output.document(script, nl=False)
    else:
        output.data({"name": name, "script": script}, run.form)
    return 0


def _list(run: Run) -> None:
    from mysqlops.operations import carried

    found = carried.runbooks()
    if not run.is_for_people:
        output.data([{"name": name, "about": about} for name, about in found.items()], run.form, kind="RunbookList")
        return
    width = max(map(len, found))
    for name, about in found.items():
        output.say(f"{name:{width}}  {about}")


def _execute(name: str, script: str, arguments: tuple[str, ...], access: context.Access) -> int:
    """Run the script and return its exit status. PATH starts with this mysqlops, since the script calls `mysqlops`. Its
    stdin stays free for questions on a terminal."""
    if access.user:
        raise click.UsageError("--as: the script's commands would not act as that user; give it in the kubeconfig")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    where = {
        "MYSQLOPS_NAMESPACE": access.namespace,
        "MYSQLOPS_CONTEXT": access.context,
        "MYSQLOPS_KUBECONFIG": access.kubeconfig,
    }
    given = {key: value for key, value in where.items() if value}
    words = ["sh", "-c", script, f"{name}.sh", *arguments]
    return subprocess.run(words, env=os.environ | {"PATH": path} | given, check=False).returncode
