"""The CLI in a pod, with its ServiceAccount's rights and nothing else: as the drill's CronJob and Jobs of CI run it.

The image stands in for that of Containerfile, whose base no registry here serves: the same packages by the same hashes,
on the lab's own Python.
"""

from __future__ import annotations

import json
import pydoc
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import AGENT_IMAGE, KUBECONFIG, SMALL, Namespace, eventually
from tests.conftest import missing
from tests.packaging.conftest import ROOT, run, tool

pytestmark = pytest.mark.long
IMAGE = "lab/mysqlops:1"
_FILE = f"""FROM {AGENT_IMAGE}
COPY site /opt/mysqlops
ENV PYTHONPATH=/opt/mysqlops HOME=/tmp PYTHONUNBUFFERED=1
USER 1000:1000
ENTRYPOINT ["python3", "-m", "mysqlops"]
"""


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if "/state/lab/" not in KUBECONFIG:
        missing(request.config, "lab", "images are loaded into the lab's nodes: scripts/lab up")
    folder = tmp_path_factory.mktemp("image")
    # In the image's own words: its Python is another than this one.
    version = run(
        "docker", "run", "--rm", AGENT_IMAGE, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
    )
    needed, site = ROOT / "requirements-run.lock", folder / "site"
    uv = tool("uv")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder / "dist", ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    into = ("--quiet", "--python-version", version.strip(), "--only-binary", ":all:", "--target", site)
    run(uv, "pip", "install", *into, "--require-hashes", "--requirement", needed)
    run(uv, "pip", "install", *into, "--no-deps", wheel)
    shutil.copy(pydoc.__file__, site)  # the lab's image leaves it out; stock images have it
    (folder / "Containerfile").write_text(_FILE)
    run("docker", "build", "--quiet", "--tag", IMAGE, "--file", folder / "Containerfile", folder)
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "lab", "load", IMAGE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return IMAGE


def test_status_from_a_pod_with_the_viewers_rights_only(namespace: Namespace, image: str, tmp_path: Path) -> None:
    done = namespace.mysqlops("deploy", "mysql", *SMALL, "--replicas", "1")
    assert done.code == 0, done.err
    namespace.with_logins(tmp_path)  # makes the ServiceAccounts too
    shown, code = _in_pod(namespace, "status", image, "status", "mysql", "--namespace", namespace.name, "-o", "json")
    assert code == 0, shown
    assert json.loads(shown)["verdict"] == "healthy"
    shown, code = _in_pod(namespace, "delete", image, "delete", "mysql", "--namespace", namespace.name, "--yes")
    assert code == 10, shown
    assert "kubernetes-forbidden" in shown
    assert namespace.status()["verdict"] == "healthy"


def _in_pod(namespace: Namespace, name: str, image: str, *words: str) -> tuple[str, int]:
    """What the command printed in a pod of the viewer, and how it ended."""
    container = {
        "name": "mysqlops",
        "image": image,
        "args": list(words),
        "imagePullPolicy": "Never",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
    }
    spec = {
        "restartPolicy": "Never",
        "serviceAccountName": "viewer",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"cli-{name}"}, "spec": spec}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    ended: list[int] = []

    def has_ended() -> bool:
        seen = json.loads(namespace.kubectl("get", "pod", f"cli-{name}", "-o", "json"))
        states = seen["status"].get("containerStatuses", [])
        ended.extend(state["state"]["terminated"]["exitCode"] for state in states if "terminated" in state["state"])
        return bool(ended)

    eventually(has_ended, f"{words} ends", 120)
    return namespace.kubectl("logs", f"cli-{name}"), ended[0]
