"""What a user copies from manifests/examples and .github opens no more than its page says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS, ROOT

_EXAMPLES = sorted((ROOT / "manifests" / "examples").glob("*.yaml"))
_WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def _documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one is not None]


def _example(name: str, kind: str) -> dict[str, Any]:
    text = (ROOT / "manifests" / "examples" / name).read_text()
    (found,) = [one for one in _documents(text) if one["kind"] == kind]
    return found


def _pods(value: Any) -> Iterator[dict[str, Any]]:
    """The spec of each pod."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for inner in value.values():
            yield from _pods(inner)


@pytest.mark.parametrize("path", _EXAMPLES, ids=lambda path: path.name)
def test_a_pod_holds_no_login_that_it_does_not_need_and_shows_none(path: Path) -> None:
    for pod in (pod for one in _documents(path.read_text()) for pod in _pods(one)):
        # Either it talks to the API server, with an account made for it, or it has no token.
        assert ("serviceAccountName" in pod) is (pod.get("automountServiceAccountToken") is not False)
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod.get("hostNetwork")
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert not [one for one in container.get("env", []) if "secretKeyRef" in one.get("valueFrom", {})]
            assert "envFrom" not in container
            assert not [word for word in container["command"] if word.startswith(("-p", "--password="))]
            assert re.search(r"[:@][\w.-]+$", container["image"])
            assert not container["image"].endswith(":latest")


def test_only_the_cluster_s_clients_reach_the_proxy_and_through_it_the_servers() -> None:
    policy, service, deployment = (
        _example("haproxy.yaml", kind) for kind in ("NetworkPolicy", "Service", "Deployment")
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    (rule,) = policy["spec"]["ingress"]
    client = {"mysqlops.io/client": labels["mysqlops.io/client"]}
    assert rule["from"] == [{"podSelector": {"matchLabels": client}}]
    assert {port["port"] for port in rule["ports"]} == {port["targetPort"] for port in service["spec"]["ports"]}


def test_the_proxy_has_no_page_of_statistics_and_no_door_for_administration() -> None:
    config = _example("haproxy.yaml", "ConfigMap")["data"]["haproxy.cfg"]
    assert not re.findall(r"^\s*(?:stats|userlist|program|bind .*\b(?:level|expose-fd)\b).*", config, re.MULTILINE)
    own = config.partition("frontend own\n")[2]
    assert "use_backend" not in own
    assert "default_backend" not in own


_NAMES = ("name", "secretName", "claimName", "haproxy.cfg", "mysqlops.io/client", "app")


def _named(value: Any, key: str = "") -> Iterator[str]:
    """What names an object of a cluster, or the cluster."""
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _named(one, inner)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one)
    elif key in _NAMES:
        yield str(value)


@pytest.mark.parametrize("name", ["haproxy.yaml", "client.yaml"])
def test_the_line_for_another_cluster_leaves_nothing_of_this_one(name: str) -> None:
    """A label that stayed would be that of another cluster's clients."""
    path = ROOT / "manifests" / "examples" / name
    head = re.sub(r"\n# ", " ", path.read_text().partition("\napiVersion")[0])
    (script,) = re.findall(rf"sed '([^']+)' {name}", head)
    done = subprocess.run(["sed", script, str(path)], capture_output=True, text=True, check=True)
    found = [*_named(_documents(done.stdout))]
    assert "orders" in found
    assert [one for one in found if "mysql" in one] == []


def test_a_client_s_option_file_holds_any_password_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """A quote in it would end the value, and the client would log in with another one or read the rest as an option."""
    (container,) = _example("client.yaml", "Pod")["spec"]["containers"]
    script = container["command"][-1].replace("/secret/", f"{tmp_path}/").replace("exec sleep 86400", "")
    for key in ("username", "host", "database"):
        (tmp_path / key).write_text(key)
    (tmp_path / "password").write_text("a\"b\\c # 'd")
    subprocess.run(["sh", "-ec", script], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True)
    file = tmp_path / ".my.cnf"
    assert 'password="a\\"b\\\\c # \'d"\n' in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_volume_is_for_one_claim_alone() -> None:
    """Else a claim of any namespace may bind to it, and read what is on it."""
    for path in _EXAMPLES:
        found = _documents(path.read_text())
        claims = [one["metadata"]["name"] for one in found if one["kind"] == "PersistentVolumeClaim"]
        for one in found:
            if one["kind"] == "PersistentVolume":
                assert one["spec"]["claimRef"].keys() == {"namespace", "name"}, path.name
                assert one["spec"]["claimRef"]["name"] in claims, path.name


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_was_looked_at_and_has_no_rights(path: Path) -> None:
    (workflow,) = _documents(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in dict[Any, Any](workflow)[True]  # `on` is a boolean to YAML
    assert "secrets." not in path.read_text()
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            assert re.search(r"^[\w-]+/[\w-]+@[0-9a-f]{40}$", step.get("uses", "a/b@" + "0" * 40)), step
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            # What a stranger wrote, such as a branch's name, is no part of a script.
            assert "${{ github.event" not in step.get("run", "")


def test_a_pipeline_gives_the_login_to_protected_branches_alone() -> None:
    page = (DOCS / "how-to" / "gitops.md").read_text()
    (gitlab,) = re.findall(r"^### GitLab\n.*?^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (jobs,) = _documents(gitlab)
    for name, job in jobs.items():
        assert next(rule["if"] for rule in job["rules"]).startswith("$CI_COMMIT_"), name
    assert "protected" in page
