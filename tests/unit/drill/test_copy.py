"""What a drill leaves to `drill abort`: its own copy and its own members go, whatever else has their names stays."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.drill import abort, mine, record
from mysqlops.drill.clients import fleet
from mysqlops.drill.faults import FAULTS
from mysqlops.drill.model import Record
from mysqlops.drill.plan import objects
from mysqlops.drill.reach import lab
from mysqlops.drill.scene import Scene
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations import lock, marked, restore, scale
from mysqlops.operations.session import Progress, Session
from mysqlops.planning import restore as planning
from tests.unit.drill.test_drill import seen
from tests.unit.fakes.api import Client, Clock, Store
from tests.unit.fakes.cluster import NAME
from tests.unit.fakes.jobs import Working
from tests.unit.operations.test_restore_as import BACKUP, TARGET

COPY = f"{NAME}-drill"
FACTS = {"backup": "b", "copy": COPY, "token": "t1"}
SPEC = ClusterSpec(name=COPY, namespace="db", replicas=1)
DATA = ("StatefulSet", "PersistentVolumeClaim", "Secret", "Lease")


@dataclass
class World:
    """A namespace with the cluster and, as a test says, something of the copy's name."""

    store: Store = field(default_factory=lambda: Store(Clock()))

    def session(self) -> Session:
        silent = Progress(lambda _: None, lambda _: None, lambda _: None)
        return Session(Client(self.store), self.store.clock, silent, 60.0)

    def scene(self) -> Scene:
        cluster = objects.Cluster(NAME, "db", ("mysql-0",), "image", "agent")
        return Scene(self.session(), seen(), cluster, "mysql-0")

    def put(self, token: str = "", *, but: str = "") -> None:
        """A cluster of the copy's name, all of it marked but the kind `but`."""
        for one in _objects():
            if token and one["kind"] != but:
                marked.put(one, token)
            self.store.put(one)

    def left(self) -> set[str]:
        return {
            kind
            for (kind, name), one in self.store.objects.items()
            if name != names.operation_lease(COPY) and "deletionTimestamp" not in one["metadata"]
        }


def _objects() -> list[Json]:
    made = render.cluster_objects(manifests.load_base(), SPEC, render.Agent(b"x", "1"))
    stateful_set = next(one for one in made if one["kind"] == "StatefulSet")
    claim = planning.first_claim(stateful_set, names.claim(COPY, 0), BACKUP, "")
    return [*made, {"kind": "PersistentVolumeClaim", **claim}]


def _heal(world: World, facts: Json = FACTS) -> None:
    FAULTS["restore"].heal(world.scene(), facts)


def test_the_drills_own_copy_is_deleted_with_all_its_data() -> None:
    world = World()
    world.put("t1")
    _heal(world)
    assert world.left() == set()
    assert FAULTS["restore"].is_healed(world.scene(), FACTS)


@pytest.mark.parametrize(("token", "but"), [("", ""), ("t2", ""), *(("t1", kind) for kind in DATA)])
def test_a_cluster_of_the_copys_name_that_the_drill_did_not_create_stays_whole(token: str, but: str) -> None:
    world = World()
    world.put(token, but=but)
    before = dict(world.store.objects)
    with pytest.raises(errors.Refused, match=f"cluster {COPY} is not this drill's copy") as caught:
        _heal(world)
    assert [one.code for one in caught.value.reasons] == [marked.CODE]
    assert world.store.objects == before
    with pytest.raises(errors.Refused):
        _heal(world, {**FACTS, "token": ""})


def test_a_claim_that_took_the_place_of_a_marked_one_stays() -> None:
    """Between the look and the deletion: the API server compares the UID."""
    world = World()
    world.put("t1")
    plan = marked.deletion(world.session().client, COPY, "t1")
    claim = world.store.objects["PersistentVolumeClaim", names.claim(COPY, 0)]
    claim["metadata"]["uid"] = "another"
    assert {one.uid != "" for one in plan.steps if one.kind in DATA[1:]} == {True}
    step = next(one for one in plan.steps if one.kind == "PersistentVolumeClaim")
    with pytest.raises(errors.Conflict):
        world.session().client.delete(step.kind, step.name, uid=step.uid)


