"""Prove new settings by a client's write, as soon as a member that has them leads and before their rollout is over: a
server that came up may still refuse clients.

Only a server's answer is evidence, for or against. A missing or late answer, a lost lock or an API server that does not
answer says nothing of clients: the change is neither taken back nor proved, and the next run asks again.
"""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import rollout
from mysqlops.objects import render
from mysqlops.operations import deploy, observe
from mysqlops.operations.session import Session

_TRIES = 2  # the primary may have changed meanwhile
_SECONDS = 10.0  # the limit for a client that is shut out


class NoWrite(Exception):
    """Raised with the reason when a server refused a client's write."""


def of_settings(session: Session, name: str, record: rollout.Rollout | None) -> None:
    """Raises NoWrite, or WaitTimeout if nothing is known. A rollout's other changes do not concern clients."""
    if record is None or not _changes_settings(session, name, record):
        return
    of_client(session, name, f"mysqlops upgrade {name} --resume asks again and continues")


def of_client(session: Session, name: str, hint: str) -> None:
    """A client's write through the primary; raises NoWrite, or WaitTimeout with the hint if nothing is known."""
    for left in reversed(range(_TRIES)):
        try:
            deploy.prove(session.client, observe.judged(session, name), _SECONDS, everywhere=False)
            return
        except errors.OperationLocked:
            raise
        except errors.WriteRefused as error:
            if not left:
                raise NoWrite(f"with the new settings no client can write: {error}") from error
        except errors.MysqlopsError as error:
            if not left:
                text = f"it is unknown whether clients can write with the new settings: {error}"
                raise errors.WaitTimeout(text, hint=hint) from error


def _changes_settings(session: Session, name: str, record: rollout.Rollout) -> bool:
    before = {"spec": {"template": record.before}}
    return render.config_of(session.client.get("StatefulSet", name)) != render.config_of(before)
