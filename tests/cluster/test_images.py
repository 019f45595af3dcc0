"""Rollouts to other images. Only one MySQL is available here: the images wrap it, and report another version or fail.

They are built and loaded into the lab's nodes: on another cluster they say so.
"""

from __future__ import annotations

import json
import os

import pytest

from tests.cluster import wrapped
from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace
from tests.faults.ledger import Ledger

pytestmark = pytest.mark.long
THREE = ["mysql-0", "mysql-1", "mysql-2"]
_MARK = "/var/lib/mysql/data/newer"
_SAYS, _CHECKS, _RUNS = wrapped.SAYS, wrapped.CHECKS, wrapped.RUNS
_FAILS = "echo wrapper: no way >&2; exit 1"
IMAGES = {
    "same": [_RUNS],
    "older": [_SAYS.format(version="8.4.8"), _RUNS],
    "unknown": [_SAYS.format(version="10.2.0"), _RUNS],
    "without-plugins": ['case "$*" in *--verbose*) echo "plugin-dir  /nowhere/"; exit;; esac', _RUNS],
    "newer-broken": [_SAYS.format(version="9.7.99"), _CHECKS, _FAILS],
    # It changes the data, and starts only after some time; the other one refuses data that it changed.
    "newer-late": [
        _SAYS.format(version="9.7.98"),
        _CHECKS,
        f"echo >>{_MARK}",
        f"[ $(wc -l <{_MARK}) -gt 4 ] && {_RUNS}",
        _FAILS,
    ],
    "refusing": [f'case "$*" in *--validate-config*|--version) {_RUNS};; esac', f"[ -e {_MARK} ] || {_RUNS}", _FAILS],
}


@pytest.fixture(scope="module")
def images(request: pytest.FixtureRequest) -> dict[str, str]:
    return wrapped.build(request.config, IMAGES)


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Namespace:
    namespace.must("deploy", "mysql", *SMALL)
    return namespace


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("older", "8.4.8 is older than 9.7"),
        ("unknown", "not of a series that this mysqlops supports"),
        ("without-plugins", "no group_replication.so in /nowhere/: no group can be formed"),
    ],
)
def test_an_image_that_may_not_follow_is_refused(
    cluster: Namespace, images: dict[str, str], image: str, told: str
) -> None:
    done = cluster.mysqlops("upgrade", "mysql", "--image", images[image])
    assert (done.code, told in done.err) == (3, True), done.err
    cluster.await_healthy()


def test_another_image_is_rolled_out(cluster: Namespace, images: dict[str, str]) -> None:
    done = cluster.mysqlops("upgrade", "mysql", "--image", images["same"], timeout=400)
    assert done.code == 0, done.err
    running = {pod["spec"]["containers"][0]["image"] for pod in cluster.objects("pods")}
    assert running == {images["same"]}


def test_a_broken_newer_version_is_taken_back_and_its_canary_keeps_its_data(
    cluster: Namespace, images: dict[str, str]
) -> None:
    primary = cluster.status()["primary"]
    before = {one["metadata"]["name"]: one["metadata"]["uid"] for one in cluster.objects("pvc")}

    def upgrade() -> None:
        done = cluster.mysqlops("upgrade", "mysql", "--image", images["newer-broken"], timeout=400)
        assert done.code == 6, done.err
        assert "wrapper: no way" in done.err
        assert "rolled back" in done.err

    outcome = Ledger(cluster).under_writes(upgrade, THREE)
    assert outcome.is_clean()
    assert cluster.await_healthy()["primary"] == primary
    after = {one["metadata"]["name"]: one["metadata"]["uid"] for one in cluster.objects("pvc")}
    assert after == before  # the older version starts on the claim as it is; it begins empty only if that refuses
    assert {pod["spec"]["containers"][0]["image"] for pod in cluster.objects("pods")} == {images["same"]}


def test_a_failed_version_never_costs_the_only_copy(namespace: Namespace, images: dict[str, str]) -> None:
    """One member has no other copy: going back by itself would mean to delete it (finding S3)."""
    namespace.must("deploy", "one", *SMALL, "--replicas", "1")
    namespace.sql("one-0", "CREATE TABLE app.kept (id INT PRIMARY KEY)")
    namespace.sql("one-0", "INSERT INTO app.kept VALUES (1), (2)")
    uid = _claim_uid(namespace, "data-one-0")
    done = namespace.mysqlops("upgrade", "one", "--image", images["newer-broken"], timeout=400)
    assert (done.code, "rolled back: one-0 replaced by the previous version" in done.err) == (6, True), done.err
    assert _claim_uid(namespace, "data-one-0") == uid
    namespace.await_healthy("one")
    assert namespace.sql("one-0", "SELECT COUNT(*) FROM app.kept") == [[2]]
    refused = namespace.mysqlops("storage", "resize", "one", "--size", "1200Mi", "--by-rebuild", "--confirm", "one")
    assert refused.code == 3
    assert "only-member" in refused.err
    assert _claim_uid(namespace, "data-one-0") == uid


