"""The real Prometheus and Alertmanager in a namespace, with the rules and the scrape configuration that we ship."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.conftest import LAB, LOCKED, Namespace, eventually

FOLDER = Path(__file__).parents[2] / "manifests" / "monitoring"
_NAME = "prometheus"
_USER = {"runAsNonRoot": True, "runAsUser": 999, "fsGroup": 999, "seccompProfile": {"type": "RuntimeDefault"}}
_PROMETHEUS = (
    "prometheus",
    "--config.file=/etc/prometheus/prometheus.yml",
    "--storage.tsdb.path=/data",
    "--web.enable-lifecycle",
)
_ALERTMANAGER = (
    "prometheus-alertmanager",
    "--config.file=/etc/prometheus/alertmanager.yml",
    "--storage.path=/data",
    "--cluster.listen-address=",
)
URL = "http://localhost:9090"


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"][0]["rules"]
    return found


def shortened(lasting: str) -> str:
    """Our rules, but for the time that a condition must last, and the time over which a counter's increase is looked
    at: an alert could not end within a test."""
    text = re.sub(r"for: \d+[smhd]$", f"for: {lasting}", (FOLDER / "rules.yaml").read_text(), flags=re.MULTILINE)
    return re.sub(r"(increase\(\w+)\[\w+\]", r"\1[2m]", text)


def watch(namespace: Namespace, lasting: str) -> None:
    """Start both in one pod, and wait until they answer."""
    data = {"prometheus.yml": _config(namespace.name), "rules.yaml": shortened(lasting)}
    data["alertmanager.yml"] = yaml.safe_dump({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]})
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _NAME}, "data": data}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(config))
    namespace.kubectl("create", "serviceaccount", _NAME)
    namespace.kubectl("create", "role", _NAME, "--verb=get,list,watch", "--resource=pods")
    who = f"--serviceaccount={namespace.name}:{_NAME}"
    namespace.kubectl("create", "rolebinding", _NAME, f"--role={_NAME}", who)
    containers = [_container(_NAME, _PROMETHEUS), _container("alertmanager", _ALERTMANAGER)]
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(_pod(containers)))
    namespace.kubectl("wait", "--for=condition=Ready", f"pod/{_NAME}", "--timeout=90s")
    status = (*_inside("alertmanager"), *_amtool("cluster", "show"))
    eventually(lambda: bool(namespace.kubectl(*status, check=False)), "Alertmanager answers", 60)


def shell(namespace: Namespace, script: str, stdin: str = "") -> str:
    """A script beside Prometheus, with promtool."""
    return namespace.kubectl(*_inside(_NAME), "sh", "-ec", script, stdin=stdin)


def ask(namespace: Namespace, query: str) -> list[dict[str, Any]]:
    inside = (*_inside(_NAME), "promtool", "query", "instant", "-o", "json", URL, query)
    answer = namespace.kubectl(*inside, check=False)
    return list(json.loads(answer)) if answer.strip() else []


def firing(namespace: Namespace) -> set[str]:
    return {one["metric"]["alertname"] for one in ask(namespace, 'ALERTS{alertstate="firing"}')}


def received(namespace: Namespace) -> dict[str, str]:
    """What Alertmanager has: alert, and its runbook's page. One that does not answer is an error, not a silent one."""
    alerts = json.loads(namespace.kubectl(*_inside("alertmanager"), *_amtool("alert", "query", "-o", "json")))
    return {one["labels"]["alertname"]: one["annotations"]["runbook"] for one in alerts or []}


def _inside(container: str) -> tuple[str, ...]:
    return ("exec", "-i", _NAME, "-c", container, "--")


def _amtool(*words: str) -> tuple[str, ...]:
    return ("amtool", "--alertmanager.url=http://localhost:9093", *words)


def _config(namespace: str) -> str:
    """Ours, limited to the test's namespace, and with an interval that a test can wait for."""
    (job,) = yaml.safe_load((FOLDER / "scrape.yaml").read_text())
    job["kubernetes_sd_configs"][0]["namespaces"] = {"names": [namespace]}
    job["scrape_interval"] = "5s"
    alerting = {"alertmanagers": [{"static_configs": [{"targets": ["localhost:9093"]}]}]}
    files = {"rule_files": ["/etc/prometheus/rules.yaml"], "scrape_configs": [job]}
    return yaml.safe_dump({"global": {"evaluation_interval": "5s"}, "alerting": alerting, **files})


def _image(short: str) -> str:
    done = subprocess.run([LAB, "extra", short], check=True, capture_output=True, text=True, timeout=400)
    return done.stdout.split()[-1]


def _container(name: str, command: tuple[str, ...]) -> dict[str, Any]:
    mounts = [{"name": "config", "mountPath": "/etc/prometheus"}, {"name": f"{name}-data", "mountPath": "/data"}]
    return {
        "name": name,
        "image": _image(name),
        "command": list(command),
        "env": [{"name": "TMPDIR", "value": "/data"}],
        "securityContext": {**LOCKED, "readOnlyRootFilesystem": True},
        "volumeMounts": mounts,
    }


def _pod(containers: list[dict[str, Any]]) -> dict[str, Any]:
    volumes = [{"name": f"{one['name']}-data", "emptyDir": {}} for one in containers]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME},
        "spec": {
            "serviceAccountName": _NAME,
            "securityContext": _USER,
            "containers": containers,
            "volumes": [{"name": "config", "configMap": {"name": _NAME}}, *volumes],
        },
    }
