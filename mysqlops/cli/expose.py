"""mysqlops expose"""

from __future__ import annotations

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import exposure, names


@click.command()
@options.cluster("10m")
@click.argument("service")
@click.option(
    "--type",
    "kind",
    type=click.Choice(exposure.TYPES),
    default="LoadBalancer",
    show_default=True,
    help="Type of the Service.",
)
@click.option(
    "--role",
    type=click.Choice([names.ROLE_PRIMARY, names.ROLE_REPLICA]),
    default=names.ROLE_PRIMARY,
    show_default=True,
    help="Members that it leads to.",
)
@click.option("--source-ranges", default="", metavar="CIDR,…", help="Who may connect; everybody: 0.0.0.0/0,::/0.")
@click.option("--hostname", default="", help="A name for the certificate, by which clients know this Service.")
@click.option("--traffic", type=click.Choice(["Local", "Cluster"]), help="Policy for traffic from outside.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=names.PORT_MYSQL, show_default=True, help="Port of the Service."
)
@click.option("--node-port", type=click.IntRange(1, 65535), default=None, help="Port of the nodes, with NodePort.")
@click.option(
    "--annotation", "notes", multiple=True, metavar="KEY=VALUE", help="Annotation of the Service; may be repeated."
)
@options.dry_run()
@options.wait("Wait until the Service has an address, or return once it is created.")
def expose(
    run: Run,
    service: str,
    *,
    kind: str,
    role: str,
    source_ranges: str,
    hostname: str,
    traffic: str | None,
    port: int,
    node_port: int | None,
    notes: tuple[str, ...],
    dry_run: bool,
    wait: bool,
) -> None:
    """Open NAME to clients from outside by a Service of its own, named SERVICE. Run it again to change it.

    The network policy is opened for exactly --source-ranges. With --hostname, the members get a new certificate that
    contains that name, without a restart, before the Service is opened.

    \b
    Examples:
      mysqlops expose mysql mysql-outside \\
          --source-ranges 203.0.113.0/24 --hostname db.example.com
      mysqlops expose mysql mysql-reads \\
          --type NodePort --role replica --source-ranges 10.0.0.0/8
    """
    from mysqlops.objects.exposed import Request
    from mysqlops.operations import expose as operations

    ranges = tuple(part for part in source_ranges.split(",") if part)
    request = Request(
        service,
        kind,
        role,
        ranges,
        traffic=traffic or "",
        hostname=hostname,
        port=port,
        node_port=node_port or 0,
        annotations=dict(map(_pair, notes)),
    ).check(run.name)
    found = run.do(
        lambda session: operations.expose(session, run.name, request, wait=wait),
        f"open Service {service}",
        dry_run=dry_run,
    )
    text = f"Service {service} leads to the {request.role} of {run.name}: {', '.join(found) or 'no address yet'}"
    output.result({"service": service, "addresses": found, "waited": wait}, run.form, text)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise errors.ConfigError(f"--annotation {text!r}: expected KEY=VALUE")
    return key, value
