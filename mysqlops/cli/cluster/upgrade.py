"""mysqlops upgrade"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mysqlops.cli import context, options, output
from mysqlops.core.spec import ANY_NAMESPACE, SURROUNDINGS

if TYPE_CHECKING:
    from mysqlops.operations.session import Session

_CHANGES = ("image", "agent_image", "memory", "cpu", *sorted(SURROUNDINGS))


@click.command()
@options.changing("60m")
@click.option("--image", help="Another image of MySQL.")
@click.option("--agent-image", help="Another image of Python for the agents.")
@click.option("--memory", help="Of each mysqld; request and limit.")
@click.option("--cpu", help="Request of each mysqld.")
@options.access
@click.option(
    "--member-timeout",
    type=options.Duration(),
    default="10m",
    show_default=True,
    help="A new pod that is not back in the group by then has failed.",
)
@click.option("--dry-run", is_flag=True, help="Try the images, show the steps; change nothing.")
@click.option("--status", "way", flag_value="status", help="Show an open rollout.")
@click.option("--resume", "way", flag_value="resume", help="Go on with an open rollout.")
@click.option("--rollback", "way", flag_value="rollback", help="Take an open rollout back.")
def command(name: str, **given: Any) -> None:
    """Change what the members of NAME run with, one pod at a time: replicas, a switchover, the old primary.

    Without options it brings the agents and the manifests to those of this mysqlops. The images are tried first, and
    the way from version to version is checked. A new pod that fails stops the rollout, and all is put back as it was.

    \b
    Examples:
      mysqlops upgrade mysql --image mysql:9.7.5 --dry-run
      mysqlops upgrade mysql --memory 4Gi
      mysqlops upgrade mysql --rollback
    """
    from mysqlops.operations import observe, rollout, upgrade

    form, way, dry_run = given.pop("output"), given.pop("way"), given.pop("dry_run")
    changes = {key: given.pop(key) for key in _CHANGES}
    limits = rollout.Limits(given.pop("member_timeout"))
    if way and (dry_run or any(value is not None for value in changes.values())):
        raise click.UsageError(f"--{way} takes no change and no --dry-run: the rollout that is open is meant")
    if way == "status":
        with context.reading(name, given) as session:
            _show_open(session, name, form)
        return
    with context.changing(name, "upgrade", given) as session:
        if way:
            _go_on(session, name, way, limits, form)
            return
        running = observe.must_run(session.client, name)
        change = upgrade.plan(session, name, running, upgrade.wanted_spec(running, changes))
        if ANY_NAMESPACE in running.spec.client_namespaces and changes["client_namespaces"] is None:
            text = f"labelled pods of any namespace may connect to {name}"
            session.progress.warn(f"{text}; --client-namespaces NAME,… (or '') narrows that")
        if dry_run:
            output.show_steps(change.steps, form)
            return
        replaced = upgrade.execute(session, name, change, limits)
    text = f"{name} runs with {change.why}: replaced {', '.join(replaced)}"
    if not replaced:
        text = f"{name} has what was asked for: no pod was replaced"
    output.result({"changed": change.why, "replaced": replaced}, form, text)


def _show_open(session: Session, name: str, form: str) -> None:
    from mysqlops.operations import upgrade

    record = upgrade.must_be_open(session, name)
    found = {"why": record.why, "since": record.since, "failure": record.failure}
    sentence = f"{record.why}, since {record.since}" + (f"; going back: {record.failure}" if record.failure else "")
    output.result(found, form, sentence)


def _go_on(session: Session, name: str, way: str, limits: Any, form: str) -> None:
    from mysqlops.operations import upgrade

    act = upgrade.resume if way == "resume" else upgrade.roll_back
    replaced = act(session, name, limits)
    done = "rolled out" if way == "resume" else "rolled back"
    output.result({"replaced": replaced}, form, f"{done}: replaced {', '.join(replaced) or 'no pod'}")
