"""The real Prometheus scrapes a real cluster with the rules and the scrape configuration that we ship."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from mysqlops.core import metrics, quantity
from tests.cluster.conftest import LAB, SMALL, Namespace, eventually

pytestmark = pytest.mark.long
_FOLDER = Path(__file__).parents[2] / "manifests" / "monitoring"
# Commands by exec run in the agent's container and count for its limit: four at once, of 18 MB each, have been seen
# (statefulset.yaml). What an idle agent should need is a goal, which docs/measurements/figures.md compares with.
_COMMANDS_BYTES = 4 * (18 << 20)
_LOCKED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _image() -> str:
    done = subprocess.run([LAB, "extra", "prometheus"], check=True, capture_output=True, text=True, timeout=400)
    return done.stdout.split()[-1]


def _config(namespace: str) -> str:
    """Ours, limited to the test's namespace, and with an interval that a test can wait for."""
    (job,) = yaml.safe_load((_FOLDER / "scrape.yaml").read_text())
    job["kubernetes_sd_configs"][0]["namespaces"] = {"names": [namespace]}
    job["scrape_interval"] = "5s"
    return yaml.safe_dump(
        {"global": {"evaluation_interval": "5s"}, "rule_files": ["/etc/prometheus/rules.yaml"], "scrape_configs": [job]}
    )


def _pod(image: str) -> dict[str, Any]:
    options = ("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data", "--web.enable-lifecycle")
    container = {
        "name": "prometheus",
        "image": image,
        "command": ["prometheus", *options],
        "securityContext": {**_LOCKED, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/prometheus"}, {"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "prometheus"},
        "spec": {
            "serviceAccountName": "prometheus",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 999,
                "fsGroup": 999,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "config", "configMap": {"name": "prometheus"}},
                {"name": "data", "emptyDir": {}},
            ],
        },
    }


@pytest.fixture(scope="module")
def watched(namespace: Namespace) -> Namespace:
    """A cluster, and a Prometheus that watches it."""
    made = namespace.mysqlops("deploy", "mysql", *SMALL)
    assert made.code == 0, made.err
    image = _image()
    # Ours, but for the time that a condition must last.
    rules = (_FOLDER / "rules.yaml").read_text()
    data = {"prometheus.yml": _config(namespace.name), "rules.yaml": rules.replace("for: 5m", "for: 30s")}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prometheus"}, "data": data}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(config))
    namespace.kubectl("create", "serviceaccount", "prometheus")
    namespace.kubectl("create", "role", "prometheus", "--verb=get,list,watch", "--resource=pods")
    who = f"--serviceaccount={namespace.name}:prometheus"
    namespace.kubectl("create", "rolebinding", "prometheus", "--role=prometheus", who)
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(_pod(image)))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/prometheus", "--timeout=90s")
    return namespace


def _ask(namespace: Namespace, query: str) -> list[dict[str, Any]]:
    inside = ("exec", "prometheus", "--", "promtool", "query", "instant", "-o", "json", "http://localhost:9090", query)
    answer = namespace.kubectl(*inside, check=False)
    return list(json.loads(answer)) if answer.strip() else []


def _firing(namespace: Namespace) -> set[str]:
    return {one["metric"]["alertname"] for one in _ask(namespace, 'ALERTS{alertstate="firing"}')}


def _agent_limit(namespace: Namespace) -> int:
    containers = json.loads(namespace.kubectl("get", "pod", "mysql-0", "-o", "json"))["spec"]["containers"]
    (limit,) = [one["resources"]["limits"]["memory"] for one in containers if one["name"] == "agent"]
    return quantity.parse_bytes(limit)


def test_the_rules_are_valid_and_their_tests_pass(watched: Namespace) -> None:
    inside = ("exec", "-i", "prometheus", "--", "sh", "-ec")
    for name in ("rules.yaml", "rules.test.yaml"):
        watched.kubectl(*inside, f"cat > /data/{name}", stdin=(_FOLDER / name).read_text())
    assert "SUCCESS" in watched.kubectl(*inside, "cd /data; promtool test rules rules.test.yaml")
    assert "SUCCESS" in watched.kubectl(*inside, "promtool check config /etc/prometheus/prometheus.yml")


def test_a_healthy_cluster_is_scraped_and_silent(watched: Namespace) -> None:
    eventually(lambda: len(_ask(watched, "mysqlops_connections")) == 3, "three members are scraped", 120)
    eventually(lambda: bool(_ask(watched, "mysqlops_cluster_replicas == 3")), "the StatefulSet was read", 90)
    assert len(_ask(watched, "up == 1")) == 3
    found = {one["metric"]["__name__"] for one in _ask(watched, '{__name__=~"mysqlops_.*"}')}
    assert found <= {f"mysqlops_{name}" for name in metrics.HELP}
    assert len(found) > 60, sorted(found)
    memory = [float(one["value"][1]) for one in _ask(watched, "mysqlops_agent_memory_bytes")]
    assert len(memory) == 3
    assert max(memory) <= _agent_limit(watched) - _COMMANDS_BYTES, memory
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert _ask(watched, "ALERTS") == []
        time.sleep(10)


def test_a_text_of_an_agent_is_valid_and_holds_no_secret(watched: Namespace) -> None:
    program = "import urllib.request as u; print(u.urlopen('http://localhost:8306/metrics').read().decode(), end='')"
    text = watched.kubectl("exec", "mysql-0", "-c", "agent", "--", "python3", "-c", program)
    # 3: the text parses, and promtool would choose other names. A text that does not parse is 1.
    check = "promtool check metrics || [ $? -eq 3 ]"
    watched.kubectl("exec", "-i", "prometheus", "--", "sh", "-ec", check, stdin=text)
    lines = watched.secret_lines()
    assert len(lines) > 10
    assert [line for line in lines if line in text] == []


def test_a_killed_member_makes_an_alert_that_ends_when_it_is_back(watched: Namespace) -> None:
    """A quota keeps the StatefulSet from replacing the pod at once."""
    victim = watched.replicas()[0]
    watched.kubectl("create", "quota", "none", "--hard=pods=0")
    watched.kubectl("delete", "pod", victim, "--grace-period=0", "--force", "--wait=false")
    eventually(lambda: "MysqlMemberMissing" in _firing(watched), "the alert fires", 180)
    assert _firing(watched) == {"MysqlMemberMissing"}
    watched.kubectl("delete", "quota", "none")
    eventually(lambda: _firing(watched) == set(), "the alert ends", 240)
