"""Changes of a running cluster under writes, in the order of this file: pods, settings, members, volumes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mysqlops.objects import network
from tests.cluster.conftest import Namespace, Result, eventually, fill, killed, purge
from tests.faults.ledger import Ledger

THREE = ["mysql-0", "mysql-1", "mysql-2"]
FIVE = [*THREE, "mysql-3", "mysql-4"]


def _under_writes(cluster: Namespace, change: Callable[[], None], members: list[str]) -> None:
    """How long clients wait is what scripts/bench-changes measures: here other tests run beside this one."""
    outcome = Ledger(cluster).under_writes(change, members)
    print(outcome)
    assert outcome.acknowledged > 50
    assert outcome.is_clean(), outcome


def _succeeds(cluster: Namespace, *words: str) -> Result:
    done = cluster.mysqlops(*words, timeout=400)
    assert done.code == 0, done.err
    return done


def _uids(cluster: Namespace) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in cluster.objects("pods")}


def _again(cluster: Namespace, *words: str) -> Result:
    """The same command after a kill, without waiting for the dead one's lock to run out."""
    cluster.unlock()
    return _succeeds(cluster, *words)


def _members(cluster: Namespace) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = cluster.status()["members"]
    return members


def test_the_plan_of_an_upgrade_is_shown_and_changes_nothing(cluster: Namespace) -> None:
    primary, before = cluster.status()["primary"], _uids(cluster)
    done = _succeeds(cluster, "upgrade", "mysql", "--memory", "832Mi", "--dry-run", "-o", "json")
    steps = [(step["action"], step["name"]) for step in done.json()["steps"]]
    assert steps[0] == ("apply", "mysql")
    assert steps[-1] == ("replace", primary)
    assert steps[-2][0] == "switchover"
    assert (_uids(cluster), cluster.mysqlops("status", "mysql").code) == (before, 0)
    assert "nothing to do" in _succeeds(cluster, "upgrade", "mysql", "--dry-run").out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["upgrade", "mysql", "--memory", "1Mi"], 2, "--memory 1Mi"),
        (["upgrade", "mysql", "--image", "registry.invalid/mysql:1"], 3, "image-cannot-start"),
        (["upgrade", "mysql", "--resume"], 3, "no rollout of mysql is open"),
        (["upgrade", "mysql", "--resume", "--memory", "1Gi"], 2, "--resume concerns the open rollout"),
        (["upgrade", "other"], 10, "no cluster other"),
        (["config", "set", "mysql", "sync_binlog=0"], 2, "acknowledged writes"),
        (["config", "set", "mysql", "no_such_thing=1"], 3, "no_such_thing"),
        (["config", "set", "mysql", "max_connections=lots"], 3, "max_connections"),
        (["config", "set", "mysql", "max_connections"], 2, "expected KEY=VALUE"),
        (["config", "set", "mysql", "--revert"], 3, "no earlier settings"),
        (["config", "get", "mysql", "no_such_thing"], 3, "know no variable no_such_thing"),
        (["scale", "mysql", "--replicas", "4"], 2, "--replicas 4: an even group"),
        (["scale", "mysql", "--replicas", "1", "--pvc", "delete"], 3, "not-confirmed"),
        (["storage", "resize", "mysql", "--size", "512Mi"], 2, "--size 512Mi"),
        (["storage", "resize", "mysql", "--size", "lots"], 2, "--size 'lots'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_input(cluster: Namespace, words: list[str], code: int, told: str) -> None:
    before = _uids(cluster)
    done = cluster.mysqlops(*words)
    assert done.code == code, done.err
    assert told in done.err
    assert "Traceback" not in done.err
    assert _uids(cluster) == before


def test_a_rollout_under_writes_goes_on_where_it_was_killed(cluster: Namespace) -> None:
    """Of a setting that takes a restart; the upgrades below replace pods in the same way."""
    primary, before = cluster.status()["primary"], _uids(cluster)
    last = next(one for one in reversed(THREE) if one != primary)

    def change() -> None:
        killed(cluster, lambda: _uids(cluster).get(last) not in (None, before[last]), *words)
        seen = cluster.mysqlops("status", "mysql").out
        assert "rollout-open: a rollout is open (settings): 1 of 3 pods are up to date" in seen
        assert "settings, since" in _succeeds(cluster, "upgrade", "mysql", "--status").out
        # The lock of the killed command is nobody's: this one waits until that is sure, and goes on.
        done = cluster.mysqlops("upgrade", "mysql", "--cpu", "150m")
        assert (done.code, "rollout-open" in done.err) == (3, True)
        order.extend(_succeeds(cluster, "upgrade", "mysql", "--resume", "-o", "json").json()["replaced"])

    words, order = ("config", "set", "mysql", "back_log=90"), [last]
    _under_writes(cluster, change, THREE)
    assert (sorted(order), order[-1]) == (THREE, primary)
    assert before.items().isdisjoint(_uids(cluster).items())
    steps = [one["message"] for one in cluster.objects("events") if one["reason"] == "RolloutStep"]
    assert sorted(step.split(":")[0] for step in steps if step.endswith("; settings")) == [
        f"member {number} of 3" for number in (1, 2, 3)
    ]
    assert {_value(cluster, one, "back_log") for one in THREE} == {"90"}
    names = [one["metadata"]["name"] for one in cluster.objects("configmaps")]
    assert [name.startswith("mysql-config") for name in names].count(True) == 1
    done = cluster.mysqlops("deploy", "mysql", "--memory", "1Gi")
    assert (done.code, "mysqlops upgrade mysql --memory 1Gi" in done.err) == (3, True)
    assert "nothing changed" in _succeeds(cluster, "deploy", "mysql").out


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another release of mysqlops: the same sources with another version, hence another agent."""
    folder = tmp_path_factory.mktemp("newer")
    for name in ("mysqlops", "manifests", "vendor"):
        shutil.copytree(Path(__file__).parents[2] / name, folder / name)
    (folder / "mysqlops" / "version.py").write_text('__version__ = "99.0.0"\n')
    return folder


@pytest.mark.long
def test_agents_of_two_releases_work_side_by_side_and_an_open_upgrade_is_taken_back(
    cluster: Namespace, newer: Path
) -> None:
    before = _uids(cluster)
    last = next(one for one in reversed(THREE) if one != cluster.status()["primary"])
    killed(cluster, lambda: _uids(cluster).get(last) not in (None, before[last]), "upgrade", "mysql", cwd=newer)
    wanted = "agents of several versions are running: 0.1.0, 99.0.0"
    eventually(lambda: wanted in cluster.mysqlops("status", "mysql").out, "two releases", 60)
    eventually(lambda: next(one["state"] for one in _members(cluster) if one["name"] == last) == "ONLINE", "joined", 60)
    _again(cluster, "switchover", "mysql", "--to", last)
    done = _succeeds(cluster, "upgrade", "mysql", "--rollback")
    assert f"replaced {last}" in done.out
    cluster.await_healthy()
    agents = [one["metadata"]["name"] for one in cluster.objects("configmaps") if "agent" in one["metadata"]["name"]]
    assert agents == ["mysql-agent"]


def _value(cluster: Namespace, member: str, variable: str) -> str:
    return str(cluster.sql(member, f"SELECT @@GLOBAL.{variable}")[0][0])


def _policy(cluster: Namespace) -> network.Access:
    found = {one["metadata"]["name"]: one for one in cluster.objects("networkpolicies")}
    return network.access_of(found["mysql"])


def test_who_may_connect_is_changed_without_replacing_a_pod(cluster: Namespace) -> None:
    before = _uids(cluster)
    assert _policy(cluster) == network.Access((), (), False)
    words = ("--client-namespaces", "web,shop", "--metrics-namespaces", "*", "--limit-egress")
    assert _succeeds(cluster, "upgrade", "mysql", *words, "-o", "json").json()["replaced"] == []
    assert _policy(cluster) == network.Access(("shop", "web"), ("*",), True)
    assert "no pod was replaced" in _succeeds(cluster, "upgrade", "mysql").out
    assert _policy(cluster) == network.Access(("shop", "web"), ("*",), True)
    refused = cluster.mysqlops("deploy", "mysql", "--client-namespaces", "")
    assert (refused.code, "--client-namespaces" in refused.err) == (3, True)
    _succeeds(cluster, "upgrade", "mysql", "--client-namespaces", "", "--metrics-namespaces", "", "--any-egress")
    assert (_policy(cluster), _uids(cluster)) == (network.Access((), (), False), before)


def test_settings_that_can_are_set_live_and_survive_a_crash(cluster: Namespace) -> None:
    before = _uids(cluster)
    _succeeds(cluster, "config", "set", "mysql", "long_query_time=0.5", "max_connections=70")
    assert _uids(cluster) == before
    assert {(_value(cluster, one, "long_query_time"), _value(cluster, one, "max_connections")) for one in THREE} == {
        ("0.5", "70")
    }
    replica = cluster.replicas()[0]
    cluster.kubectl("exec", replica, "-c", "mysqld", "--", "sh", "-c", "kill 1")
    eventually(lambda: next(one["restarts"] for one in _members(cluster) if one["name"] == replica) > 0, "a restart")
    cluster.await_healthy()
    assert _value(cluster, replica, "max_connections") == "70"
    cluster.sql("mysql-1", "SET GLOBAL max_connections = 65")
    told = _succeeds(cluster, "config", "diff", "mysql", "-o", "json").json()
    assert [(one["name"], one["my_cnf"], one["members"]["mysql-1"]) for one in told] == [
        ("max_connections", "70", "65")
    ]
    _succeeds(cluster, "config", "set", "mysql", "max_connections=70")
    assert "runs with the values in my.cnf" in _succeeds(cluster, "config", "diff", "mysql").out
    _succeeds(cluster, "config", "set", "mysql", "--revert")
    assert {_value(cluster, one, "long_query_time") for one in THREE} == {"10.0"}
    assert "user" not in _succeeds(cluster, "config", "get", "mysql", "long_query_time").out


def void(_: Result) -> None:
    """A change whose result is of no interest."""


@pytest.mark.long
def test_a_canary_that_does_not_come_up_is_taken_back_without_hands(cluster: Namespace) -> None:
    """The server's own check lets this pass; a server with data refuses to start with it."""
    primary, before = cluster.status()["primary"], _uids(cluster)

    def fail() -> None:
        done = cluster.mysqlops("config", "set", "mysql", "innodb_data_file_path=ibdata1:50M:autoextend", timeout=400)
        assert done.code == 6, done.err
        assert "CrashLoopBackOff" in done.err
        assert "rolled back" in done.err

    _under_writes(cluster, fail, THREE)
    seen = cluster.await_healthy()
    after = _uids(cluster)
    assert seen["primary"] == primary
    assert sorted(name for name in THREE if after[name] == before[name]) != THREE
    assert after[primary] == before[primary]
    assert "ibdata1:50M" not in json.dumps(cluster.objects("configmaps"))


def _claims(cluster: Namespace) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["metadata"] for one in cluster.objects("pvc")}


