"""The NetworkPolicies where a network enforces them (kube-router, in the lab): who is let in, and what still works."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.conftest import (
    AGENT_IMAGE,
    KUBECONFIG,
    LAB,
    LOCKED,
    Namespace,
    eventually,
    make_namespace,
    must_be_the_lab,
    s3_target,
)

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.lab]
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"
_LISTEN = "import http.server; http.server.HTTPServer(('', 9999), http.server.BaseHTTPRequestHandler).serve_forever()"
CLIENT = {"mysqlops.io/client": "mysql"}
JOB = {"app.kubernetes.io/managed-by": "mysqlops", "app.kubernetes.io/component": "backup"}


@dataclass(frozen=True)
class Pod:
    """One that tries to connect, and listens on port 9999."""

    namespace: Namespace
    name: str
    container: str = "shell"

    def reaches(self, address: str, port: int) -> bool:
        words = ("exec", self.name, "-c", self.container, "--", "python3", "-c", _CONNECT, address, str(port))
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={KUBECONFIG}", "-n", self.namespace.name, *words],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        # Anything but the connection itself must not pass for a refusal.
        assert done.returncode == 0 or "TimeoutError" in done.stderr or "Refused" in done.stderr, done.stderr
        return done.returncode == 0

    @property
    def address(self) -> str:
        return self.namespace.kubectl("get", "pod", self.name, "-o", "jsonpath={.status.podIP}")


def _start(namespace: Namespace, name: str, labels: dict[str, str]) -> Pod:
    container = {
        "name": "shell",
        "image": AGENT_IMAGE,
        "command": ["python3", "-c", _LISTEN],
        "securityContext": LOCKED,
    }
    user = {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"securityContext": user, "containers": [container], "terminationGracePeriodSeconds": 0}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    namespace.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    return Pod(namespace, name)


@pytest.fixture(scope="module", autouse=True)
def _enforced(request: pytest.FixtureRequest) -> Iterator[None]:
    """kube-router in the lab, built if need be; another cluster's network is its owner's business."""
    must_be_the_lab(request.config, "a network that enforces policies")
    subprocess.run([LAB, "policies", "on"], check=True, timeout=1800)
    yield
    subprocess.run([LAB, "policies", "off"], check=True, timeout=300)


@pytest.fixture(scope="module")
def elsewhere(namespace: Namespace) -> Iterator[Namespace]:
    made = make_namespace(f"test-{uuid.uuid4().hex[:8]}")
    yield made
    made.kubectl("delete", "namespace", made.name, "--wait=false")


def _comes_through(pod: Pod, address: str, port: int) -> None:
    """The enforcer needs a moment for what is new."""
    eventually(lambda: pod.reaches(address, port), f"{pod.name} reaches port {port}", 30)


def _is_shut_out(pod: Pod, address: str, port: int) -> None:
    eventually(lambda: not pod.reaches(address, port), f"{pod.name} no longer reaches port {port}", 30)
    assert not any(pod.reaches(address, port) for _ in range(3))


def test_only_labelled_pods_of_the_own_namespace_reach_the_database(cluster: Namespace, elsewhere: Namespace) -> None:
    member = Pod(cluster, "mysql-0").address
    client, stranger = _start(cluster, "client", CLIENT), _start(cluster, "stranger", {})
    foreign = _start(elsewhere, "foreign-client", CLIENT)
    for address in (member, f"mysql.{cluster.name}.svc", f"mysql-replicas.{cluster.name}.svc"):
        _comes_through(client, address, 3306)
        _is_shut_out(stranger, address, 3306)
        _is_shut_out(foreign, address, 3306)
    _comes_through(stranger, member, 8306)  # /metrics, to the cluster's own namespace
    _is_shut_out(foreign, member, 8306)
    # Nobody reaches what only members use.
    for port in (33060, 33062):
        assert not client.reaches(member, port)


def test_upgrade_opens_the_cluster_to_other_namespaces(cluster: Namespace, elsewhere: Namespace) -> None:
    member = Pod(cluster, "mysql-0").address
    foreign, watcher = Pod(elsewhere, "foreign-client"), _start(elsewhere, "watcher", {})
    options = ("--client-namespaces", elsewhere.name, "--metrics-namespaces", elsewhere.name)
    cluster.must("upgrade", "mysql", *options)
    _comes_through(foreign, member, 3306)
    _comes_through(watcher, member, 8306)
    _is_shut_out(watcher, member, 3306)
    cluster.must("upgrade", "mysql", "--client-namespaces", "", "--metrics-namespaces", "")
    _is_shut_out(foreign, member, 3306)
    _is_shut_out(watcher, member, 8306)


def test_nobody_reaches_a_job_and_a_backup_works(cluster: Namespace, request: pytest.FixtureRequest) -> None:
    job, stranger = _start(cluster, "job", JOB), Pod(cluster, "stranger")
    _is_shut_out(stranger, job.address, 9999)
    _comes_through(job, stranger.address, 9999)
    cluster.must("backup", "target", "add", "s3", *s3_target(cluster, request.config))
    made = cluster.must("backup", "create", "mysql", "--target", "s3", "-o", "json")
    assert cluster.must("backup", "verify", "mysql", made["id"], "--target", "s3", "-o", "json")["level"] == "restored"


def test_members_under_limited_egress_reach_each_other_only(cluster: Namespace) -> None:
    member, stranger = Pod(cluster, "mysql-0", "agent"), Pod(cluster, "stranger").address
    _comes_through(member, stranger, 9999)
    cluster.must("upgrade", "mysql", "--limit-egress")
    _is_shut_out(member, stranger, 9999)
    before = cluster.await_healthy()["primary"]
    other = cluster.replicas()[0]
    cluster.must("switchover", "mysql", "--to", other)
    cluster.kubectl("delete", "pod", other)
    eventually(lambda: cluster.status()["primary"] not in (None, other), "a failover", 60)
    cluster.await_healthy(seconds=180)
    assert before in {one["name"] for one in cluster.status()["members"]}
