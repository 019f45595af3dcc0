"""Each kubectl command of a page is accepted by a real kubectl and a real API server, beside a cluster with a target, a
receiver of binary logs and Jobs. What would change something is a dry run of the server's.

The `mysqlops …` lines of pages: tests/simulation/test_pages.py. The tutorial: test_tutorial.py types all of it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cluster.conftest import SMALL, Namespace
from tests.docs.pages import PAGES, ROOT, kubectl, session

pytestmark = pytest.mark.long  # kubectl alone reads the same lines at each change: tests/programs/test_kubectl_lines.py

# What is not typed here, and why.
ELSEWHERE = {
    r"mysql-(copy-)?client\b": "pods of clients: test_tutorial.py types these commands",
    r"PrometheusRule": "a kind of the Prometheus Operator, which the lab does not have",
    r"port-forward": "runs until it is stopped",
}
# Commands that may find nothing, and what kubectl says then.
FINDS_NOTHING = {"--previous": "previous terminated container"}
_LINES = [
    (page.name, line)
    for page in PAGES
    if "adr" not in page.parts and not session(page)
    for line in kubectl(page)
    if not any(re.search(one, line) for one in ELSEWHERE)
]
_CHANGES = "annotate|apply|create|delete|label|patch|scale"
_KUBECTL = f"""#!/bin/sh
for word in "$@"; do
  case $word in
    exec) break ;;
    {_CHANGES}) exec {{program}} "$@" --dry-run=server ;;
  esac
done
exec {{program}} "$@"
"""


@pytest.fixture(scope="module")
def beside(namespace: Namespace) -> Namespace:
    namespace.claim("backups")
    for words in (
        ("deploy", "mysql", "--replicas", "1", *SMALL),
        ("backup", "target", "add", "offsite", "--claim", "backups"),
        ("backup", "schedule", "set", "mysql", "--cron", "0 3 * * *"),
        ("backup", "schedule", "run-now", "mysql"),
        ("backup", "binlog", "start", "mysql"),
    ):
        namespace.must(*words)
    return namespace


@pytest.fixture(scope="module")
def reader(beside: Namespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who types: the namespace is that of every context, and files are where pages say."""
    folder = tmp_path_factory.mktemp("reader")
    found = beside.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
    config = json.loads(found)
    context = {**config["contexts"][0]["context"], "namespace": beside.name}
    config["contexts"] = [{"name": name, "context": context} for name in ("old", "new")]
    config["current-context"] = "old"
    (folder / "config").write_text(json.dumps(config))
    (folder / "config").chmod(0o600)
    (folder / "manifests").symlink_to(ROOT / "manifests")
    for name in ("FILE", "ca.pem"):
        (folder / name).write_text("content")
    rendered = beside.mysqlops("render", "mysql", "--running")
    assert rendered.code == 0, rendered.err
    (folder / "mysql.yaml").write_text(rendered.out)
    where = subprocess.run(["which", "kubectl"], check=True, capture_output=True, text=True).stdout.strip()
    program = folder / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(_KUBECTL.format(program=where))
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}", "KUBECONFIG": str(folder / "config"), "HOME": str(folder)}


@pytest.mark.parametrize(("page", "line"), _LINES, ids=lambda one: one)
def test_what_a_page_types_is_accepted(beside: Namespace, reader: dict[str, str], page: str, line: str) -> None:
    command = _here(beside, line)
    folder = Path(reader["HOME"])
    done = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=reader, capture_output=True, text=True, timeout=120, check=False
    )
    for part, said in FINDS_NOTHING.items():
        if part in line and done.returncode:
            assert said in done.stderr, command
            return
    assert done.returncode == 0, f"{page}: {command}\n{done.stderr}"


def _here(beside: Namespace, line: str) -> str:
    """The command with the names of this namespace in place of a page's."""
    line = re.sub(r"-n shop\b", f"-n {beside.name}", line)
    line = re.sub(r"(delete|label) namespace \w+", rf"\1 namespace {beside.name}", line)
    if "label namespace" in line:
        line += " --overwrite"  # this one has a level already
    line = re.sub(r"\bNAME-[12]\b", "mysql-0", line)
    line = line.replace("NAME", "mysql").replace("POD", "mysql-0")
    job = next(one["metadata"]["name"] for one in beside.objects("jobs"))
    return line.replace("job/JOB", f"job/{job}")


def test_a_wrong_line_is_found(reader: dict[str, str]) -> None:
    for line in ("kubectl get storageclasss", "kubectl create secret generic x --from-files=password=FILE"):
        done = subprocess.run(["bash", "-ec", line], env=reader, capture_output=True, check=False)
        assert done.returncode != 0, line
