"""Events that a command posts about its own rollout: at once, and with its steps, which the agents do not see.

The agents look every two minutes, and post the beginning and the end under the same names (planning/happenings.py):
each exists once, even if the command was killed. An Event that cannot be posted changes nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress

from mysqlops import errors
from mysqlops.core import instant, rollout
from mysqlops.core.typed import Json
from mysqlops.operations.session import Session
from mysqlops.planning import happenings, status

_BY = happenings.Reporter("mysqlops.io/command", "mysqlops")


def turned(session: Session, stateful_set: Json, was: rollout.Rollout | None, now: rollout.Rollout | None) -> None:
    """A rollout began, goes back or has ended."""
    _post(session, stateful_set, happenings.of_rollout(was, now))


def step(
    session: Session, seen: status.Observed, pod: str, left: Collection[str], record: rollout.Rollout | None
) -> None:
    """A pod is being replaced by a rollout, `left` those that are not replaced yet."""
    if record is not None and pod in seen.pods:
        replicas = int(seen.stateful_set["spec"]["replicas"])
        place = replicas - len({*left} - {pod}), replicas
        one = happenings.of_step(record, pod, str(seen.pods[pod]["metadata"]["uid"]), place)
        _post(session, seen.stateful_set, [one])


def _post(session: Session, stateful_set: Json, found: Iterable[happenings.Happening]) -> None:
    at = instant.text(session.clock.now())
    for one in found:
        with suppress(errors.KubeError):  # another run or an agent posted it, or this user may not
            session.client.create("Event", happenings.event(one, stateful_set["metadata"], _BY, at))
