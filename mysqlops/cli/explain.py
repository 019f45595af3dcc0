"""mysqlops explain"""

from __future__ import annotations

import click

from mysqlops.cli import output as out


@click.command()
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain the code of an error, a refusal or a condition, or an exit status; or print a page of the documentation.

    Without CODE, lists all of them.

    \b
    Examples:
      mysqlops explain only-copy
      mysqlops explain 3
      mysqlops explain versions
    """
    from mysqlops.operations import carried

    if code is not None:
        out.say(carried.explain(code), nl=False)
        return
    out.say("Codes and exit statuses:")
    for one in carried.codes():
        out.say(f"  {one}")
    out.say("Pages:")
    for page in carried.pages():
        out.say(f"  {page.path}")
