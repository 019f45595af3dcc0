"""mysqlops status"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import duration

if TYPE_CHECKING:
    from mysqlops.planning.at_risk import Proof, Word
    from mysqlops.planning.status import Observed, Status


@click.command()
@options.cluster("1m", forms=("table", "wide", "json", "yaml"))
@click.option("--watch", "-w", is_flag=True, help="Repeat every two seconds.")
@click.option(
    "--at-risk", is_flag=True, help="Show what would be lost if a member, a node or the whole cluster went now."
)
def status(run: Run, *, watch: bool, at_risk: bool) -> int:
    """Show the members of NAME, the targets of its Services, and its problems.

    Exit status: 0 healthy, 8 degraded (it accepts writes), 9 down (it does not).

    \b
    Examples:
      mysqlops status mysql
      mysqlops status mysql -o json
      mysqlops status mysql --at-risk
    """
    from mysqlops.clock import SystemClock
    from mysqlops.operations import observe
    from mysqlops.planning import status as planning
    from mysqlops.planning import verdict

    client, clock = run.client(), SystemClock()
    while True:
        seen = observe.cluster(client, run.name, clock, with_needed=True)
        now = verdict.judge(seen)
        if watch and run.is_for_people:
            click.clear()
        if at_risk:
            _show_risk(run, replace(seen, targets=observe.targets(client)), now)
        elif run.is_for_people:
            output.show_status(now, wide=run.form == "wide")
        else:
            output.data(now.as_json(), run.form)
        if not watch:
            codes = {planning.HEALTHY: 0, planning.DEGRADED: errors.EXIT_DEGRADED, planning.DOWN: errors.EXIT_DOWN}
            return codes[now.verdict]
        clock.sleep(2)


def _show_risk(run: Run, seen: Observed, now: Status) -> None:
    from mysqlops.planning import at_risk

    found = at_risk.judge(seen, now)
    if not run.is_for_people:
        output.data(found.as_json(), run.form, kind="AtRisk")
        return
    output.say(f"{found.name}: {now.verdict}. What would be lost now, of what the members reported:")
    output.table(("if it goes", "which", "lost"), [(loss.what, loss.who, loss.lost()) for loss in found.losses])
    output.say()
    output.table(("member", "state", "missing", "reported"), [_word(word) for word in found.words])
    output.say()
    few = "unknown, too few members report" if found.below_majority is None else str(found.below_majority)
    output.say(f"transactions that no majority was seen to hold: {few}")
    for loss in found.losses:
        output.say(f"{loss.what}: {loss.why}")
    for what in found.targets:
        output.say(f"targets: {what}")
    if found.gap:
        output.say(f"missing in the stored binary logs: {found.gap}")
    output.say(f"last scheduled backup: {_proof(found.backup)}")
    output.say(f"last proven restore: {_proof(found.verified)}")


def _word(one: Word) -> tuple[str, ...]:
    age = "never" if one.age is None else f"{one.age:.0f} s ago" if one.age >= 0 else "in the future: a clock is wrong"
    return one.member, one.state, "?" if one.missing is None else str(one.missing), age


def _proof(one: Proof | None) -> str:
    if one is None:
        return "none that a schedule made; `mysqlops backup list` also shows those made by hand"
    took = "" if one.took is None else f"; it took at most {duration.text_of(one.took)}, counted from when it was due"
    return f"{one.at}{took}"
