"""kubectl itself parses each kubectl command of a page, without any cluster: a wrong verb or option shows before it
looks for its server. What a server says of them: tests/cluster/test_kubectl.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, kubectl

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
_NOBODY = """
apiVersion: v1
kind: Config
current-context: old
contexts: [{name: old, context: {cluster: nobody}}, {name: new, context: {cluster: nobody}}]
clusters: [{name: nobody, cluster: {server: "http://127.0.0.1:1"}}]
"""
_NO_SERVER = re.compile(r"127\.0\.0\.1:1 was refused|127\.0\.0\.1:1: connect: connection refused")


def _said(line: str, folder: Path) -> str:
    (folder / "config").write_text(_NOBODY)
    for name in ("FILE", "ca.pem", "password", "backup-key", "orders.sql"):
        (folder / name).write_text("content")
    (folder / "mysql.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n")
    if not (folder / "manifests").exists():
        (folder / "manifests").symlink_to(ROOT / "manifests")
    shutil.copy(ROOT / "manifests" / "examples" / "client.yaml", folder)
    before, _, words = line.removesuffix("&").partition("kubectl ")
    piped = before if "|" in before else ""  # and not what a program printed before the command
    done = subprocess.run(
        ["bash", "-c", f"{piped}kubectl {words}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "KUBECONFIG": "config", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if _NO_SERVER.search(done.stderr) else done.stderr or f"exit status {done.returncode}"


_LINES = sorted({(page.name, line) for page in PAGES if "adr" not in page.parts for line in kubectl(page)})


@pytest.mark.parametrize(("page", "line"), _LINES, ids=lambda one: one[:60])
def test_kubectl_reads_what_a_page_types(page: str, line: str, tmp_path: Path) -> None:
    assert not (said := _said(line, tmp_path)), f"{page}: {line}\n{said}"


@pytest.mark.parametrize(
    "line", ["kubectl get pods --selecter=a", "kubectl create secret x", "kubectl log x", "kubectl scale --to 2 sts/x"]
)
def test_a_wrong_line_is_found(line: str, tmp_path: Path) -> None:
    assert _said(line, tmp_path)
