"""One file: a user applies it, changes it, and reads it back."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import Namespace, Result, killed

pytestmark = pytest.mark.long
FILE = """\
apiVersion: mysqlops/v1
kind: BackupTarget
metadata: {name: local}
spec: {claim: backups}
---
apiVersion: mysqlops/v1
kind: Cluster
metadata: {name: mysql}
spec:
  replicas: 1
  memory: 768Mi
  cpu: 100m
  storage: {size: 1Gi}
  settings:
    long_query_time: 3
  backup:
    schedule: {target: local, cron: "0 3 * * *", keep: {daily: 7}}
"""
CHANGED = FILE.replace("replicas: 1", "replicas: 3").replace("long_query_time: 3", "long_query_time: 4")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "cluster.yaml"
    path.write_text(FILE)
    return path


def _apply(namespace: Namespace, file: Path, text: str, *words: str) -> Result:
    file.write_text(text)
    return namespace.mysqlops("apply", "-f", str(file), *words)


def _verbs(done: Result) -> list[str]:
    assert done.code == 0, done.err
    found = json.loads(done.out)
    return [one["action"] for one in found.get("changed", found.get("steps"))]


def test_a_wrong_field_changes_nothing(namespace: Namespace, file: Path) -> None:
    done = _apply(namespace, file, FILE.replace("memory", "memroy"), "--yes")
    assert (done.code, "line 11: no field spec.memroy; did you mean memory?" in done.err) == (2, True), done.err
    done = _apply(namespace, file, FILE.replace("target: local", "target: other"), "--yes")
    assert (done.code, "no-such-target" in done.err) == (3, True), done.err
    assert namespace.objects("statefulsets") == []


def test_a_file_makes_its_cluster(namespace: Namespace, file: Path) -> None:
    namespace.claim("backups")
    assert namespace.mysqlops("diff", "-f", str(file)).code == 1
    done = _apply(namespace, file, FILE)
    assert (done.code, "not-confirmed" in done.err) == (3, True), done.err
    done = _apply(namespace, file, FILE, "--yes", "-o", "json")
    assert _verbs(done) == ["backup target add", "deploy", "backup schedule set"]
    assert namespace.sql("mysql-0", "SELECT @@GLOBAL.long_query_time") == [[3.0]]
    assert {one["spec"]["schedule"] for one in namespace.objects("cronjobs")} == {"0 3 * * *", "0 5 * * 0"}


def _spent() -> float:
    """Seconds of processor that the commands took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_again_it_changes_nothing_and_is_quick(namespace: Namespace, file: Path) -> None:
    began, spent = time.monotonic(), _spent()
    done = namespace.mysqlops("apply", "-f", str(file))
    seconds, spent = time.monotonic() - began, _spent() - spent
    assert (done.code, "nothing changed" in done.out) == (0, True), done.err
    print(f"apply without a change: {seconds:.2f} s, {spent:.2f} s of processor")
    assert spent < 2  # whatever else the machine does
    assert namespace.mysqlops("diff", "-f", str(file)).code == 0


EXPOSED = """\
  expose:
    mysql-outside:
      type: NodePort
      sourceRanges: [192.0.2.0/24]
      hostname: db.example.com
      annotations: {example.com/owner: shop}
    mysql-reads: {role: replica, sourceRanges: [192.0.2.0/24, 198.51.100.0/24], port: 3307}
"""


