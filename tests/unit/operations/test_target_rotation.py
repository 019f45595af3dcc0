"""The password of a repository is never lost: whatever runs beside a rotation, and wherever it is killed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import names, target
from mysqlops.operations import lock, restic, targets
from mysqlops.operations.session import Session
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import Cluster

TARGET = target.Target("local", "/repository", "restic/restic:0", "backups")


class World(Cluster):
    """A repository with keys, and what a pod with the target's Secret does to it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.keys = {"first"}
        self.store.put(
            {"kind": "PersistentVolumeClaim", "metadata": {"name": "backups"}, "spec": {}},
        )
        secret = target.make_secret(TARGET, "first", {})
        data = {key: base64.b64encode(value.encode()).decode() for key, value in secret.pop("stringData").items()}
        self.store.put({**secret, "data": data})
        self.during: Callable[[str], None] = lambda _: None

    def values(self) -> dict[str, str]:
        data = self.store.objects["Secret", TARGET.secret]["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def steps(self, session: Session, _: target.Target, steps: Any, heard: str) -> str:
        """As manifests/backup/restic.sh does them: with what the Secret holds when the pod starts."""
        session.client._check("Job")
        mounted = self.values()
        assert mounted["password"] in self.keys, "restic cannot open the repository"
        if heard == "add-key":
            self.keys.add(mounted["new-password"])
        elif mounted["old-password"] != mounted["password"]:
            self.keys.discard(mounted["old-password"])
        self.during(heard)
        self.store.done(f"STEP {heard}")
        return ""

    def write(self, **values: str) -> None:  # type: ignore[override]
        """Somebody else changes the Secret."""
        found = self.store.objects["Secret", TARGET.secret]
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.store.put({**found, "data": {**found["data"], **encoded}})

    def rotate(self) -> None:
        targets.rotate(self.session(), TARGET)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(restic, "steps", found.steps)
    return found


def test_a_rotation_leaves_one_key_and_the_secret_has_its_password(world: World) -> None:
    world.rotate()
    assert world.keys == {world.values()["password"]}
    assert world.keys != {"first"}
    assert world.values().keys() == {"repository", "password"}
    assert ("Lease", TARGET.lease) not in world.store.objects


def test_a_rotation_that_was_killed_anywhere_goes_on_and_the_password_opens_the_repository(world: World) -> None:
    for after in range(1, 40):
        seen = 0

        def cut(_: str, limit: int = after) -> bool:
            nonlocal seen
            seen += 1
            return seen == limit

        world.store.kill_after = cut
        with suppress(Killed):
            world.rotate()
        world.store.kill_after = lambda _: False
        assert world.values()["password"] in world.keys, after
        world.rotate()
        assert world.keys == {world.values()["password"]}, after
        assert world.values().keys() == {"repository", "password"}


@pytest.mark.parametrize("moment", ["add-key", "remove-key"])
def test_a_second_run_is_refused_while_the_first_is_at_work(world: World, moment: str) -> None:
    refused = []

    def second(heard: str) -> None:
        if heard == moment:
            world.during = lambda _: None
            live = lock.Holding(world.session(), lock.of_target(TARGET), "second")
            world.clock.turn = renewing
            with pytest.raises(errors.OperationLocked, match="target local is being changed: backup target rotate"):
                live.take()
            world.clock.turn = lambda: None
            refused.append(heard)

    def renewing() -> None:
        found = world.store.objects["Lease", TARGET.lease]
        world.store.put(found)

    world.during = second
    with suppress(errors.OperationLocked):
        world.rotate()
    assert refused == [moment]
    assert world.values()["password"] in world.keys


def test_a_run_that_was_stopped_half_way_changes_nothing_once_another_has_rotated(world: World) -> None:
    """Both would have chosen a password: the Secret had the one, the repository the other."""

    def stopped(heard: str) -> None:
        if heard == "add-key":
            world.during = lambda _: None
            world.clock.sleep(20)
            world.rotate()

    world.during = stopped
    with pytest.raises(errors.OperationLocked, match="lost the lock of target local"):
        world.rotate()
    assert world.values()["password"] in world.keys
    world.rotate()
    assert world.keys == {world.values()["password"]}


@pytest.mark.parametrize("moment", ["add-key", "remove-key"])
def test_a_password_that_somebody_writes_meanwhile_is_not_overwritten(world: World, moment: str) -> None:
    def written(heard: str) -> None:
        if heard == moment:
            world.keys.add("theirs")
            world.write(password="theirs")

    world.during = written
    with pytest.raises(errors.Conflict, match="changed by somebody else"):
        world.rotate()
    assert world.values()["password"] == "theirs"
    assert "theirs" in world.keys


def test_both_passwords_of_older_runs_are_taken_to_an_end(world: World) -> None:
    world.keys |= {"older", "next"}
    world.write(**{"old-password": "older", "new-password": "next"})
    world.rotate()
    assert (world.keys, world.values()["password"]) == ({"next"}, "next")


def test_no_key_goes_while_a_job_may_still_use_the_old_password(world: World) -> None:
    def begins(heard: str) -> None:
        volumes = [{"name": "target", "secret": {"secretName": TARGET.secret}}]
        if heard == "add-key":
            spec = {"template": {"spec": {"volumes": volumes}}}
            world.store.put({"kind": "Job", "metadata": {"name": "nightly", "labels": {}}, "spec": spec})

    world.during = begins
    with pytest.raises(errors.Refused, match="Job nightly is using target local"):
        world.rotate()
    assert "first" in world.keys
    assert world.values()["password"] in world.keys
    del world.store.objects["Job", "nightly"]
    world.during = lambda _: None
    world.rotate()
    assert world.keys == {world.values()["password"]}


def test_a_target_is_added_under_its_lock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held = []

    def init(*_: Any) -> str:
        held.append(("Lease", TARGET.lease) in world.store.objects)
        return "made"

    monkeypatch.setattr(restic, "steps", init)
    del world.store.objects["Secret", TARGET.secret]
    assert targets.add(world.session(), targets.Request(TARGET, None, None))
    assert held == [True]
    assert names.ANNOTATION_PENDING not in world.store.objects["Secret", TARGET.secret]["metadata"]["annotations"]


def test_a_change_needs_every_lock_that_the_command_holds(world: World) -> None:
    """`backup prune` holds the cluster's and the target's."""
    session = world.session()
    config = {"kind": "ConfigMap", "metadata": {"name": "any"}}
    for lost in (names.operation_lease("mysql"), TARGET.lease):
        with lock.held(session, "mysql", "backup prune"), lock.holding(session, lock.of_target(TARGET), "backup prune"):
            session.client.apply(config)
            del world.store.objects["Lease", lost]
            with pytest.raises(errors.OperationLocked, match="lost the lock"):
                session.client.apply(config)
    assert not session.guard.is_held
