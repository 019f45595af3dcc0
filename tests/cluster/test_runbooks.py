"""Each runbook script, in the situation that it is for."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mysqlops.core import names
from tests.cluster import data
from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace, Result, eventually, fill, killed, run, s3_target

pytestmark = pytest.mark.long
FOLDER = Path(__file__).parents[2] / "scripts" / "runbooks"
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]
CONTENT = [[1], [2], [3]]


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Namespace:
    namespace.must("deploy", "mysql", *SMALL)
    primary = namespace.status()["primary"]
    namespace.sql(primary, "CREATE TABLE app.kept (id INT PRIMARY KEY)")
    namespace.sql(primary, "INSERT INTO app.kept VALUES (1), (2), (3)")
    return namespace


def book(namespace: Namespace, name: str, *words: str, timeout: float = 600) -> Result:
    """Run a script as a user does, with mysqlops on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    where = {"MYSQLOPS_NAMESPACE": namespace.name, "PATH": path}
    return run(str(FOLDER / f"{name}.sh"), *words, timeout=timeout, **where)


def _assert_whole(cluster: Namespace) -> None:
    assert cluster.mysqlops("status", "mysql").code == 0
    assert [cluster.sql(member, "SELECT id FROM app.kept ORDER BY id") for member in MEMBERS] == [CONTENT] * 3


def test_node_maintenance_moves_the_primary_away(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    done = book(cluster, "node-maintenance", "mysql", primary)
    assert done.code == 0, done.err
    assert cluster.status()["primary"] != primary


def test_primary_lost_waits_for_another_one(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    cluster.kubectl("delete", "pod", primary, "--grace-period=0", "--force", "--wait=false")
    eventually(lambda: cluster.mysqlops("status", "mysql").code != 0, "the loss is seen")
    assert book(cluster, "node-maintenance", "mysql", primary).code == 1
    done = book(cluster, "primary-lost", "mysql")
    assert done.code == 0, done.err
    where = {"MYSQLOPS_NAMESPACE": cluster.name}
    done = run(sys.executable, "-m", "mysqlops", "runbook", "--run", "primary-lost", "mysql", timeout=60, **where)
    assert (done.code, "healthy" in done.out) == (0, True), done.err
    _assert_whole(cluster)


def test_full_outage_waits_for_the_group(cluster: Namespace) -> None:
    cluster.kubectl("delete", "pods", *MEMBERS, "--grace-period=0", "--force", "--wait=false")
    eventually(lambda: cluster.mysqlops("status", "mysql").code == 9, "the outage is seen")
    done = book(cluster, "full-outage", "mysql")
    assert done.code == 0, done.err
    _assert_whole(cluster)


def test_replica_diverged_rebuilds_only_with_the_loss_accepted(cluster: Namespace) -> None:
    replica = cluster.replicas()[0]
    data.stray(cluster, replica)
    eventually(lambda: "errant" in cluster.mysqlops("status", "mysql").out, "the errant transaction is named")
    assert book(cluster, "replica-diverged", "mysql", replica).code == 3
    done = book(cluster, "replica-diverged", "mysql", replica, "accept-loss")
    assert done.code == 0, done.err
    _assert_whole(cluster)


def test_disk_full_makes_room(cluster: Namespace) -> None:
    fill(cluster, cluster.status()["primary"])
    eventually(lambda: cluster.mysqlops("status", "mysql").code != 0, "the full volume is seen")
    done = book(cluster, "disk-full", "mysql", "2Gi")
    assert done.code == 0, done.err
    _assert_whole(cluster)


def test_leaked_secret_replaces_everything_in_two_runs(cluster: Namespace) -> None:
    def secrets() -> list[str]:
        return [
            cluster.kubectl("get", "secret", name, "-o", f"jsonpath={{.data['{key}']}}")
            for name, key in (("mysql-app", "password"), ("mysql-tls", r"tls\.crt"))
        ]

    before = secrets()
    for words in ((), ("finish",)):
        done = book(cluster, "leaked-secret", "mysql", *words)
        assert done.code == 0, done.err
    assert "the old passwords are dropped\n" in done.out
    assert not set(before) & set(secrets())
    _assert_whole(cluster)


@pytest.fixture(scope="module")
def backup(cluster: Namespace, request: pytest.FixtureRequest) -> str:
    """In the lab's S3, which other namespaces reach too."""
    s3 = s3_target(cluster, request.config)
    done = cluster.mysqlops("backup", "target", "add", "offsite", *s3)
    assert done.code == 0, done.err
    done = cluster.mysqlops("backup", "create", "mysql", "-o", "json")
    assert done.code == 0, done.err
    return str(done.json()["id"])


def test_restore_makes_a_cluster_beside(cluster: Namespace, backup: str) -> None:
    listed = book(cluster, "restore")
    assert (listed.code, backup in listed.out) == (2, True)
    done = book(cluster, "restore", backup, "copy", "--replicas", "1")
    assert done.code == 0, done.err
    assert cluster.sql("copy-0", "SELECT id FROM app.kept ORDER BY id") == CONTENT
    assert cluster.mysqlops("delete", "copy", "--purge-data", "--confirm", "copy").code == 0
    _assert_whole(cluster)


def test_region_moved_needs_no_more_than_the_repository(
    cluster: Namespace, backup: str, request: pytest.FixtureRequest
) -> None:
    there = Namespace(f"{cluster.name}-b")
    run("kubectl", f"--kubeconfig={KUBECONFIG}", "create", "namespace", there.name, timeout=30)
    try:
        secret = json.loads(cluster.kubectl("get", "secret", "backup-target-offsite", "-o", "json"))
        kept = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kept"}}
        own = json.loads(cluster.kubectl("get", "secret", "mysql-internal", "-o", "json"))["data"]
        keys = {"password": secret["data"]["password"], names.KEY_BACKUP_KEY: own[names.KEY_BACKUP_KEY]}
        password = {**kept, "data": keys}
        there.kubectl("apply", "-f", "-", stdin=json.dumps(password))
        s3_target(there, request.config)  # its keys
        words = ("offsite", f"http://s3.lab-s3.svc:9000/{cluster.name}", "s3-keys", "kept", backup, "moved")
        done = book(there, "region-moved", *words, "--replicas", "1")
        assert done.code == 0, done.err
        assert there.sql("moved-0", "SELECT id FROM app.kept ORDER BY id") == CONTENT
    finally:
        there.kubectl("delete", "namespace", there.name, "--wait=false")


def test_drill_killed_leaves_nothing(cluster: Namespace, tmp_path: Path) -> None:
    def is_open() -> bool:
        annotations = json.loads(cluster.kubectl("get", "lease", "mysql-group", "-o", "json"))["metadata"][
            "annotations"
        ]
        return 'deadline": "2' in annotations.get("mysqlops.io/drill", "")

    words = ("drill", "kill-agent", "--force", "a test", "--confirm", "mysql", "--count", "1", "--report")
    killed(cluster, is_open, *words, str(tmp_path))
    done = book(cluster, "drill-killed", "mysql")
    assert done.code == 0, done.err
    assert not is_open()
    assert [one for one in cluster.objects("pods") if "drill" in one["metadata"]["name"]] == []
    _assert_whole(cluster)
