"""mysqlops drill all"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mysqlops import errors
from mysqlops.cli import output
from mysqlops.cli.context import Run
from mysqlops.cli.drill import fault as one_fault
from mysqlops.cli.drill import options, show
from mysqlops.core import names

if TYPE_CHECKING:
    from mysqlops.drill.run import Outcome, Request
    from mysqlops.operations.session import Session


@click.command()
@options.drilling(1)
def all(run: Run, *, name: str | None, request: Request, dry_run: bool) -> int:
    """Drill every fault that is possible here, one after another, and name those left out.

    Without NAME, the namespace must have exactly one cluster.

    \b
    Examples:
      mysqlops drill all mysql --dry-run
      mysqlops drill all mysql --count 3 --confirm mysql
    """
    from mysqlops.drill import faults
    from mysqlops.drill import run as drilling
    from mysqlops.operations import lock

    with run.reading() as session:
        cluster = names.check_cluster_name(drilling.the_cluster(session, name))
        possible, skipped = drilling.possible(session, cluster, request)
        plans = [drilling.plan(session, cluster, faults.find(fault), request) for fault in possible[:1]]
    for one, why in skipped.items():
        output.say(f"left out: {one}: {why}", err=True)
    if dry_run:
        text = f"would drill {', '.join(possible)}; nothing was changed"
        output.result({"faults": possible, "skipped": skipped, "changed": False}, run.form, text)
        return 0
    run.of(cluster).confirm(f"breaks {cluster} once for each fault")
    request = replace(request, seed=plans[0].seed if plans else request.seed)
    done: list[Outcome] = []
    with output.progress() as progress:
        session = replace(session, progress=progress)
        with lock.held(session, cluster, "drill all"):
            for fault in possible:
                made = _one(session, cluster, fault, request)
                if isinstance(made, str):
                    skipped[fault] = made
                    progress.warn(f"left out: {fault}: {made}")
                    continue
                done.append(made)
                if made.failure is not None:
                    break
    return _finish(done, skipped, run.form)


def _one(session: Session, cluster: str, name: str, request: Request) -> Outcome | str:
    """Drill one fault. If it is refused now, such as for a backup that is too old, the next ones may still run."""
    from mysqlops.drill import faults
    from mysqlops.drill import run as drilling

    try:
        made = drilling.execute(drilling.plan(session, cluster, faults.find(name), request))
    except errors.Refused as error:
        return str(error)
    return str(made.failure) if isinstance(made.failure, errors.Refused) and not made.report.rounds else made


def _finish(done: list[Outcome], skipped: dict[str, str], form: str) -> int:
    heads = ["fault", "n", "gap median", "worst", "all back", "acknowledged", "wrong", "slo", "report"]
    show.rows(heads, [_row(outcome) for outcome in done], _facts(done, skipped), form)
    found = {one_fault.status_of(outcome) for outcome in done}
    failure = next((outcome.failure for outcome in done if outcome.failure is not None), None)
    if failure is not None and errors.EXIT_NOT_CLEAN not in found:
        raise failure
    return next((status for status in (errors.EXIT_NOT_CLEAN, errors.EXIT_SLO_MISSED) if status in found), 0)


def _row(one: Outcome) -> list[str]:
    from mysqlops.drill.report import statistic

    made = one.report
    gap, back = made.summary.get("gap"), made.summary.get("redundancy")
    return [
        made.fault,
        str(len(made.rounds)),
        f"{gap['median']:.2f}" if gap else "-",
        f"{gap['max']:.2f}" if gap else "-",
        f"{back['median']:.1f}" if back else "-",
        str(made.totals.get("acknowledged", 0)),
        str(sum(made.totals.get(kind, 0) for kind in statistic.MUST_BE_ZERO)),
        "missed" if made.missed else "met",
        str(one.folder),
    ]


def _facts(done: list[Outcome], skipped: dict[str, str]) -> dict[str, Any]:
    drills = [
        {
            "fault": outcome.report.fault,
            "summary": outcome.report.summary,
            "totals": outcome.report.totals,
            "missed": outcome.report.missed,
            "is_clean": outcome.report.is_clean,
            "stopped": outcome.report.stopped,
            "folder": str(outcome.folder),
        }
        for outcome in done
    ]
    return {"drills": drills, "skipped": skipped}
