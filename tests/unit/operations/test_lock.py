"""The lock of commands: who lost it changes nothing more, and nobody's clock decides but one's own (S7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.operations import lock, waiting
from mysqlops.operations.session import Progress, Session
from tests.unit.fakes.api import Client, Clock, Store

NAME = "mysql"
LEASE = names.operation_lease(NAME)
CONFIG = {"kind": "ConfigMap", "metadata": {"name": "any"}}


class Namespace:
    """One API server, and a session for each command."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Store(self.clock)

    def session(self) -> Session:
        return Session(Client(self.store), self.clock, Progress(lambda _: None, lambda _: None, lambda _: None), 60.0)

    def lease(self) -> Json | None:
        return self.store.objects.get(("Lease", LEASE))

    def holder(self) -> str:
        lease = self.lease()
        return str(lease["spec"]["holderIdentity"]).partition(" by ")[0] if lease else ""


def _lost(session: Session) -> str:
    with pytest.raises(errors.OperationLocked) as error:
        session.client.apply(CONFIG)
    return str(error.value)


def test_a_command_that_slept_changes_nothing_more_once_another_has_the_lock() -> None:
    space = Namespace()
    first, second, third = space.session(), space.session(), space.session()
    with lock.held(first, NAME, "member rebuild"):
        first.client.apply(CONFIG)
        space.clock.sleep(20)  # stopped: nothing renews
        with lock.held(second, NAME, "upgrade"):
            assert space.holder() == "upgrade"
            assert "lost the lock of mysql to upgrade by" in _lost(first)
            with pytest.raises(errors.OperationLocked):
                first.client.run_in("mysql-0", "agent", ["python3", "/agent/agent.pyz", "x"], timeout_seconds=1)
            with pytest.raises(errors.OperationLocked):
                first.client.delete("ConfigMap", "any")
            second.client.apply(CONFIG)
            assert space.holder() == "upgrade"
    assert space.lease() is None
    with lock.held(third, NAME, "restore"):
        assert space.holder() == "restore"


def test_a_command_that_slept_ends_its_wait_once_another_has_the_lock() -> None:
    """What it waits for may never come: the other command may have fenced the member."""
    space = Namespace()
    first, second = space.session(), space.session()
    with lock.held(first, NAME, "restart"):
        space.clock.sleep(20)
        with lock.held(second, NAME, "member fence"):
            began = space.clock.seconds
            with pytest.raises(errors.OperationLocked, match="lost the lock of mysql to member fence by"):
                waiting.until(first, lambda: waiting.Pending("mysql-2 to serve"))
            with pytest.raises(errors.OperationLocked, match="lost the lock"):
                waiting.Patience(first).pause(waiting.Pending("mysql-2 to serve"))
            assert space.clock.seconds - began < 1
            with pytest.raises(errors.WaitTimeout):
                waiting.until(second, lambda: waiting.Pending("mysql-2 to leave"), seconds=5)


def test_the_end_of_a_command_that_lost_the_lock_leaves_the_other_s_alone() -> None:
    space = Namespace()
    first, second = space.session(), space.session()
    with lock.held(first, NAME, "scale"):
        space.clock.sleep(20)
        other = lock.held(second, NAME, "upgrade")
        other.__enter__()
    assert space.holder() == "upgrade"
    other.__exit__(None, None, None)
    assert space.lease() is None


def test_every_client_of_a_command_heeds_every_lock_that_it_holds() -> None:
    """Also a client that was made before for another namespace, and the lock of the other cluster around this one."""
    space = Namespace()
    first, second = space.session(), space.session()
    elsewhere = first.client.within("other")
    with lock.held(first, NAME, "restore"), lock.held(first, "copy", "restore"):
        space.clock.sleep(20)
        with lock.held(second, NAME, "upgrade"):
            assert "lost the lock of mysql to upgrade by" in _lost(first)
            with pytest.raises(errors.OperationLocked, match="lost the lock of mysql"):
                elsewhere.apply(CONFIG)
            with pytest.raises(errors.OperationLocked, match="lost the lock of mysql"):
                waiting.sleep(first)
    assert not first.guard.is_held
    elsewhere.apply(CONFIG)


