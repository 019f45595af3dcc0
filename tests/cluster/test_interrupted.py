"""A deploy killed at ten points, each time run again; the last run finishes. Then the same cluster from `render`."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.cluster.conftest import SMALL, Namespace

POINTS = (
    *(
        "trying the images",
        "ServiceAccount",
        "Role ",
        "Secret",
        "Lease",
        "ConfigMap mysql-agent",
        "Service mysql-primary",
    ),
    *("StatefulSet", "applied", "is ONLINE"),
)


def _kill_at(namespace: Namespace, point: str) -> bool:
    """Run deploy and SIGKILL it when its progress names the point; True if it did."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mysqlops", "deploy", "mysql", *SMALL],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "MYSQLOPS_NAMESPACE": namespace.name},
    )
    assert process.stderr is not None
    with process, process.stderr:
        for line in process.stderr:
            if point in line:
                process.kill()
                return True
    return False


def test_a_deploy_killed_at_ten_points_is_finished_by_the_next(namespace: Namespace) -> None:
    killed = [point for point in POINTS if _kill_at(namespace, point)]
    # What one run has applied the next passes over, so a point may be met only while it is still to do.
    assert len(killed) >= 8, killed
    done = namespace.mysqlops("deploy", "mysql", *SMALL)
    assert done.code == 0, done.err
    assert namespace.status()["verdict"] == "healthy"
    assert namespace.mysqlops("deploy", "mysql", *SMALL).out.endswith("nothing changed\n")


def test_render_is_what_deploy_applies(namespace: Namespace) -> None:
    rendered = namespace.mysqlops("render", "second", *SMALL)
    assert rendered.code == 0, rendered.err
    namespace.kubectl("apply", "-f", "-", stdin=rendered.out)
    namespace.await_healthy("second", 150)
    done = namespace.mysqlops("deploy", "second", *SMALL, "--dry-run")
    assert done.out == "nothing to do\n", done.err


def test_an_application_waits_for_the_database_with_the_example(namespace: Namespace) -> None:
    from pathlib import Path

    import yaml

    text = (Path(__file__).parents[2] / "manifests" / "examples" / "app.yaml").read_text()
    text = text.replace("python:3.13-slim", os.environ.get("MYSQLOPS_AGENT_IMAGE", "python:3.13-slim"))
    documents = list(yaml.safe_load_all(text))
    assert {"Service", "Deployment", "PersistentVolumeClaim"} <= {document["kind"] for document in documents}
    namespace.kubectl("apply", "-f", "-", stdin=text)
    namespace.kubectl("rollout", "status", "deployment/app", "--timeout=90s")
    assert "mysql-primary:3306 is ready" in namespace.kubectl("logs", "deployment/app", "-c", "wait-for-database")