def test_services_are_opened_read_back_put_right_and_closed(namespace: Namespace, file: Path) -> None:
    assert _verbs(_apply(namespace, file, FILE + EXPOSED, "--yes", "-o", "json")) == ["expose"]
    # The API server chose a port of the nodes, and a controller writes notes of its own: neither is a difference.
    namespace.kubectl("annotate", "service", "mysql-outside", "example.com/controller=was-here")
    assert namespace.mysqlops("diff", "-f", str(file)).code == 0
    written = namespace.mysqlops("export", "mysql").out
    (found,) = [one["spec"]["expose"] for one in yaml.safe_load_all(written) if one["kind"] == "Cluster"]
    assert found["mysql-outside"]["annotations"] == {"example.com/owner": "shop"}
    assert (found["mysql-outside"]["hostname"], "nodePort" in found["mysql-outside"]) == ("db.example.com", False)
    assert (found["mysql-reads"]["role"], found["mysql-reads"]["port"]) == ("replica", 3307)
    assert "nothing changed" in _apply(namespace, file, written, "--yes").out
    namespace.kubectl("delete", "networkpolicy", "mysql-reads-clients")
    shown = _apply(namespace, file, FILE + EXPOSED.replace("198.51.100.0", "203.0.113.0"), "--dry-run")
    assert (shown.code, "expose" in shown.out) == (0, True), shown.err
    assert namespace.mysqlops("diff", "-f", str(file)).code == 1
    assert _verbs(namespace.mysqlops("apply", "-f", str(file), "--yes", "-o", "json")) == ["expose"]
    assert "203.0.113.0/24" in namespace.kubectl("get", "networkpolicy", "mysql-reads-clients", "-o", "json")
    assert "nothing changed" in _apply(namespace, file, FILE, "--yes").out  # a file without the field
    assert _verbs(_apply(namespace, file, FILE + "  expose: {}\n", "--yes", "-o", "json")) == ["unexpose"]
    assert not [
        one for one in namespace.objects("services") if one["metadata"]["name"] in ("mysql-outside", "mysql-reads")
    ]


def test_a_changed_file_is_shown_and_then_done(namespace: Namespace, file: Path) -> None:
    file.write_text(CHANGED)
    shown = namespace.mysqlops("diff", "-f", str(file), "-o", "json")
    fields = {one["field"]: (one["running"], one["file"]) for one in json.loads(shown.out)["differences"]}
    assert fields == {"spec.replicas": (1, 3), "spec.settings.long_query_time": ("3", "4")}
    assert shown.code == 1
    assert "scale" in _verbs(namespace.mysqlops("apply", "-f", str(file), "--dry-run", "-o", "json"))
    assert namespace.status()["replicas"] == 1
    # Killed while the first new member is on its way, and run again.
    killed(
        namespace, lambda: namespace.objects("statefulsets")[0]["spec"]["replicas"] == 2, "apply", "-f", str(file), "-y"
    )
    assert namespace.mysqlops("diff", "-f", str(file)).code == 1
    done = _apply(namespace, file, CHANGED, "--yes", "-o", "json")
    assert _verbs(done) == ["scale", "config set"]
    assert namespace.status()["replicas"] == 3
    assert {namespace.sql(f"mysql-{one}", "SELECT @@GLOBAL.long_query_time")[0][0] for one in range(3)} == {4.0}
    assert namespace.mysqlops("diff", "-f", str(file)).code == 0


def test_what_export_writes_is_the_cluster(namespace: Namespace, file: Path) -> None:
    written = namespace.mysqlops("export", "mysql")
    assert written.code == 0, written.err
    assert "password" not in written.out
    done = _apply(namespace, file, written.out)
    assert (done.code, "nothing changed" in done.out) == (0, True), done.err


def test_what_a_file_may_not_do_is_refused_with_the_next_command(namespace: Namespace, file: Path) -> None:
    bad = CHANGED.replace("size: 1Gi}", "size: 1Gi, class: another}").replace("replicas: 3", "replicas: 1")
    done = _apply(namespace, file, bad.replace("cpu: 100m", "cpu: 120m"), "--yes")
    assert (done.code, "changed-option" in done.err, "members-go" in done.err) == (3, True, True), done.err
    assert namespace.mysqlops("diff", "-f", str(file)).code == 1
    done = _apply(namespace, file, CHANGED)
    assert (done.code, "nothing changed" in done.out) == (0, True), done.err
