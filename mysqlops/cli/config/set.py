"""mysqlops config set"""

from __future__ import annotations

import sys

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import my_cnf, setting_secrets

_LONGEST = 4000  # characters of a line that mysqld reads


@click.command()
@options.cluster("60m")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--unset", multiple=True, metavar="KEY", help="Return to the default of mysqlops or the server; may be repeated."
)
@click.option("--revert", is_flag=True, help="Return to the settings from before the last change.")
@click.option(
    "--settle", is_flag=True, help="Clean up after a killed command: set every member to the values in my.cnf."
)
@options.member_timeout("A restarted member")
@options.dry_run("Let the server check the change, show the steps; change nothing.")
def set(
    run: Run,
    changes: tuple[str, ...],
    *,
    unset: tuple[str, ...],
    revert: bool,
    settle: bool,
    member_timeout: float,
    dry_run: bool,
) -> None:
    """Change settings of NAME's servers. The change outlives restarts.

    VALUE is written as in my.cnf; `-` reads it from stdin, as a secret must be. The server checks the whole file first.
    A dynamic setting is set at once on every member; any other, and a secret, takes a rollout, replicas first. A
    client's write proves the change, and settings that stop writes are set back at once. Settings that could lose
    writes or break the group are refused. If an earlier command was killed halfway, its live values are set back first.
    The command proves the change, so it always waits.

    \b
    Examples:
      mysqlops config set mysql max_connections=200 long_query_time=0.5
      mysqlops config set mysql \\
          authentication_ldap_simple_bind_root_pwd=- < bind-password
      mysqlops config set mysql --unset long_query_time
      mysqlops config set mysql --revert
      mysqlops config set mysql --settle
    """
    from mysqlops.operations import configure, observe, rollout, unproven

    name, limits = run.name, rollout.Limits(member_timeout)
    given = _parsed(changes)
    setting_secrets.must_not_be_arguments(
        {key: one for key, one in given.items() if one != "-"}, f"mysqlops config set {name}"
    )
    wanted: dict[str, str | None] = {**_from_stdin(given), **dict.fromkeys(unset)}
    if sum((bool(wanted), revert, settle)) != 1:
        raise click.UsageError("give KEY=VALUE or --unset KEY, or only --revert, or only --settle")
    if settle:
        _settle(run, dry_run=dry_run)
        return
    with run.changing(dry_run=dry_run) as session:
        if not dry_run:
            unproven.settle(session, name)
        running = observe.must_run(session.client, name)
        spec = configure.reverted(running) if revert else configure.with_settings(running, wanted)
        change = configure.plan(session, name, running, spec, again=wanted)
        if dry_run:
            output.show_steps(change.steps(), run.form)
            return
        replaced = configure.execute(session, name, change, limits)
    how = f"replaced {', '.join(replaced)}" if replaced else "at once on every member, and in my.cnf"
    text = (
        f"{', '.join(change.values)}: {how}" if change.values else f"{name} has these settings already: nothing changed"
    )
    values = {key: setting_secrets.shown(key, value) for key, value in change.values.items()}
    output.result({"values": values, "replaced": replaced}, run.form, text)


def _from_stdin(given: dict[str, str]) -> dict[str, str]:
    """The values, with what `-` stands for; raises ConfigError."""
    asked = [key for key, value in given.items() if value == "-"]
    if not asked:
        return given
    if len(asked) > 1:
        raise errors.ConfigError(f"{', '.join(asked)}: only one value can come from stdin")
    if sys.stdin.isatty():
        value = output.ask_secret(f"value of {asked[0]}")
    else:
        value = sys.stdin.readline(_LONGEST).rstrip("\r\n")
    if not value.strip():
        raise errors.ConfigError(f"{asked[0]}: stdin has no value")
    return {**given, asked[0]: my_cnf.quoted(value)}


def _settle(run: Run, *, dry_run: bool) -> None:
    from mysqlops.operations import unproven

    if dry_run:
        with run.reading() as session:
            keys = unproven.noted(session, run.name)
        text = f"would set {', '.join(keys)} to the values in my.cnf" if keys else "no change is unproven"
        output.result({"would": text, "changed": False}, run.form, f"{text}; nothing was changed")
        return
    with run.changing() as session:
        keys = unproven.settle(session, run.name)
    text = f"{', '.join(keys) or 'no change was unproven'}: every member of {run.name} has the values in my.cnf"
    output.result({"settled": [*keys]}, run.form, text)


def _parsed(changes: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, change in enumerate(changes, 1):
        key, equals, value = change.partition("=")
        if not equals or not key.strip() or not value.strip():
            # Anything else may be a value that got separated from its key, and a secret.
            what = repr(key) if equals and key.strip() else f"change {number}"
            raise errors.ConfigError(f"{what}: expected KEY=VALUE, such as max_connections=200")
        found[key.strip()] = value.strip()
    return found
