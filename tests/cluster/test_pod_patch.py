"""A patch for every pod: each pod that mysqlops makes for a cluster has its label and its toleration."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import SMALL, Namespace

pytestmark = pytest.mark.long
TOLERATION = {"key": "mysqlops-test", "operator": "Exists", "effect": "NoSchedule"}
PATCH = """\
metadata:
  labels: {team: %s}
spec:
  tolerations:
  - {key: mysqlops-test, operator: Exists, effect: NoSchedule}
  volumes:
  - {name: extra, emptyDir: {}}
  containers:
  - name: "*"
    env: [{name: EXTRA, value: 1}]
    volumeMounts: [{name: extra, mountPath: /extra}]
"""


@contextmanager
def watched(namespace: Namespace, file: Path) -> Iterator[list[dict[str, Any]]]:
    """Every pod that the namespace has meanwhile, however short its life, once the block has ended."""
    found: list[dict[str, Any]] = []
    words = ("kubectl", "-n", namespace.name, "get", "pods", "--watch", "-o", "json")
    with file.open("w") as output, subprocess.Popen(words, stdout=output) as watching:
        try:
            yield found
        finally:
            watching.terminate()
    text, decoder = file.read_text(), json.JSONDecoder()
    seen: dict[str, dict[str, Any]] = {}
    while text := text.strip():
        try:
            pod, end = decoder.raw_decode(text)
        except json.JSONDecodeError:  # cut off
            break
        if "deletionTimestamp" not in pod["metadata"]:
            seen.setdefault(pod["metadata"]["uid"], pod)
        text = text[end:]
    found += seen.values()


def _check(pods: list[dict[str, Any]], team: str) -> set[str]:
    """The kinds of these pods, each of which has the patch."""
    kinds = set()
    for pod in pods:
        labels, spec, name = pod["metadata"]["labels"], pod["spec"], pod["metadata"]["name"]
        kinds.add(labels.get("app.kubernetes.io/component", "member"))
        assert labels["team"] == team, name
        assert TOLERATION in spec["tolerations"], name
        for one in (*spec.get("initContainers", []), *spec["containers"]):
            assert {"name": "EXTRA", "value": "1"} in one["env"], (name, one["name"])
    return kinds


def test_it_reaches_every_pod(namespace: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(PATCH % "shop")
    namespace.claim("backups")
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    with watched(namespace, tmp_path / "pods.json") as pods:
        namespace.must("deploy", "mysql", "--replicas", "1", *SMALL, "--pod-patch", str(file), "--spread", "required")
        namespace.must("backup", "create", "mysql")
        namespace.must("backup", "binlog", "start", "mysql")
        namespace.must("backup", "target", "check", "local")
    kinds = _check(pods, "shop")
    assert {"member", "image-check", "backup", "binlog"} <= kinds, kinds
    (found,) = [one for one in namespace.objects("statefulsets") if one["metadata"]["name"] == "mysql"]
    constraint = found["spec"]["template"]["spec"]["topologySpreadConstraints"][0]
    assert constraint["whenUnsatisfiable"] == "DoNotSchedule"
    assert namespace.mysqlops("deploy", "mysql", "--pod-patch", str(file)).code == 0


def test_the_file_of_the_cluster_has_it_and_a_change_is_rolled_out(namespace: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    written = namespace.mysqlops("export", "mysql")
    assert "team: shop" in written.out
    file.write_text(written.out)
    assert namespace.mysqlops("diff", "-f", str(file)).code == 0
    file.write_text(written.out.replace("team: shop", "team: web"))
    assert namespace.mysqlops("diff", "-f", str(file)).code == 1
    with watched(namespace, tmp_path / "pods.json") as pods:
        namespace.must("apply", "-f", str(file), "--yes")
        namespace.await_healthy()
    new = [one for one in pods if one["metadata"]["labels"].get("team") == "web"]
    assert {"member", "image-check", "binlog"} <= _check(new, "web")
    left = [one for one in namespace.objects("pods") if "deletionTimestamp" not in one["metadata"]]
    assert {one["metadata"]["labels"].get("team", "web") for one in left} == {"web"}


def test_what_may_not_be_patched_is_refused(namespace: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text("spec: {hostNetwork: true}")
    done = namespace.mysqlops("upgrade", "mysql", "--pod-patch", str(file))
    assert (done.code, "spec.pod.spec.hostNetwork may not be patched" in done.err) == (2, True), done.err


def test_a_patch_that_the_api_refuses_changes_nothing(namespace: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    before = namespace.objects("statefulsets")[0]["metadata"]["generation"]
    file.write_text("spec: {tolerations: [{key: a, operator: Nonsense}]}")
    done = namespace.mysqlops("upgrade", "mysql", "--pod-patch", str(file))
    assert done.code != 0
    assert namespace.objects("statefulsets")[0]["metadata"]["generation"] == before
    file.write_text("")
    namespace.must("upgrade", "mysql", "--pod-patch", str(file))
    namespace.await_healthy()
    (member,) = [one for one in namespace.objects("pods") if one["metadata"]["name"] == "mysql-0"]
    assert "team" not in member["metadata"]["labels"]
