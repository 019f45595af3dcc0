"""The clusters of a namespace."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import names
from mysqlops.operations.session import Session


def every(session: Session) -> list[str]:
    """Their names; raises NotFound if there are none."""
    found = session.client.list("StatefulSet", f"{names.LABEL_NAME}={names.APP_NAME}")
    if not found:
        text = f"no cluster in namespace {session.client.namespace} of context {session.client.context}"
        raise errors.NotFound(text, hint="choose the namespace with --namespace")
    return sorted(stateful_set["metadata"]["name"] for stateful_set in found)


def only(session: Session) -> str:
    """The name of the only one; raises ConfigError if there are several, NotFound if there is none."""
    name, *more = every(session)
    if more:
        text = f"NAME: namespace {session.client.namespace} has several clusters: {', '.join([name, *more])}"
        raise errors.ConfigError(text, hint="name one of them")
    return name
