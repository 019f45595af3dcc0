"""mysqlops render"""

from __future__ import annotations

import json

import click

from mysqlops.cli import described, options, output, yaml_text
from mysqlops.cli.context import Run


@click.command()
@options.cluster(None, forms=("yaml", "json"))
@described.spec()
@click.option("--running", is_flag=True, help="Print the objects of the running cluster as commands left them.")
@options.show_secrets
def render(run: Run, *, wanted: described.Wanted, running: bool, show_secrets: bool) -> None:
    """Print the objects that `deploy NAME` applies, as multi-document YAML.

    Without --running this needs no Kubernetes and prints the same bytes each time. It contains no password: members
    generate them.

    \b
    Examples:
      mysqlops render mysql -n shop > mysql.yaml
      kubectl apply --server-side -f mysql.yaml
      mysqlops render mysql -n shop --running > mysql.yaml
    """
    from mysqlops.core import setting_secrets
    from mysqlops.operations import deploy, upgrade
    from mysqlops.planning import settings

    if running and (given := sorted(wanted.on_the_line)):
        raise click.UsageError(f"--running takes no option that describes a cluster: {', '.join(given)}")
    if running:
        with run.reading() as session:
            objects = upgrade.as_it_runs(session.client, run.name)
    else:
        objects = deploy.objects(wanted.spec(run.name, run.access.namespace or "default"))
    if not show_secrets:
        setting_secrets.must_not_be_printed(settings.of_objects(objects), f"mysqlops render {run.name}")
    if run.form == "json":
        output.document(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2))
        return
    output.document(yaml_text.dump(objects), nl=False)
