"""Prove new settings by a client's write, as soon as a member that has them leads and before their rollout is over: a
server that came up may still refuse clients."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import rollout
from mysqlops.objects import render
from mysqlops.operations import deploy, observe
from mysqlops.operations.session import Session

_TRIES = 2  # the primary may have changed meanwhile
_SECONDS = 10.0  # the limit for a client that is shut out


class NoWrite(Exception):
    """Raised with the reason when no client can write."""


def of_settings(session: Session, name: str, record: rollout.Rollout | None) -> None:
    """Raises NoWrite. A rollout's other changes do not concern clients."""
    if record is None or not _changes_settings(session, name, record):
        return
    for left in reversed(range(_TRIES)):
        try:
            deploy.prove(session.client, observe.judged(session, name), _SECONDS, everywhere=False)
            return
        except errors.KubeError:  # says nothing of clients
            if not left:
                raise
        except errors.MysqlopsError as error:
            if not left:
                raise NoWrite(f"with the new settings no client can write: {error}") from error


def _changes_settings(session: Session, name: str, record: rollout.Rollout) -> bool:
    before = {"spec": {"template": record.before}}
    return render.config_of(session.client.get("StatefulSet", name)) != render.config_of(before)
