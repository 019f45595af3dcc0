"""A cluster that an older release deployed, all of its passwords in one Secret, is brought over under writes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import AGENT_IMAGE, KUBECONFIG, LOCKED, SMALL, Namespace, eventually, killed, run
from tests.conftest import missing
from tests.faults.ledger import Ledger

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
OLD = "ade8b53"  # the last revision with NAME-credentials
OLD_LIBRARY = "prometheus-client==0.21.1"
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]
PURPOSES = ("app", "root", "internal", "ca")
# As an application that follows the manual: everything comes from Secret NAME-app.
_CLIENT = """
import os, sys
sys.path.insert(0, "/agent/agent.pyz")
from mysqlops.mysql import connect
login = connect.Login(os.environ["username"], os.environ["password"], "/app/ca.crt")
with connect.connect_tcp(os.environ["host"], login, port=int(os.environ["port"])) as server:
    server.query("USE " + os.environ["database"])
    print(server.scalar("SELECT DATABASE()"))
"""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Its sources, and the library that it needed and today's release does not."""
    folder = tmp_path_factory.mktemp("older")
    archive = subprocess.run(["git", "archive", OLD], cwd=ROOT, capture_output=True, timeout=60, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, timeout=60, check=True)
    install = (str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--no-deps", OLD_LIBRARY)
    if run(*install, "--target", str(folder / "libraries"), timeout=120).code != 0:
        missing(request.config, "packaging", f"a package index that has {OLD_LIBRARY}")
    return folder


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, older: Path) -> Namespace:
    words = (sys.executable, "-m", "mysqlops", "deploy", "mysql", *SMALL)
    done = subprocess.run(
        words, cwd=older, env=_environment(namespace, older), capture_output=True, text=True, timeout=420, check=False
    )
    assert done.returncode == 0, done.stderr
    return namespace


def _environment(namespace: Namespace, older: Path) -> dict[str, str]:
    return {**os.environ, "MYSQLOPS_NAMESPACE": namespace.name, "PYTHONPATH": str(older / "libraries")}


def _secret(cluster: Namespace, name: str) -> dict[str, str]:
    found: dict[str, Any] = json.loads(cluster.kubectl("get", "secret", name, "-o", "json"))
    return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}


def _pod(cluster: Namespace, name: str, container: dict[str, Any], volumes: list[dict[str, Any]]) -> None:
    user = {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}}
    whole = {"name": "main", "image": AGENT_IMAGE, "securityContext": LOCKED, **container}
    spec = {"restartPolicy": "Never", "securityContext": user, "containers": [whole], "volumes": volumes}
    metadata = {"name": name, "labels": {"mysqlops.io/client": "mysql"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))


def _ask_as_application(cluster: Namespace, name: str) -> str:
    """A pod that has Secret NAME-app as a whole: in its environment, and its CA as a file."""
    agent_map = cluster.objects("statefulset")[0]["spec"]["template"]["spec"]["volumes"]
    config_map = next(one["configMap"]["name"] for one in agent_map if one["name"] == "agent")
    mounts = [{"name": "app", "mountPath": "/app"}, {"name": "agent", "mountPath": "/agent"}]
    container = {"command": ["python3", "-c", _CLIENT], "envFrom": [{"secretRef": {"name": "mysql-app"}}]}
    volumes = [
        {"name": "app", "secret": {"secretName": "mysql-app"}},
        {"name": "agent", "configMap": {"name": config_map}},
    ]
    _pod(cluster, name, {**container, "volumeMounts": mounts}, volumes)
    phase = ("get", "pod", name, "-o", "jsonpath={.status.phase}")
    eventually(lambda: cluster.kubectl(*phase) in ("Succeeded", "Failed"), f"{name} ends", 90)
    return cluster.kubectl("logs", name).strip()


