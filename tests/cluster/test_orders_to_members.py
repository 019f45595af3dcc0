"""Orders to members on real mysqld: a rebuild, a restore that waits, a claim that goes, a fence.

In a cluster of its own: a member that joins by the binary log needs one that can be applied, and
tests/cluster/test_repair.py leaves none.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from mysqlops.core import group, instant
from tests.cluster.conftest import SMALL, Namespace, eventually

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Namespace:
    namespace.must("deploy", "mysql", *SMALL)
    return namespace


def _order(cluster: Namespace, kind: str, order: dict[str, Any]) -> None:
    text = json.dumps(order) if order else None
    change = {"metadata": {"annotations": {f"mysqlops.io/{kind}": text}}}
    cluster.kubectl("patch", "lease", "mysql-group", "--type=merge", "-p", json.dumps(change))


def _copied(cluster: Namespace, member: str) -> bool:
    return cluster.sql(member, "SELECT state FROM performance_schema.clone_status") == [["Completed"]]


def _empty(cluster: Namespace, member: str) -> None:
    """Its volume is lost, and its pod with it."""
    before = cluster.sql(member, "SELECT @@server_uuid")[0][0]
    cluster.kubectl("delete", "pvc", f"data-{member}", "--wait=false")
    cluster.kubectl("delete", "pod", member)

    def is_back() -> bool:
        found = next(one for one in cluster.status()["members"] if one["name"] == member)
        return bool(found["state"] == "ONLINE" and found["server_uuid"] != before)

    eventually(is_back, f"{member} is back with other data", 180)


def test_an_order_to_rebuild_is_obeyed_once(cluster: Namespace) -> None:
    """A killed command left it: whatever is in that place later is a new member like any other."""
    cluster.await_healthy()
    member = cluster.replicas()[0]
    _order(cluster, "rebuilding", {member: {"uid": "gone", "at": instant.text(datetime.now(UTC))}})
    _empty(cluster, member)
    assert _copied(cluster, member), "although the group has few transactions"
    lease = json.loads(cluster.kubectl("get", "lease", "mysql-group", "-o", "json"))
    noted = json.loads(lease["metadata"]["annotations"]["mysqlops.io/rebuilding"])
    assert [[noted[member]["server"]]] == cluster.sql(member, "SELECT @@server_uuid")
    cluster.await_healthy()
    _empty(cluster, member)
    assert not _copied(cluster, member)
    assert "order-open" in cluster.conditions()
    _order(cluster, "rebuilding", {})


def test_a_pod_that_waits_for_a_backup_is_evicted_at_once(cluster: Namespace) -> None:
    """The command that restores onto it was killed: it waits for nothing that its grace period would give it."""
    cluster.await_healthy()
    member = cluster.replicas()[0]
    _order(cluster, "filling", {member: "a-backup"})
    cluster.kubectl("delete", "pod", member)
    waiting = "wait-for-database: waiting until a-backup is on the volume"
    eventually(lambda: waiting in cluster.kubectl("logs", member, "-c", "wait-for-database", check=False), "it waits")
    began = time.monotonic()
    cluster.kubectl("delete", "pod", member)
    assert time.monotonic() - began < 30
    _order(cluster, "filling", {})
    cluster.await_healthy(seconds=180)


def test_no_outage_would_wait_for_a_member_whose_claim_goes(cluster: Namespace) -> None:
    """It leaves its group before, and stays outside; the Lease of the group says so when the claim is deleted."""
    cluster.await_healthy()
    replica = cluster.replicas()[-1]
    uuid = cluster.sql(replica, "SELECT @@server_uuid")[0][0]
    claim = json.loads(cluster.kubectl("get", "pvc", f"data-{replica}", "-o", "json"))["metadata"]["uid"]

    def is_gone() -> bool:
        found = json.loads(cluster.kubectl("get", "pvc", f"data-{replica}", "-o", "json", check=False) or "{}")
        metadata = found.get("metadata", {})
        return metadata.get("uid") != claim or "deletionTimestamp" in metadata

    words = ("member", "rebuild", "mysql", replica, "--confirm", replica, "-n", cluster.name)
    with subprocess.Popen([sys.executable, "-m", "mysqlops", *words]) as rebuilding:
        eventually(is_gone, "the claim is deleted", 120)
        lease = json.loads(cluster.kubectl("get", "lease", "mysql-group", "-o", "json"))
        assert uuid not in group.note_of(lease["metadata"]["annotations"]).expected().values()
        assert rebuilding.wait(300) == 0
    assert cluster.await_healthy()["online"] == 3


def test_no_command_waits_for_a_member_that_is_fenced(cluster: Namespace) -> None:
    cluster.await_healthy()
    other, fenced = cluster.replicas()
    cluster.must("member", "fence", "mysql", fenced, "--yes")
    cluster.must("switchover", "mysql", "--to", other, "--timeout", "60s")
    assert cluster.status()["primary"] == other
    done = cluster.mysqlops("member", "rebuild", "mysql", fenced, "--confirm", fenced, "--timeout", "3m")
    assert (done.code, "is still fenced" in done.err) == (0, True), done.err
    assert _copied(cluster, fenced)
    cluster.must("deploy", "mysql", *SMALL, "--timeout", "60s")
    cluster.must("member", "unfence", "mysql", fenced)
    cluster.await_healthy()