def test_a_restore_with_a_mark_takes_over_nothing_and_marks_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "fill", lambda *_: restore.Filled())
    world = World()
    session = world.session()
    restore.execute(session, BACKUP, TARGET, SPEC, mark="t1")
    there = [one for one in world.store.objects.values() if one["metadata"]["name"] != names.operation_lease(COPY)]
    assert {one["kind"] for one in there} >= {*DATA, "Service", "ConfigMap"}
    assert {one["metadata"]["annotations"][names.ANNOTATION_COPY] for one in there} == {"t1"}
    restore.execute(session, BACKUP, TARGET, SPEC, mark="t1")
    with pytest.raises(errors.Refused, match="did not create"):
        restore.execute(session, BACKUP, TARGET, SPEC, mark="t2")


def _undone(monkeypatch: pytest.MonkeyPatch) -> tuple[Working, list[str]]:
    """A drill that was killed while its restore ran, and what its abort undoes."""
    cluster, undone = Working(3), list[str]()
    monkeypatch.setattr(fleet, "remove_all", lambda *_: None)
    monkeypatch.setattr(abort, "_undo", lambda _, found: undone.append(found.fault))
    record.write(cluster.session(), NAME, Record("restore", "s", "by", "mysql-0", "2026-01-01T00:00:00Z", FACTS))
    return cluster, undone


def test_a_record_that_was_removed_while_the_abort_waited_for_the_lock_is_not_obeyed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, undone = _undone(monkeypatch)
    dead = lock.Holding(cluster.session(), lock.of_cluster(NAME), "drill by somebody")
    dead.take()

    def other_abort() -> None:
        record.write(cluster.session(), NAME, None)
        cluster.clock.turn = lambda: None

    cluster.clock.turn = other_abort
    assert abort.execute(cluster.session(), NAME, "image") is None
    assert undone == []


def test_a_record_that_stays_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "find", lambda _: None)
    cluster, undone = _undone(monkeypatch)
    found = abort.execute(cluster.session(), NAME, "image")
    assert found is not None
    assert undone == ["restore"]
    assert record.read(cluster.session().client, NAME) is None


@pytest.mark.parametrize(
    ("uid", "now", "goes"),
    [("same", 5, True), ("same", 4, True), ("same", 7, False), ("same", 3, False), ("other", 5, False)],
)
def test_only_the_members_that_the_drill_added_are_removed(
    monkeypatch: pytest.MonkeyPatch, uid: str, now: int, goes: bool
) -> None:
    """A record of last week's drill: whoever scaled or recreated the cluster since has decided otherwise."""
    asked = list[int]()
    monkeypatch.setattr(scale, "execute", lambda _, __, replicas, ___: asked.append(replicas))
    world = World()
    found = {"kind": "StatefulSet", "metadata": {"name": NAME, "uid": "same"}, "spec": {"replicas": now}}
    world.store.put(found)
    facts = {"replicas": 3, "claims": [], "stateful_set": uid}
    FAULTS["scale-under-load"].heal(world.scene(), facts)
    assert asked == ([3] if goes else [])
    assert FAULTS["scale-under-load"].is_healed(world.scene(), facts) is not goes


@pytest.mark.parametrize("labels", [None, {}, {names.LABEL_MANAGED_BY: names.APP_NAME}])
def test_what_has_a_name_of_a_drills_object_stays(labels: dict[str, str] | None) -> None:
    """Somebody's ConfigMap mysql-drill, and their Job mysql-drill-undo."""
    world = World()
    for kind, name in (("ConfigMap", objects.names_of(NAME)), ("Job", objects.names_of(NAME, "undo"))):
        world.store.put({"kind": kind, "metadata": {"name": name, "labels": labels}})
    before = dict(world.store.objects)
    fleet.remove_all(world.session(), NAME)
    for kind, name in before:
        with pytest.raises(errors.Refused, match=f"{kind} {name} exists, and no drill created it"):
            mine.check(world.session().client, kind, name)
    assert world.store.objects == before


def test_what_a_drill_left_is_removed() -> None:
    world = World()
    cluster = world.scene().cluster
    undo = objects.Undo("a", "data-mysql-0", "filler", 1)
    world.store.put(objects.config_map(cluster, "program") | {"kind": "ConfigMap"})
    world.store.put(objects.undo_job(manifests.load_one("drill/undo.yaml"), cluster, undo))
    fleet.remove_all(world.session(), NAME)
    assert world.store.objects == {}
