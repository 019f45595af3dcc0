"""The image of Containerfile in pods, with their ServiceAccounts' rights and nothing else: the CLI, the drill's
CronJob, a Job that backs up. The lab builds it by its own steps on Debian's packages (scripts/labkit/own_image.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.cluster.conftest import Namespace, eventually, must_be_the_lab
from tests.docs.pages import ROOT

pytestmark = pytest.mark.long
IMAGE = "lab/mysqlops:1"
_LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest) -> str:
    must_be_the_lab(request.config, "images are loaded into the lab's nodes: scripts/lab up")
    words = [sys.executable, str(ROOT / "scripts" / "lab"), "own-image"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, IMAGE), done.stderr
    return IMAGE


def test_status_from_a_pod_with_the_viewers_rights_only(cluster: Namespace, image: str) -> None:
    shown, code = _in_a_job(cluster, "status", "viewer", image, "status", "mysql", "-o", "json")
    assert code == 0, shown
    assert json.loads(shown)["verdict"] == "healthy"
    shown, code = _in_a_job(cluster, "delete", "viewer", image, "delete", "mysql", "--yes")
    assert code == 10, shown
    assert "kubernetes-forbidden" in shown
    assert cluster.status()["verdict"] == "healthy"


def test_a_job_backs_up(cluster: Namespace, image: str) -> None:
    cluster.claim("backups")
    shown, code = _in_a_job(cluster, "add", "owner", image, "backup", "target", "add", "local", "--claim", "backups")
    assert code == 0, shown
    shown, code = _in_a_job(cluster, "create", "owner", image, "backup", "create", "mysql", "-o", "json")
    assert code == 0, shown
    (found,) = cluster.must("backup", "list", "-o", "json")
    assert (found["verified"] or found["checked"], found["id"] in shown) == ("checksum", True)


def test_the_cron_job_of_the_examples_drills(cluster: Namespace, image: str) -> None:
    """As it is in manifests/examples, but for the image, the ServiceAccount, and one quick fault instead of all."""
    claim, cron_job = yaml.safe_load_all((ROOT / "manifests" / "examples" / "drill-cronjob.yaml").read_text())
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["serviceAccountName"] = "owner"
    container = pod["containers"][0]
    assert container["command"][:4] == ["mysqlops", "drill", "all", "mysql"]
    fault = ["mysqlops", "drill", "switchover", "mysql", "--force", "a test"]
    container.update(image=image, imagePullPolicy="Never", command=[*fault, *container["command"][4:]])
    container["command"][container["command"].index("--count") + 1] = "1"
    for one in (claim, cron_job):
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(one))
    cluster.kubectl("create", "job", "--from=cronjob/drill", "drill-now")
    shown, code = _end(cluster, "drill-now")
    assert code == 0, shown
    assert "none was lost" in shown
    assert cluster.status()["verdict"] == "healthy"


def _in_a_job(cluster: Namespace, name: str, account: str, image: str, *words: str) -> tuple[str, int]:
    """What the command printed in a Job, and how it ended."""
    container = {
        "name": "mysqlops",
        "image": image,
        "args": [*words, "--namespace", cluster.name],
        "imagePullPolicy": "Never",
        "env": [{"name": name, "value": os.environ[name]} for name in sorted(os.environ) if _names_an_image(name)],
        "securityContext": _LOCKED,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
    }
    spec = {
        "restartPolicy": "Never",
        "serviceAccountName": account,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"cli-{name}"}}
    cluster.kubectl(
        "apply", "-f", "-", stdin=json.dumps({**job, "spec": {"backoffLimit": 0, "template": {"spec": spec}}})
    )
    return _end(cluster, f"cli-{name}")


def _names_an_image(variable: str) -> bool:
    return variable.startswith("MYSQLOPS_") and variable.endswith("_IMAGE")


def _end(cluster: Namespace, job: str) -> tuple[str, int]:
    def pods() -> list[dict[str, Any]]:
        return [one for one in cluster.objects("pods") if one["metadata"]["labels"].get("job-name") == job]

    def ended() -> list[int]:
        states = [state["state"] for pod in pods() for state in pod["status"].get("containerStatuses", [])]
        return [state["terminated"]["exitCode"] for state in states if "terminated" in state]

    eventually(lambda: ended() != [], f"{job} ends", 240)
    return cluster.kubectl("logs", pods()[0]["metadata"]["name"]), ended()[0]
