"""mysqlops users rotate"""

from __future__ import annotations

from dataclasses import asdict

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run


@click.command()
@options.cluster("3m")
@options.confirmed("with --finish the old passwords are dropped")
@options.dry_run()
@click.option("--finish", is_flag=True, help="Drop the old passwords; applications must use the new ones by now.")
def rotate(run: Run, *, finish: bool, dry_run: bool) -> None:
    """Give the accounts of NAME new passwords; the old ones stay valid until --finish, so that no connection fails.

    It is refused unless all members are ONLINE: the Secret changes once each of them has the new passwords. If the
    command is killed, run it again: it continues. It always waits: a member without the new passwords would be locked
    out.

    \b
    Examples:
      mysqlops users rotate mysql
      mysqlops users rotate mysql --finish --yes
    """
    from mysqlops.operations import users

    act = users.finish if finish else users.rotate
    what = "drop the old passwords" if finish else "give the accounts new passwords, beside the old ones"
    locked_out = f"drops the old passwords of {run.name}: applications that still use them are locked out"
    done = run.do(
        lambda session: act(session, run.name),
        f"{what} of {run.name}",
        dry_run=dry_run,
        question=Question(locked_out) if finish else None,
    )
    if not finish:
        text = f"Secret {run.name}-app holds a new password; the old ones are valid too until --finish"
    elif done.waiting:
        text = (
            f"the old passwords are dropped except that of {', '.join(done.waiting)}, which running members still use: "
            f"run mysqlops restart {run.name}, then --finish again"
        )
    else:
        text = "the old passwords are dropped"
    output.result(asdict(done), run.form, text)
