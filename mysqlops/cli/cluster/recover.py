"""mysqlops recover"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output


@click.command()
@options.changing("10m")
@click.option("--accept-loss", is_flag=True, help="Do without the members that are missing.")
@click.option("--confirm", metavar="NAME", help="The cluster's name: with --accept-loss transactions may be lost.")
def command(name: str, accept_loss: bool, confirm: str | None, **given: Any) -> None:
    """After a full outage, form the group of NAME again although a member is missing for good.

    Members form it by themselves once all of them are there. This is the only way past a missing one: what only it
    holds is lost, and when it comes back it must be rebuilt. Without --accept-loss only that is shown.

    \b
    Examples:
      mysqlops recover mysql
      mysqlops recover mysql --accept-loss --confirm mysql
    """
    from mysqlops.operations import recover

    form = given.pop("output")
    with context.changing(name, "recover", given) as session:
        risks = recover.plan(session, name)
        for risk in risks:
            known = "what only it holds is not known" if risk.only_there is None else f"only it holds {risk.only_there}"
            session.progress.warn(
                f"{risk.member} is missing ({risk.why}): "
                + (known if risk.only_there != "" else "as far as is known, nothing is only there")
            )
        if not accept_loss or confirm != name:
            text = f"{', '.join(risk.member for risk in risks)} would be given up, with what only they hold"
            hint = f"bring them back, or: mysqlops recover {name} --accept-loss --confirm {name}"
            raise errors.Refused([errors.Reason("loss-not-accepted", text, hint)])
        recover.execute(session, name, risks)
    given_up = [asdict(risk) for risk in risks]
    output.result({"given_up": given_up}, form, f"{name} has a primary again, without {risks[0].member}")
