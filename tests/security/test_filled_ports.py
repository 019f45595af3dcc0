"""A pod without a credential fills the agents' port; clients fill the database's. Neither may stop the management."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from tests.cluster.conftest import AGENT_IMAGE, LOCKED, Namespace, eventually

pytestmark = [pytest.mark.long]

# Half a request each, as many connections as the pod may have files; those that were closed are opened again.
_IDLE = """
    import resource, socket, sys, time
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held, opened, until, rest = [], 0, time.monotonic() + 600, {}
    while time.monotonic() < until:
        hosts = [one for one in sys.argv[1:] if rest.get(one, 0) < time.monotonic()]
        for host in hosts:
            try:
                one = socket.create_connection((host, 8306), timeout=2)
                one.sendall(b"GET /healthz HTTP/1.1\\r\\n")
                held.append(one)
                opened += 1
            except OSError:  # two seconds for an address that no pod has any more
                rest[host] = time.monotonic() + 20
        if not hosts:
            time.sleep(0.1)
        if len(held) > 3000:
            for one in held[:1500]:
                one.close()
            del held[:1500]
        if opened % 500 < len(sys.argv):
            print(opened, flush=True)
"""
_HOG = """
    import ssl, sys, time
    sys.path.insert(0, "/agent/agent.pyz")
    import pymysql
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    held, until = [], time.monotonic() + 900
    while time.monotonic() < until:
        for user in ("hog1", "hog2"):
            try:
                held.append(pymysql.connect(host=sys.argv[1], user=user, password="hog", ssl=context))
            except (pymysql.Error, OSError) as error:
                if error.args[0] == 1040:
                    print("full", flush=True)
                time.sleep(0.02)
        for one in held[:: max(1, len(held) // 5)]:
            try:
                one.ping(reconnect=False)
            except Exception:
                held.remove(one)
"""


def _pod(name: str, program: str, *words: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    container = {
        "name": "attack",
        "image": AGENT_IMAGE,
        "command": ["python3", "-u", "-c", textwrap.dedent(program), *words],
        "securityContext": LOCKED,
        "resources": {"requests": {"cpu": "50m"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "agent", "mountPath": "/agent"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "agent", "configMap": {"name": "mysql-agent"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def _start(namespace: Namespace, pod: dict[str, Any]) -> None:
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    name = pod["metadata"]["name"]
    eventually(lambda: namespace.kubectl("logs", name, check=False).strip() != "", f"{name} attacks", 90)


def _restarts(namespace: Namespace) -> dict[str, int]:
    found = {}
    for pod in namespace.objects("pods"):
        for one in pod["status"].get("containerStatuses", []):
            if one["name"] == "agent":
                found[pod["metadata"]["name"]] = one["restartCount"]
    return found


def _primary(namespace: Namespace) -> str:
    return str(namespace.status()["primary"])


def test_idle_connections_to_the_agents_stop_nothing(cluster: Namespace) -> None:
    members = [
        pod["status"]["podIP"] for pod in cluster.objects("pods") if pod["metadata"]["name"].startswith("mysql-")
    ]
    _start(cluster, _pod("idle", _IDLE, *members))
    try:
        eventually(lambda: int(cluster.kubectl("logs", "idle").split()[-1]) > 6000, "thousands were opened", 180)
        assert all(pod["ready"] for pod in cluster.status()["members"])
        old = _primary(cluster)
        cluster.kubectl("exec", old, "-c", "mysqld", "--", "kill", "-9", "1", check=False)
        cluster.kubectl("delete", "pod", old, "--grace-period=1", "--wait=false")
        eventually(lambda: _primary(cluster) not in ("None", old), "another one leads, and the labels follow", 60)
        cluster.await_healthy(seconds=180)
        opened = int(cluster.kubectl("logs", "idle").split()[-1])
        eventually(
            lambda: int(cluster.kubectl("logs", "idle").split()[-1]) > opened + 1000, "many more were opened", 240
        )
        assert all(pod["ready"] for pod in cluster.status()["members"])
        assert set(_restarts(cluster).values()) == {0}
    finally:
        cluster.kubectl("delete", "pod", "idle", "--wait=true")


def test_clients_that_take_every_connection_lock_nobody_out(cluster: Namespace) -> None:
    cluster.await_healthy()
    primary = _primary(cluster)
    for user in ("hog1", "hog2"):
        cluster.sql(primary, f"CREATE USER {user} IDENTIFIED BY 'hog' REQUIRE SSL")
    _start(cluster, _pod("hog", _HOG, f"{primary}.mysql", labels={"mysqlops.io/client": "mysql"}))
    try:
        eventually(lambda: "full" in cluster.kubectl("logs", "hog"), "no connection is left", 60)
        assert cluster.mysqlops("status", "mysql").code == 0
        rows = cluster.sql(primary, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', -1)")
        assert rows == [["127.0.0.1"]]  # the agent's own way in
        done = cluster.mysqlops("switchover", "mysql", "-o", "json")
        assert done.code == 0, done.err
        eventually(lambda: _primary(cluster) not in ("None", primary), "another one leads", 30)
    finally:
        cluster.kubectl("delete", "pod", "hog", "--wait=true")
    cluster.await_healthy()
    primary = _primary(cluster)
    _start(cluster, _pod("hog", _HOG, f"{primary}.mysql", labels={"mysqlops.io/client": "mysql"}))
    try:
        eventually(lambda: "full" in cluster.kubectl("logs", "hog"), "no connection is left", 60)
        cluster.kubectl("delete", "pod", primary, "--wait=false")
        eventually(lambda: _primary(cluster) not in ("None", primary), "it hands over as it stops", 30)
        said = cluster.kubectl("logs", primary, "-c", "agent", check=False)
        assert "1040" not in said, said[-2000:]
    finally:
        cluster.kubectl("delete", "pod", "hog", "--wait=true")
    cluster.await_healthy(seconds=180)