def test_data_that_a_newer_version_changed_leads_forward_again(namespace: Namespace, images: dict[str, str]) -> None:
    """Neither version starts on the only copy: nothing is deleted, and the newer one goes on once its cause is gone."""
    done = namespace.mysqlops("deploy", "two", *SMALL, "--replicas", "1", "--image", images["refusing"], timeout=400)
    assert done.code == 0, done.err
    namespace.sql("two-0", "CREATE TABLE app.kept (id INT PRIMARY KEY)")
    namespace.sql("two-0", "INSERT INTO app.kept VALUES (1), (2)")
    uid = _claim_uid(namespace, "data-two-0")
    done = namespace.mysqlops("upgrade", "two", "--image", images["newer-late"], timeout=400)
    assert (done.code, "also with the previous template; its data was kept" in done.err) == (6, True), done.err
    assert "mysqlops upgrade two --forward" in done.err
    done = namespace.mysqlops("upgrade", "two", "--forward", timeout=400)
    assert done.code == 0, done.err
    namespace.await_healthy("two")
    assert _claim_uid(namespace, "data-two-0") == uid
    assert namespace.sql("two-0", "SELECT COUNT(*) FROM app.kept") == [[2]]
    (pod,) = [one for one in namespace.objects("pods") if one["metadata"]["name"] == "two-0"]
    assert pod["spec"]["containers"][0]["image"] == images["newer-late"]


def _claim_uid(namespace: Namespace, claim: str) -> str:
    return str(json.loads(namespace.kubectl("get", "pvc", claim, "-o", "json"))["metadata"]["uid"])


def _digest_on_every_node(image: str) -> str:
    """Let the nodes know an image by its digest too, as if they had pulled it; the digest."""
    found = set()
    listed = wrapped.run("kubectl", f"--kubeconfig={KUBECONFIG}", "get", "nodes", "-o", "json")
    nodes = [one["metadata"]["name"] for one in json.loads(listed)["items"]]
    for node in nodes:
        ctr = ["docker", "exec", node, "ctr", "-n", "k8s.io", "images"]
        name = f"docker.io/{image}"
        (line,) = (one for one in wrapped.run(*ctr, "list", f"name=={name}").splitlines() if one.startswith(f"{name} "))
        digest = next(word for word in line.split() if word.startswith("sha256:"))
        wrapped.run(*ctr, "tag", "--force", name, f"{name.partition(':')[0]}@{digest}")
        found.add(digest)
    (digest,) = found
    return digest


def test_a_pulled_image_is_pinned_and_a_loaded_one_stays_a_tag(namespace: Namespace, images: dict[str, str]) -> None:
    """A tag may mean another image tomorrow; a pod that is made again must not notice (docs/adr/0038)."""
    done = namespace.mysqlops("deploy", "pinned", *SMALL, "--replicas", "1")
    assert done.code == 0, done.err
    assert f"{os.environ['MYSQLOPS_IMAGE']} cannot be pinned: the node reports no digest" in done.err
    digest = _digest_on_every_node(images["same"])
    wanted = f"{images['same']}@{digest}"
    done = namespace.mysqlops("upgrade", "pinned", "--image", images["same"])
    assert done.code == 0, done.err
    assert _image_of(namespace, "pinned-0") == wanted
    assert namespace.status("pinned")["image"] == wanted
    namespace.kubectl("delete", "pod", "pinned-0")
    namespace.await_healthy("pinned")
    assert _image_of(namespace, "pinned-0") == wanted
    again = namespace.mysqlops("upgrade", "pinned", "--image", images["same"])
    assert (again.code, "no pod was replaced" in again.out) == (0, True), again.err


def _image_of(namespace: Namespace, pod: str) -> str:
    found = json.loads(namespace.kubectl("get", "pod", pod, "-o", "json"))
    return str(next(one for one in found["spec"]["containers"] if one["name"] == "mysqld")["image"])
