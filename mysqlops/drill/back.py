"""Wait until clients write again and all members are back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from mysqlops import errors
from mysqlops.drill.clients import fleet
from mysqlops.drill.plan import objects
from mysqlops.drill.scene import Drill
from mysqlops.operations import observe, waiting
from mysqlops.planning import status

_HEALTHY_SECONDS = 360.0  # kubelet waits up to five minutes before it restarts a container that ended often
_WRITES_SECONDS = 240.0
_STABLE_SECONDS = 3.0
_POLL_SECONDS = 0.3
_FRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Back:
    """The moment when the cluster was whole again, on the clients' clock; or why it is not."""

    whole_at: float = 0.0
    trouble: str = ""


def healthy(drill: Drill) -> status.Status:
    """Raises WaitTimeout with the reasons."""
    longer = replace(drill.session, timeout_seconds=_HEALTHY_SECONDS)
    return observe.until(longer, drill.name, lambda now: not status.in_the_way(now), "a healthy cluster")


def wait(drill: Drill, clients: fleet.Fleet, offset: float) -> Back:
    """A cluster that does not come back is a result, and the worst one: its members' rows are still compared."""
    try:
        _await_writes(drill, clients, offset)
        return Back(whole_at=_await_whole(drill) + offset)
    except errors.WaitTimeout as error:
        return Back(trouble=str(error))


def _await_writes(drill: Drill, clients: fleet.Fleet, offset: float) -> None:
    """Acknowledgements of the instant of the fault do not count, hence the pause."""
    clock = drill.session.clock
    clock.sleep(_FRESH_SECONDS)

    def look() -> waiting.Pending | None:
        newest = clients.newest(objects.MAIN)
        is_fresh = newest and newest > clock.now().timestamp() + offset - _FRESH_SECONDS
        return None if is_fresh else waiting.Pending("the clients to write again after the fault")

    waiting.until(drill.session, look, poll_seconds=_POLL_SECONDS, seconds=_WRITES_SECONDS)


def _await_whole(drill: Drill) -> float:
    """The start of some healthy seconds in a row: a member that is about to stop still looks well for a moment."""
    clock, patience = drill.session.clock, waiting.Patience(drill.session, _HEALTHY_SECONDS)
    since: float | None = None
    whole_at = 0.0
    while since is None or clock.monotonic() - since < _STABLE_SECONDS:
        why = "the API server does not answer"
        with suppress(errors.KubeError):
            now = observe.judged(drill.session, drill.name)
            why = "; ".join(condition.message for condition in status.in_the_way(now))
        if why:
            since = None
        elif since is None:
            since, whole_at = clock.monotonic(), clock.now().timestamp()
        patience.pause(waiting.Pending(f"all members of {drill.name} to be back after the fault", why), _POLL_SECONDS)
    return whole_at