def test_an_upgrade_killed_on_its_way_and_run_again_moves_the_secrets(cluster: Namespace) -> None:
    before = _secret(cluster, "mysql-credentials")
    key = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "mysql-credentials", "key": "app-password"}}}
    _pod(cluster, "older-application", {"command": ["sleep", "3600"], "env": [key]}, [])
    told = []

    def bring_over() -> None:
        killed(cluster, lambda: bool(_secret(cluster, "mysql-tls")) and _replaced(cluster) > 0, "upgrade", "mysql")
        # Old and new agents run side by side, and all that is in the old Secret counts.
        held = _secret(cluster, "mysql-credentials")
        assert {key: held.get(key) for key in before} == before
        assert held.keys() - before.keys() <= {"backup-key"}  # a new agent adds it to wherever the others stand
        assert not any(_secret(cluster, f"mysql-{purpose}") for purpose in PURPOSES)
        cluster.unlock()
        done = cluster.mysqlops("upgrade", "mysql", "--resume", timeout=600)
        assert done.code == 0, done.err
        told.append(done.err)

    outcome = Ledger(cluster).under_writes(bring_over, MEMBERS)
    print(outcome)
    assert outcome.acknowledged > 50
    assert outcome.is_clean(), outcome
    assert "older-application" in told[0]
    assert _secret(cluster, "mysql-credentials") == {"app-password": before["app-password"]}
    internal = _secret(cluster, "mysql-internal")
    moved = {"root-password", "app-password", "ca-key"}
    assert {key: internal[key] for key in before.keys() - moved} == {
        key: value for key, value in before.items() if key not in moved
    }
    assert internal.keys().isdisjoint(moved)
    assert _secret(cluster, "mysql-root") == {"password": before["root-password"]}
    assert _secret(cluster, "mysql-ca")["tls.key"] == before["ca-key"]
    annotations = json.loads(cluster.kubectl("get", "secret", "mysql-internal", "-o", "json"))["metadata"][
        "annotations"
    ]
    assert "mysqlops.io/group" in annotations


def _replaced(cluster: Namespace) -> int:
    """The pods of the newest template that are Ready."""
    revision = cluster.objects("statefulset")[0]["status"].get("updateRevision")
    new = [pod for pod in _members(cluster) if pod["metadata"]["labels"].get("controller-revision-hash") == revision]
    ready = [one for pod in new for one in pod["status"].get("conditions", []) if one["type"] == "Ready"]
    older = json.dumps(cluster.objects("statefulset")[0]["spec"]["template"])
    return sum(one["status"] == "True" for one in ready) if "/run/statements" in older else 0


def _members(cluster: Namespace) -> list[dict[str, Any]]:
    return [pod for pod in cluster.objects("pods") if pod["metadata"]["name"] in MEMBERS]


def test_an_application_needs_one_secret_and_nothing_else(cluster: Namespace) -> None:
    assert _ask_as_application(cluster, "newer-application") == "app"
    assert set(_secret(cluster, "mysql-app")) == {
        *("username", "password", "host", "port", "database", "uri", "ca.crt"),
    }


def test_the_old_secret_goes_once_nobody_uses_it(cluster: Namespace) -> None:
    cluster.kubectl("delete", "pod", "older-application", "--grace-period=1")
    cluster.must("upgrade", "mysql")
    assert run_kubectl(cluster, "get", "secret", "mysql-credentials") != 0
    cluster.await_healthy()


def test_passwords_and_certificates_rotate_in_their_new_places(cluster: Namespace) -> None:
    before = _secret(cluster, "mysql-app")
    cluster.must("users", "rotate", "mysql")
    after = _secret(cluster, "mysql-app")
    assert after["password"] != before["password"]
    assert f":{after['password']}@" in after["uri"]
    assert _ask_as_application(cluster, "rotated-application") == "app"
    cluster.must("users", "rotate", "mysql", "--finish", "--yes")
    ca = _secret(cluster, "mysql-ca")
    cluster.must("tls", "rotate", "mysql", "--new-ca")
    assert _secret(cluster, "mysql-ca")["tls.key"] != ca["tls.key"]
    eventually(lambda: _secret(cluster, "mysql-app")["ca.crt"] == _secret(cluster, "mysql-tls")["ca.crt"], "the CA", 60)
    assert _ask_as_application(cluster, "verifying-application") == "app"


def run_kubectl(cluster: Namespace, *words: str) -> int:
    return run("kubectl", f"--kubeconfig={KUBECONFIG}", "-n", cluster.name, *words, timeout=60).code