def test_scaling_up_and_down_under_writes_also_when_killed(cluster: Namespace) -> None:
    _under_writes(cluster, lambda: void(_succeeds(cluster, "scale", "mysql", "--replicas", "5")), FIVE)
    _succeeds(cluster, "switchover", "mysql", "--to", "mysql-4")

    def down() -> None:
        killed(cluster, lambda: "mysql-4" not in _uids(cluster), "scale", "mysql", "--replicas", "1")
        _again(cluster, "scale", "mysql", "--replicas", "3")

    _under_writes(cluster, down, THREE)
    kept = _claims(cluster)["data-mysql-4"]
    assert kept["labels"]["mysqlops.io/kept"] == "true"
    assert ":1-" in kept["annotations"]["mysqlops.io/kept-executed"]


@pytest.mark.long
def test_claims_that_were_kept_are_used_again(cluster: Namespace) -> None:
    before = _claims(cluster)["data-mysql-2"]["uid"]

    def there_and_back() -> None:
        _succeeds(cluster, "scale", "mysql", "--replicas", "1")
        _succeeds(cluster, "scale", "mysql", "--replicas", "3")

    _under_writes(cluster, there_and_back, THREE)
    claim = _claims(cluster)["data-mysql-2"]
    assert (claim["uid"], "mysqlops.io/kept" in claim["labels"]) == (before, False)


