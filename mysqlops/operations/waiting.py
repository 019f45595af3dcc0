"""The one way to wait: look, report what is missing, look again; never without a limit.

`until` is for callers that only look, `Patience` for callers that act in between. Both use the session's clock, so that
tests and the simulator control the time; tenacity decides how often, how long and what happens at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


def pass_time(session: Session, line: str, seconds: float = POLL_SECONDS) -> None:
    """Report what is missing and sleep; raises what ends every wait of this command, such as a lost lock."""
    session.progress.waiting(line)
    session.clock.sleep(seconds)
    for heed in session.heeds:
        heed()


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
        pass_time(self._session, pending.line(), poll_seconds)

    def give_up(self, pending: Pending) -> NoReturn:
        """End the wait with WaitTimeout, which says what is missing."""
        what = f"{pending.what} ({pending.detail})" if pending.detail else pending.what
        raise WaitTimeout(f"not after {self.seconds:.0f} s: {what}", hint=pending.hint or self._hint)


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

    def give_up(state: tenacity.RetryCallState) -> NoReturn:
        patience.give_up(_pending(state))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: isinstance(found, Pending)),
        stop=lambda _: patience.is_over(),
        sleep=lambda _: None,  # said and done before, where the state is known
        before_sleep=lambda state: pass_time(session, _pending(state).line(), poll_seconds),
        retry_error_callback=give_up,
    )
    found = retrying(look)
    assert not isinstance(found, Pending)  # noqa: S101 (tenacity's retry says so, mypy cannot see it)
    return found


def _pending(state: tenacity.RetryCallState) -> Pending:
    found = state.outcome.result() if state.outcome else None
    assert isinstance(found, Pending)  # noqa: S101 (nothing else is retried)
    return found
