"""A deploy killed at several points, each time run again until one finishes. Then the same cluster from `render`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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


# The simulator kills between any two calls.
FEW = ("trying the images", "Secret", "StatefulSet", "is ONLINE")


def _kill_at(namespace: Namespace, name: str, point: str) -> bool:
    """Run deploy and SIGKILL it when its progress names the point; True if it did."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mysqlops", "deploy", name, *SMALL],
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


@pytest.mark.parametrize(
    ("name", "points", "at_least"), [("mysql", FEW, 3), pytest.param("often", POINTS, 8, marks=pytest.mark.long)]
)
def test_a_killed_deploy_is_finished_by_the_next(
    namespace: Namespace, name: str, points: tuple[str, ...], at_least: int
) -> None:
    killed = []
    for point in points:
        namespace.unlock(name)  # the last one's lock is left: the next run waits until it has run out
        killed += [point] if _kill_at(namespace, name, point) else []
    # What one run has applied the next passes over, so a point may be met only while it is still to do.
    assert len(killed) >= at_least, killed
    namespace.must("deploy", name, *SMALL)
    assert namespace.status(name)["verdict"] == "healthy"
    assert namespace.mysqlops("deploy", name, *SMALL).out.endswith("nothing changed\n")


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
