"""A patch for every pod: each pod that mysqlops makes for a cluster has its label and its toleration."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.conftest import SMALL, Namespace, run

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


class Watch:
    """Every pod that the namespace had, as it was first seen."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace, self.seen = namespace, dict[str, dict[str, object]]()
        self._ended = threading.Event()

    def look(self) -> None:
        while not self._ended.is_set():
            done = run("kubectl", "-n", self.namespace.name, "get", "pods", "-o", "json", timeout=60)
            for pod in json.loads(done.out)["items"] if done.code == 0 else []:
                self.seen.setdefault(pod["metadata"]["uid"], pod)
            self._ended.wait(0.3)

    def stop(self) -> None:
        self._ended.set()


@contextmanager
def watched(namespace: Namespace) -> Iterator[Watch]:
    watch = Watch(namespace)
    thread = threading.Thread(target=watch.look)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()


def _check(watch: Watch, team: str) -> set[str]:
    """The kinds of pods that were seen; each has the patch."""
    kinds = set()
    for pod in watch.seen.values():
        found = json.loads(json.dumps(pod))
        labels, spec = found["metadata"]["labels"], found["spec"]
        kind = labels.get("app.kubernetes.io/component", "member")
        kinds.add(kind)
        assert labels["team"] == team, found["metadata"]["name"]
        assert TOLERATION in spec["tolerations"], found["metadata"]["name"]
        for one in (*spec.get("initContainers", []), *spec["containers"]):
            assert {"name": "EXTRA", "value": "1"} in one["env"], (found["metadata"]["name"], one["name"])
    return kinds


def test_it_reaches_every_pod(namespace: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(PATCH % "shop")
    namespace.claim("backups")
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    with watched(namespace) as watch:
        namespace.must("deploy", "mysql", "--replicas", "1", *SMALL, "--pod-patch", str(file), "--spread", "required")
        namespace.must("backup", "create", "mysql")
        namespace.must("backup", "binlog", "start", "mysql")
        namespace.must("backup", "target", "check", "local")
    kinds = _check(watch, "shop")
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
    with watched(namespace) as watch:
        namespace.must("apply", "-f", str(file), "--yes")
        namespace.await_healthy()
    new = {uid: pod for uid, pod in watch.seen.items() if json.dumps(pod).count('"team": "web"')}
    watch.seen = new
    assert {"member", "image-check", "binlog"} <= _check(watch, "web")
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
