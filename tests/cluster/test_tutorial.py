"""The tutorial, command by command, with its page's output. MYSQLOPS_RECORD=1 writes what was seen into the page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import KUBECONFIG, make_namespace
from tests.conftest import missing
from tests.docs.pages import DOCS, ROOT, Step, compared, session

pytestmark = pytest.mark.long
PAGE = DOCS / "tutorial" / "first-cluster.md"
NAME = "tutorial"  # the page's namespace
_BACKUP = re.compile(r"\bmysql-\d{8}-\d{6}\b")


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    if not KUBECONFIG:
        missing(request.config, "cluster", 'MYSQLOPS_KUBECONFIG is not set: eval "$(scripts/lab env)"')
    made = make_namespace(f"{NAME}-{uuid.uuid4().hex[:6]}")
    yield made.name
    made.kubectl("delete", "namespace", made.name, "--wait=false")


def environment(folder: Path) -> dict[str, str]:
    """A reader's shell: mysqlops and kubectl on the PATH, the examples as they are in a checkout."""
    program = folder / "mysqlops"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mysqlops "$@"\n')
    program.chmod(0o755)
    examples = folder / "manifests" / "examples"
    examples.mkdir(parents=True)
    for file in (ROOT / "manifests" / "examples").glob("*.yaml"):
        (examples / file.name).write_text(file.read_text())
    path = f"{folder}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "KUBECONFIG": KUBECONFIG, "PYTHONPATH": str(ROOT)}


def record(page: str, step: Step, seen: list[str]) -> str:
    """The page with that step's output replaced."""
    before = "\n".join([*step.written, *step.output])
    assert before in page, step.command
    return page.replace(before, "\n".join([*step.written, *seen]), 1)


def test_the_tutorial_runs_as_it_is_written(namespace: str, tmp_path: Path) -> None:
    where, backup, text = environment(tmp_path), "", PAGE.read_text()
    where["MYSQLOPS_NAMESPACE"] = namespace
    for step in session(PAGE):
        words = shlex.split(step.command)
        if words[0] == "export" or words[:3] in (
            ["kubectl", "create", "namespace"],
            ["kubectl", "delete", "namespace"],
        ):
            continue  # the fixture's
        command = _BACKUP.sub(backup or "none", step.command)
        command = re.sub(rf"-n {NAME}\b", f"-n {namespace}", command)
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=where, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        seen = [line.rstrip() for line in done.stdout.replace(namespace, NAME).splitlines()]
        if found := _BACKUP.search(done.stdout):
            backup = backup or found[0]
        if os.environ.get("MYSQLOPS_RECORD"):
            text = record(text, step, seen)
        elif why := compared(step.output, seen):
            pytest.fail(f"$ {command}\n{why}\n--- seen\n{done.stdout}")
    if os.environ.get("MYSQLOPS_RECORD"):
        PAGE.write_text(text)
