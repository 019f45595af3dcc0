"""mysqlops export"""

from __future__ import annotations

import json

import click

from mysqlops.cli import options, output, yaml_text
from mysqlops.cli.context import Run


@click.command()
@options.cluster("1m", forms=("yaml", "json"))
def export(run: Run) -> None:
    """Print the cluster file of NAME as it runs, with the targets that it uses; no password is in it.

    \b
    Example:
      mysqlops export mysql > cluster.yaml
    """
    from mysqlops.operations import cluster_file

    with run.reading() as session:
        documents = cluster_file.export(session.client, run.name)
    if run.form == "json":
        output.say("\n---\n".join(json.dumps(one, indent=2) for one in documents))
        return
    output.say(yaml_text.dump(documents), nl=False)
