"""mysqlops apply"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mysqlops.cli import filed, options, output
from mysqlops.cli.context import Run
from mysqlops.core import file_fields

if TYPE_CHECKING:
    from mysqlops.core.cluster_file import Document
    from mysqlops.core.plan import Step


@click.command()
@options.namespaced("60m")
@filed.option
@click.option(
    "--pvc",
    type=click.Choice(["keep", "delete"]),
    help="Keep or delete the claims of members that go; deleting needs --confirm NAME.",
)
@click.option("--redeploy", is_flag=True, help="Deploy deleted clusters of the file again, on the data that they kept.")
@options.confirmed("the clusters of the file, with commas between them")
@options.dry_run("Check everything, try the images, and show the steps; change nothing.")
def apply(run: Run, *, file: str, pvc: str | None, redeploy: bool, dry_run: bool) -> None:
    """Bring clusters to what a file says, by the verbs that lead there.

    A cluster that does not exist is deployed; of one that runs, volumes, members, image, resources, settings, schedule
    and binary logs are changed, in that order. Every verb is checked before the first one runs. If it is killed, the
    same command continues. What the file does not name: `mysqlops explain cluster-file`.

    \b
    Examples:
      mysqlops apply -f cluster.yaml --dry-run
      mysqlops apply -f cluster.yaml --yes
      mysqlops export mysql > cluster.yaml
    """
    documents = filed.read(file)
    with run.reading() as session:
        shown = filed.opened(run, session, documents, pvc, redeploy=redeploy).preview()
    steps = shown.steps
    if dry_run:
        output.show_steps(steps, run.form)
        return
    if not steps:
        output.result({"changed": []}, run.form, f"{_names(documents)}: as the file says; nothing changed")
        return
    for step in steps:
        output.say(f"{step.action} {step.kind} {step.name}: {step.why}", err=True)
    deletes = pvc == "delete" and any(step.action == "scale" for step in steps)
    run.confirm(f"changes {_names(documents)}", name=_names(documents), loses=deletes)
    with run.reading() as session:
        done = filed.opened(run, session, documents, pvc, redeploy=redeploy).execute(shown)
    _show(done, documents, run)


def _names(documents: Sequence[Document]) -> str:
    clusters = [document.name for document in documents if document.kind == file_fields.CLUSTER]
    return ",".join(clusters or [document.name for document in documents])


def _show(done: Sequence[Step], documents: Sequence[Document], run: Run) -> None:
    verbs = ", ".join(step.action for step in done)
    text = f"{_names(documents)}: as the file says now: {verbs}"
    output.result({"changed": [step.as_json() for step in done]}, run.form, text)
