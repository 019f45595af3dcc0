"""mysqlops recover"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.planning import recovery


@click.command()
@options.cluster("10m")
@click.option("--accept-loss", is_flag=True, help="Form the group without the members that are missing or named.")
@click.option("--without", multiple=True, metavar="MEMBER", help="Also give up this member, whose data has diverged.")
@options.confirmed("with --accept-loss transactions may be lost", has_yes=False)
@options.dry_run("Show the risk; change nothing.")
@options.wait("Wait until the group has a primary, or return once the members have the order.")
@click.option("--withdraw", is_flag=True, help="Withdraw an order that no member has followed yet.")
def recover(
    run: Run, *, accept_loss: bool, without: tuple[str, ...], withdraw: bool, dry_run: bool, wait: bool
) -> None:
    """After a full outage, form the group of NAME without members that are lost or have diverged.

    Once all members are back and one of them holds everything, they form the group by themselves. If one is missing or
    has diverged, only this command forms it, and the cluster loses what only that member holds. The history continues
    under another name, and the member returns only by `member rebuild`. Without --accept-loss, only the risk is shown.

    \b
    Examples:
      mysqlops recover mysql
      mysqlops recover mysql --accept-loss --confirm mysql
      mysqlops recover mysql --without mysql-2 --accept-loss --confirm mysql
    """
    from mysqlops.operations import recover as operations

    name = run.name
    if withdraw:
        _withdraw(run, dry_run=dry_run)
        return
    with run.reading() as session:
        found, order = operations.plan(session, name, without)
        risks = found.risks
        if found.back:
            session.progress.warn(f"{', '.join(found.back)} would be kept after all: no other member is left")
        for risk in risks:
            session.progress.warn(
                f"{risk.member} would be given up ({risk.why}): {_risk(risk.only_there, risk.is_known)}"
            )
        if not accept_loss and not dry_run:
            text = f"{_listed(risks)} would be given up, with what only they hold"
            words = "".join(f" --without {member}" for member in without)
            hint = f"bring them back, or: mysqlops recover {name}{words} --accept-loss --confirm {name}"
            raise errors.Refused([errors.Reason("loss-not-accepted", text, hint)])
    given_up = [asdict(risk) for risk in risks]
    if dry_run:
        text = f"would give up {_listed(risks)}; nothing was changed"
        output.result({"would_give_up": given_up, "changed": False}, run.form, text)
        return
    run.confirm(f"gives up {_listed(risks)}, with what only they hold", loses=True)
    with run.changing() as session:
        again, order = operations.plan(session, name, without)
        if (again.risks, again.back) != (risks, found.back):
            text = "what would be given up is no longer what was shown"
            raise errors.Refused([errors.Reason("changed-meanwhile", text, "run the command again")])
        operations.execute(session, name, order, wait=wait)
    text = f"the members of {name} are ordered to form the group without {_listed(risks)}"
    output.result({"given_up": given_up, "waited": wait}, run.form, _formed(name, risks) if wait else text)


def _formed(name: str, risks: Sequence[recovery.Risk]) -> str:
    if not risks:
        return f"{name} has a primary again"
    back = f"mysqlops member rebuild {name} {risks[0].member} brings it back"
    return f"{name} has a primary again, without {_listed(risks)}; {back}"


def _listed(risks: Sequence[recovery.Risk]) -> str:
    return ", ".join(risk.member for risk in risks) or "nobody"


def _withdraw(run: Run, *, dry_run: bool) -> None:
    from mysqlops.operations import recover as operations

    run.do(lambda session: operations.withdraw(session, run.name), "withdraw the open order", dry_run=dry_run)
    output.result({"withdrawn": True}, run.form, f"{run.name} has no order to form a group without a member")


def _risk(only_there: str | None, is_known: bool) -> str:
    if only_there is None:
        return "what only it holds is not known"
    if only_there:
        return f"only it holds {only_there}" + ("" if is_known else ", or more")
    return (
        "it holds nothing that others miss"
        if is_known
        else "it does not answer; when it last did, others missed nothing"
    )
