"""mysqlops explain"""

from __future__ import annotations

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run


@click.command()
@click.argument("code", required=False, shell_complete=complete.explained)
@options.offline()
def explain(run: Run, code: str | None) -> None:
    """Explain the code of an error, refusal, condition, alert or Event, or an exit status; or print a page.

    Without CODE, list all of them, with a line on each.

    \b
    Examples:
      mysqlops explain only-copy
      mysqlops explain 3
      mysqlops explain versions
    """
    from mysqlops.operations import carried

    if code is not None:
        text = carried.explain(code)
        if run.is_for_people:
            output.document(text, nl=False)
        else:
            output.data({"code": code, "text": text}, run.form)
        return
    if not run.is_for_people:
        output.data({"codes": carried.codes(), "pages": [page.path for page in carried.pages()]}, run.form)
        return
    for title, entries in carried.contents().items():
        output.say(title)
        width = max(map(len, entries))
        for name, about in entries.items():
            output.say(f"  {name:{width}}  {about}")
