"""mysqlops upgrade"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mysqlops.cli import described, options, output, rehearsed
from mysqlops.cli.context import Run
from mysqlops.core.spec import ANY_NAMESPACE

if TYPE_CHECKING:
    from mysqlops.operations.rollout import Limits
    from mysqlops.operations.session import Session


@click.command()
@options.cluster("60m")
@click.option("--image", help="New image of MySQL.")
@click.option("--agent-image", help="New image of Python for the agents.")
@click.option("--memory", help="Memory of each mysqld: request and limit.")
@click.option("--cpu", help="CPU request of each mysqld.")
@described.access
@options.member_timeout("A new pod")
@click.option(
    "--checker-secret",
    metavar="SECRET",
    help="Run MySQL Shell's upgrade checker of the image with the account in this Secret: username, password.",
)
@rehearsed.options_of
@options.dry_run("Try the images, show the steps; change nothing.")
@click.option("--status", "way", flag_value="status", help="Show an open rollout.")
@click.option("--resume", "way", flag_value="resume", help="Continue an open rollout.")
@click.option("--rollback", "way", flag_value="rollback", help="Roll an open rollout back.")
@click.option("--forward", "way", flag_value="forward", help="Roll an open rollout forward again after a rollback.")
def upgrade(
    run: Run,
    *,
    image: str | None,
    agent_image: str | None,
    memory: str | None,
    cpu: str | None,
    access: described.Access,
    member_timeout: float,
    checker_secret: str | None,
    asked: rehearsed.Asked,
    dry_run: bool,
    way: str | None,
) -> None:
    """Change what the members of NAME run, one pod at a time: replicas, a switchover, the old primary.

    Without options, it updates agents and manifests to those of this mysqlops. The images are tried first, and the
    upgrade path between the versions is checked. If a new pod fails, the rollout stops and every change is rolled back.
    The command leads the rollout, so it always waits.

    With --rehearse, the cluster stays as it is: the newest backup is started with the new image in a pod of its own,
    upgraded, and compared with what was recorded. If the command is killed, run it again: it waits for the same Job.

    \b
    Examples:
      mysqlops upgrade mysql --image mysql:9.7.5 --rehearse
      mysqlops upgrade mysql --image mysql:9.7.5 --dry-run
      mysqlops upgrade mysql --memory 4Gi
      mysqlops upgrade mysql --rollback
    """
    from mysqlops.operations import observe, rollout
    from mysqlops.operations import upgrade as operations

    name, limits = run.name, rollout.Limits(member_timeout)
    changes = {"image": image, "agent_image": agent_image, "memory": memory, "cpu": cpu, **asdict(access)}
    asked.check(image, way, checker_secret)
    if way and any(value is not None for value in changes.values()):
        raise click.UsageError(f"--{way} concerns the open rollout: omit the changes")
    if way == "status":
        with run.reading() as session:
            _show_open(session, run)
        return
    if way:
        _go_on(run, way, limits, dry_run=dry_run)
        return
    if asked.rehearses:
        rehearsed.rehearse(run, asked, changes, dry_run=dry_run)
        return
    with run.changing(dry_run=dry_run) as session:
        running = observe.must_run(session.client, name)
        wanted = operations.wanted_spec(running, changes)
        change = operations.plan(session, name, running, wanted, checker_secret=checker_secret)
        if ANY_NAMESPACE in running.spec.client_namespaces and changes["client_namespaces"] is None:
            text = f"labelled pods of any namespace may connect to {name}"
            session.progress.warn(f"{text}; --client-namespaces NAME,… (or '') narrows that")
        if dry_run:
            output.show_steps(change.steps, run.form)
            return
        replaced = operations.execute(session, name, change, limits)
    text = f"{name} runs with {change.why}: replaced {', '.join(replaced)}"
    if not replaced:
        text = f"{name} is as requested: no pod was replaced"
    output.result({"changed": change.why, "replaced": replaced}, run.form, text)


def _show_open(session: Session, run: Run) -> None:
    from mysqlops.operations import upgrade

    record = upgrade.must_be_open(session, run.name)
    found = {"why": record.why, "since": record.since, "failure": record.failure}
    sentence = f"{record.why}, since {record.since}" + (f"; rolling back: {record.failure}" if record.failure else "")
    output.result(found, run.form, sentence)


def _go_on(run: Run, way: str, limits: Limits, *, dry_run: bool) -> None:
    from mysqlops.operations import upgrade

    act, what, done = {
        "resume": (upgrade.resume, "continue the open rollout", "rolled out"),
        "rollback": (upgrade.roll_back, "roll the open rollout back", "rolled back"),
        "forward": (upgrade.go_forward, "let the open rollout go forward again", "rolled out"),
    }[way]
    replaced = run.do(lambda session: act(session, run.name, limits), what, dry_run=dry_run)
    output.result({"replaced": replaced}, run.form, f"{done}: replaced {', '.join(replaced) or 'no pod'}")
