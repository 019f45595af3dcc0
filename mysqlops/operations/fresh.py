"""What was decided is done soon or not at all: this command may have been stopped since, with a lock that nobody took.

The lock alone does not tell: whoever comes back after hours renews it if nobody else wanted it, while members have
failed over, left or come back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mysqlops.errors import StepFailed
from mysqlops.operations.session import Session

_DECIDED_SECONDS = 60.0  # the gate itself takes up to fifteen, on a busy machine more


def check(session: Session, spared: str, at: str, *, looks_seconds: float = 0.0) -> None:
    """Call right before a change that is based on the state at that time; raises StepFailed, which says what is spared.
    By the wall clock, since the other one stops while a laptop sleeps. `looks_seconds` is how long looking may take."""
    age = session.clock.now() - datetime.fromisoformat(at)
    if abs(age) >= timedelta(seconds=_DECIDED_SECONDS + looks_seconds):
        text = f"{spared}: the decision is based on the state at {at}"
        raise StepFailed(text, hint="run the same command again: it decides on the present state")
