"""mysqlops tls rotate"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run
from mysqlops.core import names


@click.command()
@options.cluster("3m")
@options.confirmed("with --drop-old-ca the old CA is no longer trusted")
@options.dry_run()
@click.option("--new-ca", is_flag=True, help="Trust a new CA as well; the old one signs until --drop-old-ca.")
@click.option("--drop-old-ca", is_flag=True, help="Sign by the newest CA, which clients must have by now.")
def rotate(run: Run, *, new_ca: bool, drop_old_ca: bool, dry_run: bool) -> None:
    """Give the members of NAME a new certificate without a restart; open connections continue.

    With --new-ca the certificate stays, so that clients can get the new CA; with --drop-old-ca the new CA signs, and
    then no other is trusted. It always waits until every member has loaded the change: the next one would cut off one
    that has not.

    \b
    Examples:
      mysqlops tls rotate mysql
      mysqlops tls rotate mysql --new-ca
    """
    from mysqlops.operations import tls

    if new_ca and drop_old_ca:
        raise click.UsageError("--new-ca and --drop-old-ca exclude each other: in between, all clients need the new CA")
    stage = "ca" if new_ca else "drop" if drop_old_ca else "certificate"
    what = "drop the old CA" if drop_old_ca else "create a new CA" if new_ca else "create a new certificate"
    drops = f"drops the old CA of {run.name}: clients that trust no other cannot connect"
    fingerprint = run.do(
        lambda session: tls.rotate(session, run.name, stage),
        f"{what} for {run.name}",
        dry_run=dry_run,
        question=Question(drops) if drop_old_ca else None,
    )
    text = f"every member of {run.name} presents certificate {fingerprint}"
    if new_ca:
        then = f"mysqlops tls rotate {run.name} --drop-old-ca"
        text = f"every member of {run.name} trusts a new CA as well"
        text += f"; give clients ca.crt of Secret {names.tls_secret(run.name)}, then: {then}"
    output.result({"certificate": fingerprint}, run.form, text)
