"""YAML on pages and in manifests/examples: it parses, without a key twice, and its objects and commands are whole."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mysqlops.core import cluster_file, names
from mysqlops.core.spec import ClusterSpec
from mysqlops.operations import deploy
from tests.docs.pages import DOCS, ROOT
from tests.docs.test_commands import parse

_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
_PAGES = sorted((DOCS / "how-to").glob("*.md"))
_EXAMPLES = sorted((ROOT / "manifests" / "examples").glob("*.yaml"))


class _Strict(yaml.SafeLoader):
    """Refuses a key that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.YAMLError(f"a key is given twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _documents(text: str) -> list[Any]:
    return [one for one in yaml.load_all(text, _Strict) if one is not None]


def _texts(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return _BLOCK.findall(text) if path.suffix == ".md" else [text]


def _commands(value: Any) -> Iterator[list[str]]:
    """Commands of containers, and lines of scripts."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _commands(inner)
    elif isinstance(value, list):
        if value[:1] == ["mysqlops"]:
            yield [str(word) for word in value[1:]]
        for inner in value:
            if isinstance(inner, str) and inner.startswith("mysqlops "):
                yield shlex.split(inner)[1:]
            yield from _commands(inner)


@pytest.mark.parametrize("path", [*_PAGES, *_EXAMPLES], ids=lambda path: path.name)
def test_yaml_is_whole(path: Path) -> None:
    for text in _texts(path):
        for one in _documents(text):
            assert isinstance(one, dict)
            if "kind" in one and one["kind"] != "Kustomization":
                assert one["apiVersion"]
                assert one["metadata"]["name"]
            for words in _commands(one):
                parse(words)


def test_the_job_reads_the_file_that_the_generator_makes() -> None:
    (job,) = _documents((ROOT / "manifests" / "examples" / "apply-job.yaml").read_text())
    generators = [
        one
        for text in _texts(DOCS / "how-to" / "gitops.md")
        for document in _documents(text)
        for one in document.get("configMapGenerator", [])
    ]
    pod = job["spec"]["template"]["spec"]
    maps = {one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one}
    assert maps == {one["name"] for one in generators}
    file = pod["containers"][0]["command"][pod["containers"][0]["command"].index("-f") + 1]
    mounts = {one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    assert file.rpartition("/")[0] in mounts
    assert file.rpartition("/")[2] in generators[0]["files"]


def test_the_proxy_listens_on_every_family_of_addresses() -> None:
    """An empty address is 0.0.0.0 to HAProxy: on a cluster with IPv6 only, kubelet's probe would reach nothing."""
    (config, *_) = _documents((ROOT / "manifests" / "examples" / "haproxy.yaml").read_text())
    binds = re.findall(r"^ *bind +(.*)$", config["data"]["haproxy.cfg"], re.MULTILINE)
    assert binds == [f":::{port} v4v6" for port in (3306, 3307, 8404)]


def test_the_patches_for_a_mesh_are_accepted_and_reach_the_members() -> None:
    blocks = _BLOCK.findall((ROOT / "docs" / "how-to" / "mesh.md").read_text())
    outside, inside = [_annotations_of_members(block) for block in blocks]
    assert outside["linkerd.io/inject"] == "disabled"
    for exclude in ("traffic.sidecar.istio.io/excludeInboundPorts", "config.linkerd.io/skip-inbound-ports"):
        assert inside[exclude] == f"{names.PORT_MYSQL},{names.PORT_AGENT}"


def _annotations_of_members(file: str) -> dict[str, str]:
    (document,) = cluster_file.parse(file, "mesh.md")
    made = deploy.objects(ClusterSpec("mysql", "db", pod=document.values["spec.pod"]))
    template = next(one for one in made if one["kind"] == "StatefulSet")["spec"]["template"]
    return dict(template["metadata"]["annotations"])


def _steps() -> Iterator[str]:
    """What the jobs of the workflow run."""
    for job in _documents((ROOT / ".github" / "workflows" / "ci.yaml").read_text())[0]["jobs"].values():
        yield from (step["run"] for step in job["steps"] if "run" in step)


def test_the_workflow_runs_shell_and_names_what_exists() -> None:
    found = [*_steps()]
    assert len(found) > 10
    for text in found:
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), text
        for path in re.findall(r"(?<![\w/.])(?:scripts|tests)/[a-z-]+|\bContainerfile\b", text):
            assert (ROOT / path).exists(), path


def test_the_plugins_manifest_names_the_program_that_the_package_installs() -> None:
    (manifest,) = _documents((ROOT / ".github" / "krew.yaml").read_text())
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {one["bin"] for one in manifest["spec"]["platforms"]} <= scripts.keys()
    assert f"kubectl-{manifest['metadata']['name']}" in scripts


def test_the_checks_see_what_is_wrong() -> None:
    with pytest.raises(yaml.YAMLError):
        _documents("a: 1\na: 2")
    assert list(_commands({"script": ["mysqlops apply -f x"], "command": ["mysqlops", "diff"]})) == [
        ["apply", "-f", "x"],
        ["diff"],
    ]
