"""What is made of a cluster's agent and settings follows them, wherever the command that changed them was killed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import names, rollout, target
from mysqlops.core.spec import ClusterSpec
from mysqlops.objects import binlog as receiving
from mysqlops.objects import schedule as scheduling
from mysqlops.operations import binlog, compared, delete, deploy, image_check, jobs, schedule, upgrade
from mysqlops.operations import rollout as rolling
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME, Cluster

Objects = dict[tuple[str, str], dict[str, Any]]
TARGET = target.Target("local", "/repository", "restic/restic:0", "backups")
LIMITS = rolling.Limits(60)
OLD, NEW, PLAIN = "mysql-agent-00000000000a", "mysql-agent-00000000000b", "mysql-agent"
FOLLOWERS = (("CronJob", "mysql-backup"), ("CronJob", "mysql-verify"), ("Deployment", "mysql-binlog"))


@pytest.fixture(name="objects", scope="module")
def _objects() -> Objects:
    """All pods are replaced, and the rollout is still open: the CronJobs and the receiver have the agent before it."""
    cluster = Cluster(1)
    made = {one["kind"]: one for one in deploy.objects(ClusterSpec(NAME, "db", replicas=1))}
    wanted = made["StatefulSet"]
    for name in ("mysql-config", OLD, NEW, PLAIN):
        program = {
            "kind": "ConfigMap",
            "binaryData": {"agent.pyz": "bmV3" if name == NEW else "b2xk"},
            "immutable": True,
        }
        meta = {"name": name, "namespace": "db", "labels": {**names.selector(NAME), names.LABEL_NAME: names.APP_NAME}}
        cluster.store.put({**program, "metadata": meta})
    session = cluster.session(1.0)
    session.client.apply(_with_agent(wanted, OLD))
    session.client.create("Secret", {"kind": "Secret", **target.make_secret(TARGET, "password", {})})
    schedule.put(session, NAME, scheduling.Request("0 3 * * *", "0 5 * * 0", TARGET.name))
    with pytest.raises(errors.WaitTimeout):
        binlog.start(session, NAME, receiving.Request(TARGET))
    record = rollout.Rollout("agent", "2026-01-01T00:00:00Z", {}, "9.7.4", "9.7.4")
    rolling.begin(session, [], record, _with_agent(wanted, NEW))
    del cluster.store.objects["Pod", "mysql-0"]
    return cluster.store.objects


def _with_agent(stateful_set: dict[str, Any], name: str) -> dict[str, Any]:
    made = copy.deepcopy(stateful_set)
    volumes = made["spec"]["template"]["spec"]["volumes"]
    next(one for one in volumes if one["name"] == "agent")["configMap"]["name"] = name
    return made


def _cluster(objects: Objects) -> Cluster:
    cluster = Cluster(1)
    claim = cluster.store.objects["PersistentVolumeClaim", "data-mysql-0"]
    cluster.store.objects = {**copy.deepcopy(objects), ("PersistentVolumeClaim", "data-mysql-0"): claim}
    cluster.settle()
    return cluster


def _agents(cluster: Cluster, followers: Iterable[tuple[str, str]] = FOLLOWERS) -> set[str]:
    """The agents' ConfigMaps that they are made of."""
    texts = [json.dumps(cluster.store.objects[one]["spec"]) for one in followers]
    return {name for name in (OLD, NEW) for text in texts if f'"{name}"' in text}


def _must_work(cluster: Cluster) -> None:
    maps = {name for kind, name in cluster.store.objects if kind == "ConfigMap"}
    assert _agents(cluster) <= maps, "a follower refers to a ConfigMap that is gone"


def _after(cluster: Cluster, number: int) -> Callable[[str], bool]:
    return lambda _: len(cluster.store.log) == number


