"""mysqlops tls rotate"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output
from mysqlops.core import names


@click.command()
@options.changing("3m")
@click.option("--new-ca", is_flag=True, help="Also a new CA; the old one stays trusted until --drop-old-ca.")
@click.option("--drop-old-ca", is_flag=True, help="Trust the newest CA only; clients must have it by now.")
def command(name: str, new_ca: bool, drop_old_ca: bool, **given: Any) -> None:
    """Give the members of NAME a new certificate, without a restart: they load it, and open connections go on.

    \b
    Examples:
      mysqlops tls rotate mysql
      mysqlops tls rotate mysql --new-ca
    """
    from mysqlops.operations import tls

    if new_ca and drop_old_ca:
        raise click.UsageError("--new-ca and --drop-old-ca: the new CA must reach all clients in between")
    form = given.pop("output")
    stage = "ca" if new_ca else "drop" if drop_old_ca else "certificate"
    with context.changing(name, "tls rotate", given) as session:
        fingerprint = tls.rotate(session, name, stage)
    text = f"every member of {name} shows certificate {fingerprint}"
    if new_ca:
        text += (
            f"; give clients ca.crt of Secret {names.tls_secret(name)}, then: mysqlops tls rotate {name} --drop-old-ca"
        )
    output.result({"certificate": fingerprint}, form, text)
