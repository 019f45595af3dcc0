"""`mysqlops drill --node-pods`: faults of a node where there is no lab, with just the rights that it needs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mysqlops.core import names, rights
from mysqlops.drill import faults
from mysqlops.drill.clients import fleet
from mysqlops.drill.model import DEFAULT_NODE_IMAGE, Record
from mysqlops.drill.reach import node_pods
from mysqlops.drill.scene import Scene
from mysqlops.operations import observe
from tests.cluster.conftest import Namespace, eventually, killed, make_namespace
from tests.faults import ledger

pytestmark = pytest.mark.long  # minutes each; CI has an hour

NODE_IMAGE = os.environ.get("MYSQLOPS_NODE_IMAGE", DEFAULT_NODE_IMAGE)


@pytest.fixture(scope="module")
def reach(cluster: Namespace) -> Iterator[Namespace]:
    """A namespace that admits privileged pods, in which the owner of the other one has just the rights for them."""
    made = make_namespace(f"{cluster.name}-nodes", "privileged")
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "node-pods"}}
    made.kubectl("apply", "-f", "-", stdin=json.dumps({**role, "rules": rights.rules(rights.NODE_PODS, "mysql")}))
    made.kubectl("create", "rolebinding", "owner", "--role=node-pods", f"--serviceaccount={cluster.name}:owner")
    yield made
    made.kubectl("delete", "namespace", made.name, "--wait=false")


def _words(fault: str, reach: str, folder: Path | str = "drills") -> tuple[str, ...]:
    own = ("mysql", "--force", "a test", "--confirm", "mysql", "--count", "1", "--report", str(folder))
    return ("drill", fault, "--no-lab", "--node-pods", reach, *own)


@pytest.mark.parametrize(
    ("reach", "code", "told"),
    [("", 3, "needs-node"), ("NOT A NAME", 2, "--node-pods 'NOT A NAME'"), ("nowhere-at-all", 3, "node-pods-refused")],
)
def test_a_namespace_where_no_such_pod_may_be_is_refused(cluster: Namespace, reach: str, code: int, told: str) -> None:
    done = cluster.mysqlops(*_words("freeze", reach))
    assert (done.code, told in done.err) == (code, True), done.err
    assert ledger.open_drill(cluster) is None


def test_the_databases_own_namespace_admits_none(cluster: Namespace) -> None:
    done = cluster.mysqlops(*_words("freeze", cluster.name))
    assert done.code == 3
    assert "PodSecurity" in done.err
    assert ledger.open_drill(cluster) is None


def test_a_primary_is_isolated_by_a_pod_on_its_node(cluster: Namespace, reach: Namespace, tmp_path: Path) -> None:
    before = {pod["metadata"]["uid"] for pod in cluster.objects("pods")}
    done = cluster.mysqlops(*_words("isolate-primary", reach.name, tmp_path), "-o", "json")
    assert done.code == 0, done.err
    (one,) = done.json()["rounds"]
    assert one["counts"]["acknowledged"] > 100
    assert 5 < one["gap"] < 15, "the group removes a silent member after five seconds, not before"
    assert one["minority_last"] < 5, "clients on its node were answered no longer"
    assert {pod["metadata"]["uid"] for pod in cluster.objects("pods")} == before, "no member is replaced, none is left"
    assert ledger.open_drill(cluster) is None
    eventually(lambda: reach.objects("pods") == [], "no pod is left on a node", 30)


def test_a_killed_drill_is_undone_by_abort_from_anywhere(cluster: Namespace, reach: Namespace, tmp_path: Path) -> None:
    killed(cluster, lambda: _is_frozen(cluster, reach), *_words("freeze", reach.name, tmp_path))
    found = ledger.open_drill(cluster)
    assert found is not None
    assert found.node_pods == reach.name
    # The pod that froze it is gone as well, and what was planted in it: abort makes another.
    reach.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
    done = cluster.mysqlops("drill", "abort", "mysql")
    assert done.code == 0, done.err
    cluster.await_healthy(seconds=120)
    assert ledger.open_drill(cluster) is None
    eventually(lambda: reach.objects("pods") == [], "no pod is left on a node", 30)


def test_a_fault_undoes_itself_when_nobody_is_left(cluster: Namespace, reach: Namespace) -> None:
    cluster.await_healthy(seconds=120)
    session = ledger.session(cluster)
    now = observe.judged(session, "mysql")
    replica = next(one.name for one in now.members if one.role == names.ROLE_REPLICA)
    own = node_pods.NodePods(session, "mysql", reach.name, NODE_IMAGE)
    scene = Scene(session, now, fleet.cluster_of(session, now), replica, nodes=own)
    fault = faults.find("isolate-replica")
    try:
        facts = fault.prepare(scene)
        assert fault.undo is not None
        own.plant(fault.undo(scene, facts), 3, "a-test")
        fault.inject(scene, facts)
        assert not fault.is_healed(scene, facts)
        eventually(lambda: fault.is_healed(scene, facts), "the planted undoing", 30)
    finally:
        own.remove()


def _is_frozen(cluster: Namespace, reach: Namespace) -> bool:
    def cat(_: Record, path: str) -> str:
        pods = [pod for pod in reach.objects("pods") if pod["status"].get("phase") == "Running"]
        names_of = [str(pod["metadata"]["name"]) for pod in pods]
        return reach.kubectl("exec", names_of[0], "--", "cat", path, check=False) if names_of else ""

    return ledger.is_frozen(cluster, cat)
