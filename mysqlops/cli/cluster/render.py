"""mysqlops render"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output, yaml_text
from mysqlops.core import names


@click.command()
@click.argument("name")
@options.spec
@click.option("--namespace", "-n", envvar="MYSQLOPS_NAMESPACE", default="default", show_default=True, help="Namespace.")
def command(**given: Any) -> None:
    """Print the objects that `deploy NAME` applies, as multi-document YAML.

    Needs no cluster and prints the same bytes each time; no password is in it, since members generate them.

    \b
    Example:
      mysqlops render mysql -n shop > mysql.yaml && kubectl apply -f mysql.yaml
    """
    from mysqlops.operations import deploy

    name = names.check_cluster_name(given.pop("name"))
    spec = context.make_spec(name, given.pop("namespace"), given.pop("config_file"), given)
    output.say(yaml_text.dump(deploy.objects(spec)), nl=False)
