"""mysqlops adopt"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run
from mysqlops.core import adoption, counting

if TYPE_CHECKING:
    from mysqlops.objects.adopt import Source
    from mysqlops.operations.adopt import Result
    from mysqlops.operations.session import Session

_ZONES = 5  # named in the text; all of them in JSON
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@click.command()
@options.cluster("12h")
@click.option(
    "--from",
    "source",
    required=True,
    metavar="HOST[:PORT]",
    help="Address of the source, as the namespace's pods reach it.",
)
@click.option("--user", default="root", show_default=True, help="Account of the source that may read everything.")
@click.option(
    "--password-secret", required=True, metavar="SECRET[:KEY]", help="Password of that account (default key: password)."
)
@click.option(
    "--ca", metavar="SECRET[:KEY]", help="Verify the source's certificate with this CA (default key: ca.crt)."
)
@click.option(
    "--ssl-mode",
    type=click.Choice(adoption.SSL_MODES),
    default=adoption.VERIFY_IDENTITY,
    show_default=True,
    help="How to verify the source: `required` encrypts without verifying, `disabled` does not even encrypt.",
)
@click.option(
    "--database", "databases", multiple=True, metavar="DB", help="Copy only this one (default: all); may be repeated."
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="USER[@HOST]",
    help="Also copy this administrative account; may be repeated.",
)
@options.confirmed("databases of earlier rehearsals are replaced; with --finish the source stops accepting writes")
@options.dry_run()
@click.option("--finish", is_flag=True, help="Make the last copy; the source stops accepting writes.")
@click.option("--abort", is_flag=True, help="Stop, and let the source accept writes again.")
def adopt(
    run: Run,
    *,
    source: str,
    user: str,
    password_secret: str,
    ca: str | None,
    ssl_mode: str,
    databases: tuple[str, ...],
    accounts: tuple[str, ...],
    finish: bool,
    abort: bool,
    dry_run: bool,
) -> None:
    """Copy the databases and accounts of another MySQL server into the cluster NAME, and compare every row.

    Without --finish this is a rehearsal: it only reads the source, only lists the accounts, and measures how long the
    last copy will take. With --finish the source becomes read-only first. It stays read-only, otherwise untouched,
    until you remove it. If anything fails, it accepts writes again. The cluster's accounts are never replaced, nor are
    databases that no rehearsal created.

    \b
    Examples:
      mysqlops adopt mysql --from old-mysql --ca old-ca \\
          --password-secret old-mysql:MYSQL_ROOT_PASSWORD --yes
      mysqlops adopt mysql --from old-mysql --ca old-ca \\
          --password-secret old-mysql:MYSQL_ROOT_PASSWORD --finish --yes
    """
    from mysqlops.objects.adopt import Request
    from mysqlops.operations import adopt as operations

    if finish and abort:
        raise click.UsageError("--finish and --abort exclude each other")
    name, chosen = run.name, _source(source, user, password_secret, ca, ssl_mode)
    request = Request(chosen, databases, finish=finish, accounts=accounts)

    def act(session: Session) -> Result | None:
        operations.check(session, name, chosen, must_be_whole=not abort)
        if not abort:
            return operations.copy(session, name, request)
        operations.abort(session, name, chosen)
        return None

    what = "let the source accept writes again" if abort else f"copy {source} into {name}"
    question = Question(_what(name, source, finish=finish, abort=abort))
    done = run.do(act, what, dry_run=dry_run, question=question)
    if done is None:
        text = f"{source} accepts writes again; the copy stays in {name} until another run replaces it"
        output.result({"from": source}, run.form, text)
        return
    _show(name, source, done, run.form, finish=finish)


def _what(name: str, source: str, *, finish: bool, abort: bool) -> str:
    if abort:
        return f"lets {source} accept writes again"
    replaces = f"replaces the databases that an earlier rehearsal copied into {name}"
    return f"makes {source} read-only: it accepts no writes from then on; it {replaces}" if finish else replaces


def _source(text: str, user: str, password_secret: str, ca: str | None, mode: str) -> Source:
    from mysqlops.objects.adopt import Key, Source

    host, port = _address(text)
    if not adoption.is_plain(user):
        raise errors.ConfigError(f"--user {user!r}: control characters cannot be handled")
    password = Key.parse(password_secret, "password")
    return Source(host, port, user, password, mode, Key.parse(ca, "ca.crt") if ca else None)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, "3306"
    if not _HOST.fullmatch(host) or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise errors.ConfigError(f"--from {text!r}: expected HOST or HOST:PORT, such as old-mysql:3306")
    return host, int(port)


def _show(name: str, source: str, done: Result, form: str, *, finish: bool) -> None:
    report = done.report
    facts = {
        "from": source,
        "databases": report.databases,
        "tables": report.tables,
        "rows": report.rows,
        "different": report.different,
        "accounts": report.accounts,
        "accounts_not_copied": report.accounts_refused,
        "time_zones_that_differ": report.zones,
        "seconds": round(done.seconds, 1),
        "finished": finish,
    }
    if done.confirmed is not None:
        facts |= {"confirmed_at": done.confirmed.at, "source_position": done.confirmed.position}
    rows, tables = counting.of(report.rows, "row"), counting.of(report.tables, "table")
    lines = [f"{rows} in {tables} of {', '.join(report.databases)}: {done.seconds:.0f} s"]
    lines += [f"  differs, because the source accepts writes meanwhile: {table}" for table in report.different]
    lines += [f"  account {'copied' if finish else 'that will be copied'}: {account}" for account in report.accounts]
    lines += [f"  account not copied: {account}" for account in report.accounts_refused]
    if report.zones:
        some = ", ".join(report.zones[:_ZONES]) + ", …" * (len(report.zones) > _ZONES)
        lines.append(
            f"  {len(report.zones)} named time zones are unknown in {name}, or tell another time there: {some}"
        )
    if finish:
        lines.append(f"{source} is read-only and every row equals {name}'s: point the clients to {name}-primary")
    else:
        lines.append(f"a rehearsal: {source} is untouched; with --finish nobody can write for about that long")
    output.result(facts, form, *lines)
