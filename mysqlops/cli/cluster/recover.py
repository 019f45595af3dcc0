"""mysqlops recover"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output


@click.command()
@options.changing("10m")
@click.option("--accept-loss", is_flag=True, help="Go on without the members that are missing or named.")
@click.option("--without", multiple=True, metavar="MEMBER", help="Give this member up too, for its data has diverged.")
@click.option("--confirm", metavar="NAME", help="The cluster's name: with --accept-loss transactions may be lost.")
@click.option("--withdraw", is_flag=True, help="Take back an order that no member has obeyed yet.")
def command(name: str, accept_loss: bool, without: tuple[str, ...], confirm: str | None, **given: Any) -> None:
    """After a full outage, form the group of NAME again without members that are lost or have diverged.

    Members form it by themselves once all of them are back and one of them holds everything. This is the only way past
    a missing or diverged one: what only it holds is lost to the cluster. The history goes on under another name, and
    the member comes back only by `member rebuild`. Without --accept-loss, only the risk is shown.

    \b
    Examples:
      mysqlops recover mysql
      mysqlops recover mysql --accept-loss --confirm mysql
      mysqlops recover mysql --without mysql-2 --accept-loss --confirm mysql
    """
    from mysqlops.operations import recover

    form, withdraw = given.pop("output"), given.pop("withdraw")
    with context.changing(name, "recover", given) as session:
        if withdraw:
            recover.withdraw(session, name)
            output.result({"withdrawn": True}, form, f"{name} has no order to go on without a member")
            return
        found, order = recover.plan(session, name, without)
        risks = found.risks
        if found.back:
            session.progress.warn(f"{', '.join(found.back)} would be taken back: nobody else is left")
        for risk in risks:
            session.progress.warn(
                f"{risk.member} would be given up ({risk.why}): {_risk(risk.only_there, risk.is_known)}"
            )
        if not accept_loss or confirm != name:
            text = f"{', '.join(risk.member for risk in risks)} would be given up, with what only they hold"
            words = "".join(f" --without {member}" for member in without)
            hint = f"bring them back, or: mysqlops recover {name}{words} --accept-loss --confirm {name}"
            raise errors.Refused([errors.Reason("loss-not-accepted", text, hint)])
        recover.execute(session, name, order)
    given_up = [asdict(risk) for risk in risks]
    left = ", ".join(risk.member for risk in risks)
    text = (
        f"{name} has a primary again, without {left}; mysqlops member rebuild {name} {risks[0].member} brings it back"
    )
    output.result({"given_up": given_up}, form, text)


def _risk(only_there: str | None, is_known: bool) -> str:
    if only_there is None:
        return "what only it holds is not known"
    if only_there:
        return f"only it holds {only_there}" + ("" if is_known else ", or more")
    return "nothing is only there" if is_known else "it does not answer; when it last did, nothing was only there"
