"""mysqlops list"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import names, ownership

_COLUMNS = ("NAMESPACE", "CLUSTER", "MEMBERS", "READY", "IMAGE", "SINCE")


@click.command()
@options.namespaced("1m")
@click.option("--all-namespaces", "-A", is_flag=True, help="List those of all namespaces, if your rights allow it.")
def list(run: Run, *, all_namespaces: bool) -> None:
    """List the clusters of the namespace. Stopped ones have 0 members; `status` shows how a cluster is.

    \b
    Examples:
      mysqlops list
      mysqlops list -A -o json
    """
    from mysqlops.operations import clusters

    with run.reading() as session:
        client = session.client
        found = [_facts(one) for one in clusters.stateful_sets(client, everywhere=all_namespaces)]
    if not run.is_for_people:
        output.data(found, run.form)
    elif found:
        output.table(_COLUMNS, [tuple(map(str, cluster.values())) for cluster in found])
    else:
        output.say("no clusters" + ("" if all_namespaces else f" in namespace {client.namespace}"), err=True)


def _facts(found: Any) -> dict[str, Any]:
    images = {container["name"]: container["image"] for container in found["spec"]["template"]["spec"]["containers"]}
    return {
        "namespace": found["metadata"]["namespace"],
        "name": ownership.cluster_of(found),
        "members": found["spec"]["replicas"],
        "ready": found.get("status", {}).get("readyReplicas", 0),
        "image": images.get(names.CONTAINER_MYSQLD, "?"),
        "since": found["metadata"]["creationTimestamp"],
    }
