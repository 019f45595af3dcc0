"""mysqlops export"""

from __future__ import annotations

import json

import click

from mysqlops.cli import options, output, yaml_text
from mysqlops.cli.context import Run


@click.command()
@options.cluster("1m", forms=("yaml", "json"))
@options.show_secrets
def export(run: Run, *, show_secrets: bool) -> None:
    """Print the cluster file of NAME as it runs, with the targets that it uses; no password is in it.

    Warns on stderr of what a file cannot hold, such as fences and a suspended schedule.

    \b
    Example:
      mysqlops export mysql > cluster.yaml
    """
    from mysqlops.core import setting_secrets
    from mysqlops.operations import cluster_file

    with run.reading() as session:
        exported = cluster_file.export(session.client, run.name)
        for what in exported.unsaid:
            session.progress.warn(what)
    documents = exported.documents
    if not show_secrets:
        settings = documents[-1]["spec"].get("settings") or {}
        setting_secrets.must_not_be_printed(settings, f"mysqlops export {run.name}")
    if run.form == "json":
        output.document("\n---\n".join(json.dumps(document, indent=2) for document in documents))
        return
    output.document(yaml_text.dump(documents), nl=False)
