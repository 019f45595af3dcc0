"""Switchover: check, hand over inside the old primary's pod, measure the write gap from a third member's pod."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

from mysqlops import errors
from mysqlops.core import ordered
from mysqlops.core.typed import Json
from mysqlops.operations import agents, observe, orders, programs
from mysqlops.operations.session import Session
from mysqlops.planning import switchover as planning


@dataclass(frozen=True)
class Result:
    """The seconds of the role change itself, and of the write gap that a client saw (None: not measured)."""

    primary: str
    before: str
    roles_seconds: float
    write_gap_seconds: float | None
    client_failures: int | None

    def as_json(self) -> Json:
        return asdict(self)


def plan(session: Session, name: str, to: str | None, limits: planning.Limits) -> planning.Switchover | None:
    """The switchover to make, or None if there is nothing to do; raises Refused."""
    chosen = planning.choose(observe.judged(session, name), to, limits)
    if chosen is not None:
        found = agents.run(session.client, chosen.primary, programs.TRANSACTIONS, timeout_seconds=15)
        planning.check_transactions(found, limits)
    return chosen


def execute(
    session: Session, name: str, chosen: planning.Switchover, limits: planning.Limits, *, measured: bool = True
) -> Result:
    """Make it; raises Refused, StepFailed or WaitTimeout. May be run again after any failure: it observes again. If it
    is `measured`, it ends only once a client has written to the new primary."""
    members = [member.name for member in observe.judged(session, name).members if member.state == "ONLINE"]
    bystander = next((member for member in members if member not in (chosen.primary, chosen.to)), None)
    seconds, token = limits.transactions_seconds, secrets.token_hex(8)
    measuring = _Measuring(session, bystander, chosen.to, token, seconds) if bystander and measured else None
    session.progress.say(f"handing the primary over from {chosen.primary} to {chosen.to}")
    words = ["--to", chosen.to, "--transactions-seconds", str(seconds)]
    words += ["--meter", token] if measuring else []
    done = _hand_over(session, name, chosen.primary, words, seconds)
    session.progress.say(f"{chosen.to} is primary; the roles changed in {done.seconds:.2f} s")
    gap = measuring.result() if measuring else None
    _await_whole(session, name, chosen)
    return Result(
        primary=chosen.to,
        before=chosen.primary,
        roles_seconds=done.seconds,
        write_gap_seconds=gap.seconds if gap else None,
        client_failures=gap.failures if gap else None,
    )


def _hand_over(session: Session, name: str, primary: str, words: list[str], seconds: int) -> programs.HandedOver:
    try:
        return agents.run(session.client, primary, programs.SWITCHOVER, *words, timeout_seconds=seconds + 60.0)
    except (errors.StepFailed, errors.BadAnswer) as error:
        raise type(error)(str(error), hint=f"mysqlops status {name} shows the primary; then run it again") from error


class _Measuring:
    """Measures the write gap while the roles change. It writes from a third member's pod: not every network lets a pod
    reach itself through a Service (hairpin)."""

    def __init__(self, session: Session, bystander: str, to: str, token: str, seconds: int) -> None:
        self._client, self._bystander, self._seconds = session.client, bystander, seconds
        self._words = ("--token", token, "--until", to, "--timeout", str(seconds + 60))
        self._gap: programs.Gap | None = None
        self._failure: errors.MysqlopsError | None = None
        self._task = session.clock.start("write gap", self._run)

    def _run(self) -> None:
        try:
            self._gap = agents.run(
                self._client, self._bystander, programs.WRITE_GAP, *self._words, timeout_seconds=self._seconds + 75.0
            )
        except errors.MysqlopsError as error:
            self._failure = error

    def result(self) -> programs.Gap | None:
        """Raises the meter's error."""
        self._task.join()
        if self._failure is not None:
            raise self._failure
        return self._gap


def _await_whole(session: Session, name: str, chosen: planning.Switchover) -> None:
    """Waits until the Services follow, and the old primary serves as a replica; raises WaitTimeout. A fenced
    member accepts no clients, before and afterwards."""
    fenced = ordered.fenced(orders.read(session.client, name))
    what = f"{chosen.to} to be primary and the Services to follow"
    observe.until(session, name, lambda now: planning.is_over(now, chosen, fenced), what)