def test_followers_refer_to_no_config_map_that_is_gone_wherever_a_rollout_is_killed(objects: Objects) -> None:
    whole = _cluster(objects)
    assert _agents(whole) == {OLD}
    rolling.finish(whole.session(), NAME, LIMITS)
    assert (_agents(whole), whole.store.deleted("ConfigMap")) == ({NEW}, [PLAIN, OLD])
    assert whole.store.objects["ConfigMap", PLAIN]["binaryData"] == {"agent.pyz": "bmV3"}
    assert "Event mysql.rolloutended" in whole.store.log[-1]  # with the change before it, the rollout has ended
    for number in range(1, len(whole.store.log) - 1):
        cluster = _cluster(objects)
        cluster.store.kill_after = _after(cluster, number)
        with pytest.raises(Killed):
            rolling.finish(cluster.session(), NAME, LIMITS)
        _must_work(cluster)
        cluster.store.kill_after = lambda _: False
        upgrade.resume(cluster.session(), NAME, LIMITS)
        assert (_agents(cluster), cluster.store.deleted("ConfigMap")) == ({NEW}, [PLAIN, OLD])
        assert cluster.store.objects["ConfigMap", PLAIN]["binaryData"] == {"agent.pyz": "bmV3"}
        assert rollout.read(cluster.stateful_set()) is None


def test_an_upgrade_that_finds_nothing_to_do_brings_followers_in_line(objects: Objects) -> None:
    cluster = _cluster(objects)
    nothing = upgrade.Change("", (), cluster.stateful_set(), None, ())
    assert upgrade.execute(cluster.session(), NAME, nothing, LIMITS) == []
    assert _agents(cluster) == {NEW}


STRANGERS = (*FOLLOWERS, ("Job", "mysql-restore"), ("Job", "mysql-adopt"), ("Lease", "mysql-binlog"))


@pytest.fixture(name="foreign")
def _foreign(objects: Objects) -> Cluster:
    """Somebody else's objects have all the names that follow from the cluster's."""
    cluster = _cluster(objects)
    for kind, name in STRANGERS:
        cluster.store.put({"kind": kind, "metadata": {"name": name, "labels": {"app": "theirs"}}, "spec": {}})
    return cluster


def test_objects_of_others_are_no_followers(foreign: Cluster) -> None:
    session = foreign.session()
    assert upgrade.resume(session, NAME, LIMITS) is not None
    assert rollout.read(foreign.stateful_set()) is None, "the rollout is closed"
    seen = compared.look(session.client, NAME)
    assert (seen.schedule, seen.receiver) == (None, None)
    schedule.remove(session, NAME)
    assert not binlog.stop(session, NAME)
    with pytest.raises(errors.Refused, match="no schedule"):
        schedule.run_now(session, NAME, scheduling.BACKUP, wait=False)
    for job in (names.restore_job(NAME), names.adopt_job(NAME)):
        jobs.delete(session, job, NAME)
    assert not {(one.kind, one.name) for one in delete.plan(session.client, NAME, purge_data=True).steps} & {*STRANGERS}
    assert foreign.store.objects.keys() >= {*STRANGERS}
    assert not {(kind, name) for kind, name in STRANGERS if name in foreign.store.deleted(kind)}


def test_nothing_takes_the_place_of_an_object_of_others(foreign: Cluster) -> None:
    session = foreign.session()
    wanted = {"kind": "Job", "metadata": {"name": names.restore_job(NAME), "labels": names.selector(NAME)}, "spec": {}}
    with pytest.raises(errors.Refused, match="Job mysql-restore exists and was not created by mysqlops"):
        jobs.begin(session, wanted)
    with pytest.raises(errors.Refused, match="CronJob mysql-backup exists and was not created by mysqlops"):
        schedule.put(session, NAME, scheduling.Request("0 3 * * *", "0 5 * * 0", TARGET.name))
    foreign.store.settle = lambda: None  # no controller deletes the pod
    foreign.store.put({"kind": "Pod", "metadata": {"name": "mysql-image-check-unlocked"}, "spec": {}})
    spec = ClusterSpec(NAME, "db", replicas=1)
    with pytest.raises(errors.Refused, match="Pod mysql-image-check-unlocked exists and was not created by mysqlops"):
        image_check.check(session, spec, deploy.objects(spec))
    assert ("Pod", "mysql-image-check-unlocked") in foreign.store.objects
