"""mysqlops adopt"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output

if TYPE_CHECKING:
    from mysqlops.operations.adopt import Result


@click.command()
@options.changing("12h")
@click.option("--from", "source", required=True, metavar="HOST[:PORT]", help="As pods of the namespace reach it.")
@click.option("--user", default="root", show_default=True, help="An account that may read everything there.")
@click.option("--password-secret", required=True, metavar="SECRET[:KEY]", help="Its password (default key: password).")
@click.option(
    "--database", "databases", multiple=True, metavar="DB", help="Only these (default: all); may be repeated."
)
@click.option("--finish", is_flag=True, help="The last copy: the source takes no writes from here on.")
@click.option("--abort", is_flag=True, help="Stop, and let the source take writes again.")
def command(name: str, source: str, password_secret: str, **given: Any) -> None:
    """Take another MySQL server's databases and accounts over into the cluster NAME, and compare every row.

    Without --finish it is a rehearsal: the source is only read, and the time is measured that the last copy will take.
    With --finish the source is made read-only first; it is left so, untouched otherwise, until you remove it.
    Databases of the cluster that no earlier rehearsal made are never replaced.

    \b
    Examples:
      mysqlops adopt mysql --from old-mysql --password-secret old-mysql:MYSQL_ROOT_PASSWORD
      mysqlops adopt mysql --from old-mysql --password-secret old-mysql:MYSQL_ROOT_PASSWORD --finish
    """
    from mysqlops.operations import adopt
    from mysqlops.planning.adopt import Request, Source

    form, user, databases = given.pop("output"), given.pop("user"), given.pop("databases")
    finish, abort = given.pop("finish"), given.pop("abort")
    if finish and abort:
        raise click.UsageError("--finish and --abort exclude each other")
    host, port = _address(source)
    secret, _, key = password_secret.partition(":")
    chosen = Source(host, port, user, secret, key or "password")
    with context.changing(name, "adopt", given) as session:
        adopt.check(session, name, chosen)
        if abort:
            adopt.abort(session, name, chosen)
            output.result({"from": source}, form, f"{source} takes writes again; what was copied stays in {name}")
            return
        done = adopt.copy(session, name, Request(chosen, databases, finish=finish))
    _show(name, source, done, form, finish=finish)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, 3306
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
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
        "accounts_not_copied": report.accounts,
        "seconds": round(done.seconds, 1),
        "finished": finish,
    }
    lines = [f"{report.rows} rows in {report.tables} tables of {', '.join(report.databases)}: {done.seconds:.0f} s"]
    lines += [f"  differs, as the source takes writes meanwhile: {one}" for one in report.different]
    lines += [f"  account not copied: {one}" for one in report.accounts]
    if finish:
        lines.append(f"{source} is read-only and equal to {name}, row by row: point the clients to {name}-primary")
    else:
        lines.append(f"a rehearsal: {source} is untouched; with --finish it takes no writes for about that long")
    output.result(facts, form, "\n".join(lines))