def test_a_command_that_slept_goes_on_if_nobody_took_the_lock() -> None:
    space = Namespace()
    session = space.session()
    with lock.held(session, NAME, "scale"):
        before = space.lease()
        space.clock.wall += timedelta(hours=8)  # a laptop's lid: the monotonic clock stood still
        session.client.apply(CONFIG)
        after = space.lease()
        assert before is not None
        assert after is not None
        assert before["spec"]["renewTime"] != after["spec"]["renewTime"]


def test_a_lease_that_somebody_deleted_is_lost_at_the_next_change() -> None:
    space = Namespace()
    first, second = space.session(), space.session()
    with lock.held(first, NAME, "scale"):
        first.client.apply(CONFIG)
        del space.store.objects["Lease", LEASE]
        assert "whoever deleted it" in _lost(first)
        with lock.held(second, NAME, "upgrade"):  # nobody has it, so nothing is waited for
            assert "whoever deleted it" in _lost(first)
            second.client.apply(CONFIG)
    assert space.clock.seconds == 0


def test_a_paused_machine_whose_clocks_stopped_changes_nothing_more() -> None:
    space = Namespace()
    first = replace(space.session(), clock=Clock())
    with lock.held(first, NAME, "restore"), lock.held(space.session(), NAME, "upgrade"):
        assert space.clock.seconds > 15
        assert "lost the lock of mysql to upgrade by" in _lost(first)


def test_without_an_answer_nothing_is_changed() -> None:
    space = Namespace()
    session = space.session()

    def cut(text: str) -> bool:
        if "Lease" in text:
            raise errors.Unreachable("no answer")
        return False

    with lock.held(session, NAME, "scale"):
        space.store.kill_after = cut
        with pytest.raises(errors.Unreachable):
            session.client.apply(CONFIG)
        assert ("ConfigMap", "any") not in space.store.objects
        space.store.kill_after = lambda _: False
        session.client.apply(CONFIG)  # its renewal had arrived, its answer was lost: still its own


@pytest.mark.parametrize("skew_hours", [-5, 0, 5])
def test_a_live_holder_is_told_at_its_next_renewal_whatever_its_clock_says(skew_hours: int) -> None:
    space = Namespace()
    holding = lock.Holding(space.session(), lock.of_cluster(NAME), "upgrade by somebody")
    space.clock.wall += timedelta(hours=skew_hours)
    holding.take()
    space.clock.wall -= timedelta(hours=skew_hours)

    def turn() -> None:
        if space.clock.seconds % 4 == 0:
            holding.renew()

    space.clock.turn = turn
    with pytest.raises(errors.OperationLocked, match="is being changed: upgrade by somebody"):
        lock.Holding(space.session(), lock.of_cluster(NAME), "scale by me").take()
    assert space.clock.seconds <= 4.5


def test_the_lock_of_a_killed_command_is_taken_after_its_time() -> None:
    space = Namespace()
    lock.Holding(space.session(), lock.of_cluster(NAME), "upgrade by the dead").take()
    space.clock.wall -= timedelta(hours=1)  # the other's clock was ahead
    with lock.held(space.session(), NAME, "scale"):
        assert space.holder() == "scale"
        assert 15 <= space.clock.seconds <= 16


def test_a_renewal_that_is_answered_late_proves_nothing() -> None:
    space = Namespace()
    session = space.session()
    with lock.held(session, NAME, "scale"):
        space.store.settle = lambda: space.clock.sleep(9)
        assert "a slow API server" in _lost(session)
        space.store.settle = lambda: None


def test_of_two_that_take_it_at_once_one_is_refused() -> None:
    space = Namespace()
    lock.Holding(space.session(), lock.of_cluster(NAME), "upgrade by the dead").take()
    first, second = (
        lock.Holding(space.session(), lock.of_cluster(NAME), f"{verb} by me") for verb in ("scale", "restart")
    )
    stale = space.session().client.find("Lease", LEASE)
    assert stale is not None
    first.take()
    with pytest.raises(errors.OperationLocked):
        second._await_death(stale)
    with pytest.raises(errors.Conflict):
        second._swapped(second._written(stale), second._moment())
    assert space.holder() == "scale"