@pytest.mark.long
def test_volumes_of_a_class_that_cannot_expand_are_replaced_one_by_one(cluster: Namespace) -> None:
    words = ("storage", "resize", "mysql", "--size", "1200Mi", "--by-rebuild")
    assert cluster.mysqlops(*words).code == 3
    _succeeds(cluster, *words, "--confirm", "mysql")
    sizes = {one["metadata"]["name"]: one["status"]["capacity"]["storage"] for one in cluster.objects("pvc")}
    assert [sizes[f"data-{one}"] for one in THREE] == ["1200Mi"] * 3
    cluster.await_healthy()


def test_a_kept_claim_that_the_group_cannot_bring_up_to_date_is_refused(cluster: Namespace) -> None:
    for member in THREE:
        purge(cluster, member)
    done = cluster.mysqlops("scale", "mysql", "--replicas", "5")
    assert (done.code, "lacks" in done.err, "--rebuild" in done.err) == (3, True, True)
    done = _succeeds(cluster, "scale", "mysql", "--replicas", "5", "--rebuild", "--dry-run")
    assert "would add Pod mysql-4" in done.out
    _succeeds(cluster, "scale", "mysql", "--replicas", "3", "--pvc", "delete", "--confirm", "mysql")
    assert sorted(_claims(cluster)) == [f"data-{one}" for one in THREE]
    cluster.await_healthy()


