"""A StatefulSet that is replaced while a tool keeps applying the previous one: which claims its pods mount."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.timeline import Swap, Timeline
from mysqlops.core.typed import Json
from mysqlops.objects import claims
from mysqlops.operations import deploy, orders, remake
from mysqlops.operations.session import Progress, Session
from mysqlops.planning import restore as planning
from mysqlops.planning import storage
from tests.simulation import objects
from tests.simulation.backend import Simulated
from tests.simulation.clients import CliClient
from tests.unit.fakes.api import Clock

NAME = "mysql"
NEXT = "data-r20260101000000"
SWAP = Swap(Timeline("data", "a"), Timeline(NEXT, "b"), 3)


class World:
    """An API server whose controllers act while the command sleeps and after each deletion, and a tool that recreates
    the StatefulSet as it was, `returns` times."""

    def __init__(self, returns: int) -> None:
        self.server, self.clock, self.returns = Simulated(), Clock(), returns
        self.on_request: Callable[[str], None] = lambda _: None
        for one in deploy.objects(ClusterSpec(name=NAME, namespace="db", replicas=3)):
            self.server.apply(one, manager=names.FIELD_MANAGER)
        self.turn()
        self.applied = storage.recreatable(self.stateful_set())
        self.clock.turn = self.turn
        client = CliClient(self.server, after=self.after)
        self.session = Session(client, self.clock, Progress(*[lambda _: None] * 3), 60.0)

    def after(self, request: str) -> None:
        self.on_request(request)
        if request == f"DELETE StatefulSet {NAME}":
            self.turn()
            if self.returns and self.server.peek("StatefulSet", NAME) is None:
                self.returns -= 1
                self.server.apply(self.applied, manager="argocd-controller")
                self.turn()

    def turn(self) -> None:
        for _ in range(3):
            self.server.run_controllers()
            self.server._run_pods()

    def stateful_set(self) -> Json:
        return self.server.get("StatefulSet", NAME)

    def stop(self) -> None:
        self.server.scale(NAME, 0)
        self.turn()
        assert not self.server.list("Pod")

    def mounted(self) -> dict[str, list[str]]:
        self.turn()
        return {pod["metadata"]["name"]: objects.claims_of(pod) for pod in self.server.list("Pod")}

    def leave_orphans(self, wanted: Json) -> None:
        """What a run leaves that was killed right after the deletion: pods of what a tool had recreated."""
        self.session.client.create("StatefulSet", storage.parked(wanted))
        orders.write(self.session.client, NAME, recreating=storage.values_of(wanted))
        self.server.delete("StatefulSet", NAME, orphan=True)
        self.turn()


_NEW = {f"{NAME}-{ordinal}": [f"{NEXT}-{NAME}-{ordinal}"] for ordinal in range(3)}


def _restored(stateful_set: Json) -> Json:
    return planning.remade(stateful_set, SWAP)


def _larger(stateful_set: Json) -> Json:
    return storage.with_size(stateful_set, "200Gi")


@pytest.mark.parametrize("returns", [0, 1, 2])
def test_no_pod_of_a_recreated_stateful_set_keeps_the_previous_claims(returns: int) -> None:
    world = World(returns)
    world.stop()
    remake.begin(world.session, NAME, _restored)
    assert world.mounted() == _NEW
    assert all(world.server.peek("PersistentVolumeClaim", f"data-{NAME}-{ordinal}") for ordinal in range(3))


def test_members_that_a_tool_started_right_before_the_deletion_go_too() -> None:
    world = World(0)
    remake.begin(world.session, NAME, _restored)
    assert world.mounted() == _NEW


def test_a_killed_run_s_orphans_on_the_previous_claims_are_not_adopted() -> None:
    world = World(0)
    world.leave_orphans(_restored(world.stateful_set()))
    assert remake.finish(world.session, NAME)
    assert world.mounted() == _NEW


@pytest.mark.parametrize("is_killed", [False, True])
def test_pods_on_the_same_claims_stay_as_they_are(is_killed: bool) -> None:
    world = World(0)
    before = {pod["metadata"]["uid"] for pod in world.server.list("Pod")}
    if is_killed:
        world.leave_orphans(_larger(world.stateful_set()))
        remake.finish(world.session, NAME)
    else:
        remake.begin(world.session, NAME, _larger)
    world.turn()
    assert {pod["metadata"]["uid"] for pod in world.server.list("Pod")} == before
    assert storage.size_of(world.stateful_set()) == "200Gi"


def test_what_somebody_changes_before_the_deletion_stays_changed() -> None:
    """Scaled after the new one was stored: the stored one would bring back a member that left cleanly."""
    world, real = World(0), list[int]()

    def scale(request: str) -> None:
        if request == f"CREATE StatefulSet {names.parked(NAME)}" and not real:
            real.append(2)
            world.server.scale(NAME, 2)
            world.turn()

    world.on_request = scale
    remake.begin(world.session, NAME, _larger)
    assert real
    assert (world.stateful_set()["spec"]["replicas"], storage.size_of(world.stateful_set())) == (2, "200Gi")
    assert len(world.mounted()) == 2


def test_what_a_tool_recreates_with_other_replicas_keeps_them() -> None:
    world = World(1)
    world.applied["spec"]["replicas"] = 2
    remake.begin(world.session, NAME, _larger)
    assert (world.stateful_set()["spec"]["replicas"], storage.size_of(world.stateful_set())) == (2, "200Gi")


def test_a_tool_that_recreates_the_previous_one_each_time_is_named_as_the_cause() -> None:
    world = World(1000)
    world.stop()
    with pytest.raises(errors.StepFailed, match="was recreated with its previous template") as failed:
        remake.begin(world.session, NAME, _restored)
    assert "stop that tool" in (failed.value.hint or "")
    assert claims.template_of(world.stateful_set()) == "data"
    assert world.server.peek("StatefulSet", names.parked(NAME)) is None
