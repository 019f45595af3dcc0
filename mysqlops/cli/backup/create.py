"""mysqlops backup create"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output
from mysqlops.cli.backup import show


@click.command()
@options.changing("6h")
@options.target
@click.option(
    "--member", metavar="POD", default="", help="Copy this one (default: the replica with the least to apply)."
)
@click.option("--all-members", is_flag=True, help="Copy each member's own volume, one after another.")
@click.option("--rate", "rate_mib", type=click.IntRange(min=0), default=0, metavar="MIB", help="At most so many MiB/s.")
@click.option("--no-check", is_flag=True, help="Store the copy without reading every table of it first.")
@options.keep
def command(
    name: str, target: str | None, member: str, all_members: bool, rate_mib: int, no_check: bool, **given: Any
) -> None:
    """Back the cluster NAME up: copy a replica, read the copy whole, store it.

    A Job in the namespace does it with a scratch volume as large as a member's; the members are only read. Killed, the
    command leaves the Job running, and the next run waits for it. With --keep-… older backups are pruned afterwards.

    \b
    Examples:
      mysqlops backup create mysql
      mysqlops backup create mysql --all-members
      mysqlops backup create mysql --target offsite --rate 50 --keep-daily 7 --keep-weekly 4
    """
    from mysqlops import errors
    from mysqlops.core import backup, retention
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    if member and all_members:
        raise errors.ConfigError(f"--member {member} and --all-members: one of them only")
    form = given.pop("output")
    policy = retention.Policy(**{key: given.pop(f"keep_{key}") for key in retention.PERIODS})
    with context.reading(name, given) as session:
        chosen = targets.find(session.client, target)
        check = backup.NONE if no_check else backup.CHECKSUM
        wish = operations.Wish(chosen, member, check, rate_mib, policy)
        if all_members:
            every = operations.create_of_all(session, name, wish)
            output.result([show.as_json(one) for one in every], form, "\n".join(map(show.sentence, every)))
            return
        made = operations.create(session, name, wish)
    output.result(show.as_json(made), form, show.sentence(made))
