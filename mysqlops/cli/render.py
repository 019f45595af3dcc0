"""mysqlops render"""

from __future__ import annotations

import json

import click

from mysqlops.cli import described, options, output, yaml_text
from mysqlops.cli.context import Run


@click.command()
@options.cluster(None, forms=("yaml", "json"))
@described.spec()
def render(run: Run, *, wanted: described.Wanted) -> None:
    """Print the objects that `deploy NAME` applies, as multi-document YAML.

    This needs no Kubernetes and prints the same bytes each time. It contains no password: members generate them.

    \b
    Example:
      mysqlops render mysql -n shop > mysql.yaml && kubectl apply -f mysql.yaml
    """
    from mysqlops.operations import deploy

    objects = deploy.objects(wanted.spec(run.name, run.access.namespace or "default"))
    if run.form == "json":
        output.say(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2))
        return
    output.say(yaml_text.dump(objects), nl=False)
