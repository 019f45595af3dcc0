"""The clusters of a namespace."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import names, ownership
from mysqlops.core.typed import Json
from mysqlops.kube.client import Client
from mysqlops.operations.session import Session


def stateful_sets(client: Client, *, everywhere: bool = False) -> list[Json]:
    """One for each cluster of the namespace, or of all namespaces; one that is set aside stands for a cluster that has
    no other."""
    read = client.list_everywhere if everywhere else client.list
    existing = [(ownership.cluster_of(found), found) for found in read("StatefulSet", names.OURS)]
    existing.sort(key=lambda one: one[0] == one[1]["metadata"]["name"])
    named = {(found["metadata"]["namespace"], cluster): found for cluster, found in existing if cluster}
    return [named[place] for place in sorted(named)]


def every(session: Session) -> list[str]:
    """Their names; raises NotFound if there are none."""
    found = stateful_sets(session.client)
    if not found:
        text = f"no cluster in namespace {session.client.namespace} of context {session.client.context}"
        raise errors.NotFound(text, hint="choose the namespace with --namespace")
    return list(map(ownership.cluster_of, found))


def only(session: Session) -> str:
    """The name of the only one; raises ConfigError if there are several, NotFound if there is none."""
    name, *more = every(session)
    if more:
        text = f"NAME: namespace {session.client.namespace} has several clusters: {', '.join([name, *more])}"
        raise errors.ConfigError(text, hint="name one of them")
    return name
