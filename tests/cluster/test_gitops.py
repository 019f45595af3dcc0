"""Rendered objects that kubectl applied, each way, and then every verb that changes objects; a controller's fields."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import SMALL, Namespace, make_namespace, run

pytestmark = pytest.mark.long
NAME = "mysql"
WAYS = {
    "client": ("apply",),
    "server": ("apply", "--server-side"),
    "own": ("apply", "--server-side", "--field-manager=mysqlops"),  # what pages recommended before
}


@pytest.fixture(scope="module", params=list(WAYS))
def placed(request: pytest.FixtureRequest, namespace: Namespace) -> Iterator[tuple[Namespace, str]]:
    """One member, of rendered objects, in a namespace of its own."""
    made = make_namespace(f"{namespace.name}-{request.param}")
    rendered = made.mysqlops("render", NAME, "-n", made.name, "--replicas", "1", *SMALL)
    assert rendered.code == 0, rendered.err
    made.kubectl(*WAYS[request.param], "-f", "-", stdin=rendered.out)
    made.await_healthy(seconds=240)
    yield made, request.param
    made.kubectl("delete", "namespace", made.name, "--wait=false")


def _managers(namespace: Namespace, kind: str, name: str) -> set[str]:
    words = ("get", kind, name, "-o", "json", "--show-managed-fields")
    found = json.loads(namespace.kubectl(*words))["metadata"]["managedFields"]
    return {one["manager"] for one in found if set(one["fieldsV1"]) - {"f:metadata"} and not one.get("subresource")}


def _again(namespace: Namespace, way: str) -> None:
    """Freshly rendered objects: they change nothing."""
    before = namespace.objects("statefulsets")[0]["metadata"]["generation"]
    fresh = namespace.mysqlops("render", NAME, "--running")
    assert fresh.code == 0, fresh.err
    namespace.kubectl(*WAYS[way], "-f", "-", stdin=fresh.out)
    assert namespace.objects("statefulsets")[0]["metadata"]["generation"] == before


def _template(namespace: Namespace) -> dict[str, object]:
    found: dict[str, object] = namespace.objects("statefulsets")[0]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_every_verb_follows_kubectl(placed: tuple[Namespace, str]) -> None:
    namespace, way = placed
    assert any("kubectl" in one for one in _managers(namespace, "statefulset", NAME)) == (way != "own")
    namespace.must("deploy", NAME, "--replicas", "1", *SMALL)
    namespace.must("config", "set", NAME, "long_query_time=3")
    _again(namespace, way)
    namespace.must("upgrade", NAME, "--cpu", "110m")
    assert not [one for one in _managers(namespace, "statefulset", NAME) if "kubectl" in one]
    _again(namespace, way)
    namespace.must("config", "set", NAME, "table_open_cache_instances=8")
    _again(namespace, way)
    namespace.must("upgrade", NAME, "--metrics-namespaces", "monitoring")
    _again(namespace, way)
    namespace.must("storage", "resize", NAME, "--size", "1200Mi")
    _again(namespace, way)
    namespace.await_healthy()


def test_restarts_and_rotations_follow_it_too(placed: tuple[Namespace, str]) -> None:
    namespace, way = placed
    namespace.must("tls", "rotate", NAME, "--yes")
    namespace.must("users", "rotate", NAME, "--yes")
    _again(namespace, way)
    namespace.must("restart", NAME)
    namespace.must("users", "rotate", NAME, "--finish", "--yes")
    namespace.must("stop", NAME, "--yes")
    namespace.must("start", NAME)
    _again(namespace, way)
    namespace.await_healthy()


def test_the_verbs_of_several_members_follow_it_too(placed: tuple[Namespace, str]) -> None:
    namespace, way = placed
    namespace.must("scale", NAME, "--replicas", "3")
    _again(namespace, way)
    namespace.must("switchover", NAME)
    namespace.must("member", "rebuild", NAME, namespace.replicas()[0], "--confirm", namespace.replicas()[0])
    namespace.must("scale", NAME, "--replicas", "1", "--pvc", "delete", "--confirm", NAME)
    _again(namespace, way)
    namespace.await_healthy()


def test_backups_ways_in_and_the_file_follow_it_too(placed: tuple[Namespace, str], tmp_path: Path) -> None:
    namespace, way = placed
    namespace.claim("backups")
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    backup = namespace.must("backup", "create", NAME, "-o", "json")["id"]
    namespace.must("backup", "schedule", "set", NAME, "--cron", "0 3 * * *", "--keep-daily", "7")
    namespace.must("backup", "binlog", "start", NAME)
    namespace.must("expose", NAME, f"{NAME}-outside", "--type", "NodePort", "--source-ranges", "192.0.2.0/24")
    _again(namespace, way)
    file = tmp_path / "cluster.yaml"
    *targets, cluster = yaml.safe_load_all(namespace.mysqlops("export", NAME).out)
    cluster["spec"].setdefault("settings", {})["long_query_time"] = "2"
    file.write_text(yaml.safe_dump_all([*targets, cluster]))
    namespace.must("apply", "-f", str(file), "--yes")
    assert namespace.sql(f"{NAME}-0", "SELECT @@GLOBAL.long_query_time") == [[2.0]]
    _again(namespace, way)
    namespace.must("unexpose", NAME, f"{NAME}-outside", "--yes")
    namespace.must("backup", "binlog", "stop", NAME)
    namespace.must("backup", "schedule", "remove", NAME, "--yes")
    namespace.must("restore", backup, "--in-place", NAME, "--confirm", NAME)
    _again(namespace, way)
    namespace.kubectl("delete", "service", f"{NAME}-replicas")
    namespace.mysqlops("doctor", NAME, "--fix", "--yes")
    namespace.kubectl("get", "service", f"{NAME}-replicas")
    _again(namespace, way)
    namespace.await_healthy()


def test_an_old_file_is_refused_unless_it_is_forced(placed: tuple[Namespace, str]) -> None:
    namespace, way = placed
    if way == "client":  # the API server lets kubectl overwrite what its own note of such an apply names
        return
    namespace.must("config", "set", NAME, "long_query_time=4")  # takes over what kubectl applied
    (claim,) = namespace.objects("statefulsets")[0]["spec"]["volumeClaimTemplates"]
    size = claim["spec"]["resources"]["requests"]["storage"]
    chosen = (*SMALL, "--storage-size", size, "--image", "mysql:0.0.1")
    old = namespace.mysqlops("render", NAME, "--replicas", "1", *chosen)
    before = _template(namespace)
    done = run("kubectl", "-n", namespace.name, "apply", "--server-side", "-f", "-", stdin=old.out, timeout=60)
    assert done.code != 0
    assert 'with "mysqlops"' in done.err
    assert _template(namespace) == before


def _argo(namespace: Namespace) -> None:
    """A controller applies all that `render --running` prints, as it does with what is in Git."""
    fresh = namespace.mysqlops("render", NAME, "--running")
    assert fresh.code == 0, fresh.err
    words = ("apply", "--server-side", "--field-manager=argocd-controller", "--force-conflicts", "-f", "-")
    namespace.kubectl(*words, stdin=fresh.out)


def _refused(namespace: Namespace, *verb: str) -> list[str]:
    """The commands that the hints name."""
    done = namespace.mysqlops(*verb)
    assert done.code == 3, f"{verb}: {done.code} {done.err}"
    assert ("field-owner" in done.err, "belongs to" in done.err, "stop argocd-controller" in done.err) == (True,) * 3
    return re.findall(r"kubectl patch .*?\}\]\}\}'", " ".join(done.err.split()))


def _generations(namespace: Namespace) -> list[tuple[str, int]]:
    kinds = ("statefulset", "networkpolicy", "poddisruptionbudget")
    return [
        (one["metadata"]["name"], one["metadata"]["generation"]) for kind in kinds for one in namespace.objects(kind)
    ]


def test_a_controllers_fields_are_refused_by_name_and_nothing_changes(placed: tuple[Namespace, str]) -> None:
    namespace, _ = placed
    _argo(namespace)
    before, maps = _generations(namespace), namespace.objects("configmaps")
    _refused(namespace, "upgrade", NAME, "--cpu", "120m")
    _refused(namespace, "upgrade", NAME, "--client-namespaces", "shop")
    _refused(namespace, "config", "set", NAME, "long_query_time=5")
    _refused(namespace, "config", "set", NAME, "table_open_cache_instances=4")
    # These use the scale subresource or replace the object, where the API server refuses nothing.
    _refused(namespace, "scale", NAME, "--replicas", "3")
    _refused(namespace, "stop", NAME, "--yes")
    _refused(namespace, "storage", "resize", NAME, "--size", "1300Mi")
    assert (_generations(namespace), namespace.objects("configmaps")) == (before, maps)


def test_what_a_controller_does_not_apply_is_nobodys_obstacle(placed: tuple[Namespace, str]) -> None:
    namespace, _ = placed
    _argo(namespace)
    before = _generations(namespace)
    namespace.must("tls", "rotate", NAME, "--yes")
    namespace.must("users", "rotate", NAME, "--yes")
    namespace.must("restart", NAME)
    namespace.must("users", "rotate", NAME, "--finish", "--yes")
    assert _generations(namespace) == before
    namespace.must("expose", NAME, f"{NAME}-in", "--type", "NodePort", "--source-ranges", "192.0.2.0/24", "--no-wait")
    namespace.must("unexpose", NAME, f"{NAME}-in", "--yes")
    _argo(namespace)
    assert _generations(namespace) == before
    namespace.await_healthy()


def test_the_hint_gives_the_fields_to_mysqlops(placed: tuple[Namespace, str]) -> None:
    namespace, _ = placed
    _argo(namespace)
    for verb in (("upgrade", NAME, "--cpu", "120m"), ("config", "set", NAME, "long_query_time=5")):
        for line in _refused(namespace, *verb):
            program, *words = shlex.split(line)
            assert program == "kubectl"
            namespace.kubectl(*words)
        namespace.must(*verb)
    namespace.must("scale", NAME, "--replicas", "3", "--dry-run")  # nobody owns what was nobody's before the upgrade
    namespace.must("storage", "resize", NAME, "--size", "1300Mi")
    namespace.must("stop", NAME, "--yes")
    namespace.must("start", NAME)
    namespace.await_healthy()
