"""The one way to wait: look, report what is missing, look again; never without a limit.

`until` is for callers that only look, `Patience` for callers that act in between. Both use the session's clock, so that
tests and the simulator control the time; tenacity decides how often, how long and what happens at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

import tenacity

from mysqlops.errors import WaitTimeout

if TYPE_CHECKING:
    from mysqlops.operations.session import Session

T = TypeVar("T")
POLL_SECONDS = 0.3
_HINT = "mysqlops status shows what is missing; run the same command again to continue"


@dataclass(frozen=True)
class Pending:
    """Not yet: what is missing, as in "waiting for …"; the error at the end adds `detail` in brackets. `progress` and
    `hint` replace the usual line and the usual hint."""

    what: str
    detail: str = ""
    progress: str = ""
    hint: str = ""

    def line(self) -> str:
        return self.progress or f"waiting for {self.what}"


def sleep(session: Session, seconds: float = POLL_SECONDS) -> None:
    """Raises what ends every wait of this command, such as a lost lock."""
    session.clock.sleep(seconds)
    session.guard.heed()


class Patience:
    """The time limit of a wait: the command's --timeout from now on, or `seconds`."""

    def __init__(self, session: Session, seconds: float | None = None, hint: str = _HINT) -> None:
        self._session, self._hint = session, hint
        self.seconds = session.timeout_seconds if seconds is None else seconds
        self._ends = session.clock.monotonic() + self.seconds

    def is_over(self) -> bool:
        return self._session.clock.monotonic() >= self._ends

    def pause(self, pending: Pending, poll_seconds: float = POLL_SECONDS) -> None:
        """Report what is missing and sleep; raises WaitTimeout at the limit."""
        if self.is_over():
            self.give_up(pending)
        self.sleep(pending, poll_seconds)

    def sleep(self, pending: Pending, poll_seconds: float = POLL_SECONDS) -> None:
        """The same for callers that have checked the limit themselves."""
        self._session.progress.waiting(pending.line())
        sleep(self._session, poll_seconds)

    def give_up(self, pending: Pending) -> NoReturn:
        """End the wait with WaitTimeout, which says what is missing."""
        what = f"{pending.what} ({pending.detail})" if pending.detail else pending.what
        raise WaitTimeout(f"not after {self.seconds:g} s: {what}", hint=pending.hint or self._hint)


def until(
    session: Session,
    look: Callable[[], T | Pending],
    *,
    poll_seconds: float = POLL_SECONDS,
    seconds: float | None = None,
    hint: str = _HINT,
) -> T:
    """The result of `look` once it is not Pending; raises WaitTimeout with the last Pending."""
    patience = Patience(session, seconds, hint)

    def say(state: tenacity.RetryCallState) -> None:
        session.progress.waiting(_pending(state).line())

    def give_up(state: tenacity.RetryCallState) -> NoReturn:
        patience.give_up(_pending(state))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: isinstance(found, Pending)),
        wait=tenacity.wait_fixed(poll_seconds),
        stop=lambda _: patience.is_over(),
        sleep=partial(sleep, session),
        before_sleep=say,
        retry_error_callback=give_up,
    )
    found = retrying(look)
    assert not isinstance(found, Pending)  # noqa: S101 (tenacity's retry says so, mypy cannot see it)
    return found


def _pending(state: tenacity.RetryCallState) -> Pending:
    found = state.outcome.result() if state.outcome else None
    assert isinstance(found, Pending)  # noqa: S101 (nothing else is retried)
    return found