def test_volumes_grow_also_when_one_is_full_and_the_command_is_killed(cluster: Namespace) -> None:
    before, logs = _uids(cluster), _value(cluster, "mysql-0", "max_binlog_size")
    replica = cluster.replicas()[0]
    fill(cluster, replica)
    eventually(
        lambda: next(one["state"] for one in _members(cluster) if one["name"] == replica) == "OFFLINE", "it left"
    )
    resize = ("storage", "resize", "mysql", "--size", "1500Mi")
    words = ("get", "lease", "mysql-group", "-o", "yaml")
    killed(cluster, lambda: "mysqlops.io/recreating" in cluster.kubectl(*words), *resize)
    _again(cluster, *resize)
    cluster.await_healthy()
    assert _uids(cluster) == before
    sizes = {one["status"]["capacity"]["storage"] for one in cluster.objects("pvc")}
    assert sizes == {"1500Mi"}
    template = cluster.objects("statefulsets")[0]["spec"]["volumeClaimTemplates"][0]
    assert template["spec"]["resources"]["requests"]["storage"] == "1500Mi"
    cluster.kubectl("exec", replica, "-c", "mysqld", "--", "rm", "/var/lib/mysql/filler")
    eventually(lambda: cluster.mysqlops("status", "mysql").code == 0, "room again", 30)
    assert "nothing changed" in _succeeds(cluster, *resize).out
    assert int(_value(cluster, "mysql-0", "max_binlog_size")) > int(logs)
    done = cluster.mysqlops("storage", "resize", "mysql", "--size", "1Gi")
    assert (done.code, "cannot shrink" in done.err) == (3, True)
