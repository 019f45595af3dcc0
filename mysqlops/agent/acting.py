"""What one statement to the member's own server does, after a decision of the loop: it is sent soon, or not at all.

Connecting may take seconds, and this process may be paused for as long as a node likes. A server that was expelled
meanwhile would let clients read what is over; a member that leaves late may be the one whose vote the others need by
then. What takes longer to prepare has permits of its own (starting.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mysqlops import errors
from mysqlops.agent import member
from mysqlops.clock import Clock
from mysqlops.planning import member_actions

_SECONDS = 10.0  # from the look that a decision rests on


class Acting:
    """One member's. `look` is called at each turn, also while an action of an earlier one is being carried out."""

    def __init__(self, server: member.Member, clock: Clock) -> None:
        self._member, self._clock = server, clock
        self._decided: type[member_actions.Action] | None = None
        self._at = 0.0
        self._at_any_time: dict[type[member_actions.Action], Callable[[], None]] = {
            member_actions.ClearBootstrap: server.clear_bootstrap,
            member_actions.BlockClients: server.block_clients,
            member_actions.RefuseWrites: server.refuse_writes,
        }
        self._soon: dict[type[member_actions.Action], Callable[[Callable[[], None]], None]] = {
            member_actions.AcceptClients: server.accept_clients,
            member_actions.Leave: server.leave,
        }

    def look(self, action: member_actions.Action, at: float) -> None:
        """What the loop has decided, on what the server said at that time."""
        self._decided, self._at = type(action), at

    def of(self, action: member_actions.Action, unreadable_at: str) -> Callable[[], None] | None:
        """What carries it out; None if that takes more than a statement. `unreadable_at` is of a damaged relay log."""
        match action:
            case member_actions.DropReceived():
                return partial(self._member.drop_received, unreadable_at)
            case member_actions.HandOver():
                return partial(self._member.hand_over, action.to.server_uuid, permit=self._permit(action))
            case _ if soon := self._soon.get(type(action)):
                return partial(soon, self._permit(action))
        return self._at_any_time.get(type(action))

    def _permit(self, action: member_actions.Action) -> Callable[[], None]:
        """Raises StepFailed once the decision is old, or the loop has decided otherwise since."""
        wanted, at = type(action), self._at

        def permit() -> None:
            if self._decided is not wanted or self._clock.monotonic() - at > _SECONDS:
                raise errors.StepFailed("what was decided no longer holds: looking again")

        return permit
