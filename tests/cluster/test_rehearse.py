"""Rehearsed upgrades on the lab. Only one MySQL is available here: a wrapper reports a newer version, and its server
upgrades the data of its own version because an option forces it to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cluster import data, wrapped
from tests.cluster.conftest import SMALL, Namespace, Result, eventually, killed
from tests.faults.ledger import Ledger

pytestmark = pytest.mark.long  # minutes each; CI has an hour

JOB = "0-rehearsal-mysql"
THREE = ["mysql-0", "mysql-1", "mysql-2"]
_ANSWERS = f'case "$*" in *--verbose*|*--initialize*) {wrapped.RUNS};; esac'
IMAGES = {
    "upgrading": [
        wrapped.SAYS.format(version="9.7.97"),
        wrapped.CHECKS,
        _ANSWERS,
        'exec /usr/sbin/mysqld "$@" --upgrade=FORCE',
    ],
    # It accepts the file when it only checks it, as a server does with settings of its plugins.
    "choosy": [
        wrapped.SAYS.format(version="9.7.96"),
        wrapped.CHECKS,
        _ANSWERS,
        'grep -q back_log.*77 /etc/mysqlops/my.cnf && set -- "$@" --back-logs=77',
        wrapped.RUNS,
    ],
}

# No MySQL Shell is to be had here. It logs in as the Shell would, and prints what the manual shows.
_TOLD = (
    '{"errorCount": 1, "checksPerformed": [{"title": "Usage of old things", "detectedProblems": ['
    '{"level": "Error", "dbObject": "app.things", "description": "is old"}, '
    '{"level": "Warning", "dbObject": "app.few", "description": "is odd"}]}]}'
)
_SHELL = [
    "IFS= read -r word",
    '{ echo "[client]"; echo "password=$word"; } >/tmp/checker.cnf',
    'for one; do case $one in *@*) to="${one%%:*}";; esac; done',
    'mysql --defaults-file=/tmp/checker.cnf --ssl-mode=VERIFY_CA --ssl-ca=/run/ca/ca.crt -h "${to#*@}" -u "${to%@*}" '
    "-Ne 'SELECT COUNT(*) FROM app.things' >&2 || exit 1",
    f"echo '{_TOLD}'",
]


@pytest.fixture(scope="module")
def images(request: pytest.FixtureRequest) -> dict[str, str]:
    return wrapped.build(request.config, IMAGES, {"mysqlsh": _SHELL})


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    assert images
    namespace.claim("backups")
    namespace = namespace.with_logins(tmp_path_factory.mktemp("logins"))
    namespace.must("deploy", "mysql", *SMALL)
    data.seed(namespace, namespace.status()["primary"])
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    namespace.must("backup", "create", "mysql")
    return namespace


def _rehearse(cluster: Namespace, image: str, *words: str) -> Result:
    return cluster.mysqlops("upgrade", "mysql", "--image", image, "--rehearse", *words)


def _left(cluster: Namespace) -> list[str]:
    """What a rehearsal makes, as far as it exists; its pod's name is longer."""
    found = cluster.objects("jobs,pods,configmaps,networkpolicies,pvc")
    return [f"{one['kind']} {one['metadata']['name']}" for one in found if one["metadata"]["name"].startswith(JOB)]


def _leaves_nothing(cluster: Namespace) -> None:
    """The volume of a pod goes a moment after the pod."""
    assert not [one for one in _left(cluster) if not one.startswith("PersistentVolumeClaim ")]
    eventually(lambda: _left(cluster) == [], "its volume is gone")


def _uids(cluster: Namespace) -> dict[str, str]:
    return {pod: cluster.kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.uid}") for pod in THREE}


def _noted(cluster: Namespace) -> dict[str, Any]:
    lease = json.loads(cluster.kubectl("get", "lease", "mysql-group", "-o", "json"))
    noted: dict[str, Any] = json.loads(lease["metadata"]["annotations"]["mysqlops.io/rehearsed"])
    return noted


def test_a_rehearsal_under_writes_leaves_the_cluster_alone(cluster: Namespace, images: dict[str, str]) -> None:
    before, done = _uids(cluster), Result(1, "", "")

    def rehearse() -> None:
        nonlocal done
        done = _rehearse(cluster, images["upgrading"], "-o", "json")

    outcome = Ledger(cluster).under_writes(rehearse, THREE)
    assert done.code == 0, done.err
    assert outcome.is_clean(), outcome
    told = done.json()
    assert (told["good"], told["tables"] >= 1, told["rows"] >= 900) == (True, True, True), told
    assert told["start_seconds"] > 0
    assert _uids(cluster) == before
    _leaves_nothing(cluster)
    assert _noted(cluster)["image"] == told["image"]
    plan = cluster.mysqlops("upgrade", "mysql", "--image", images["upgrading"], "--dry-run")
    assert (plan.code, f"was rehearsed just now with backup {told['backup']}: ok" in plan.err) == (0, True), plan.err


@pytest.mark.long
def test_a_setting_that_the_new_version_refuses_is_found(cluster: Namespace, images: dict[str, str]) -> None:
    cluster.must("config", "set", "mysql", "back_log=77")
    done = _rehearse(cluster, images["choosy"])
    assert done.code == 6, done.err
    assert "unknown variable 'back-logs=77'" in done.err
    _leaves_nothing(cluster)
    assert _noted(cluster)["ok"] is False
    doctor = cluster.mysqlops("doctor", "mysql", "--check", "rehearsal")
    assert (doctor.code, "unknown variable 'back-logs=77'" in doctor.out) == (8, True), doctor.out
    cluster.await_healthy()


def test_a_killed_rehearsal_is_finished_by_the_next(cluster: Namespace, images: dict[str, str]) -> None:
    words = ("upgrade", "mysql", "--image", images["upgrading"], "--rehearse")
    killed(cluster, lambda: any(one.startswith("Pod ") for one in _left(cluster)), *words)
    done = _rehearse(cluster, images["upgrading"])
    assert (done.code, "continuing the rehearsal of an earlier run" in done.err) == (0, True), done.err
    assert "ok, " in done.out
    _leaves_nothing(cluster)


def test_a_name_that_is_taken_is_not_touched(cluster: Namespace, images: dict[str, str]) -> None:
    cluster.kubectl("create", "configmap", JOB, "--from-literal=whose=theirs")
    done = _rehearse(cluster, images["upgrading"])
    assert (done.code, f"ConfigMap {JOB} exists and was not created by mysqlops" in done.err) == (3, True), done.err
    assert _left(cluster) == [f"ConfigMap {JOB}"]
    assert cluster.kubectl("get", "configmap", JOB, "-o", "jsonpath={.data.whose}") == "theirs"
    cluster.kubectl("delete", "configmap", JOB)


def test_the_shells_upgrade_checker_reads_the_primary_and_what_it_calls_an_error_refuses(
    cluster: Namespace, images: dict[str, str]
) -> None:
    primary = cluster.status()["primary"]
    cluster.sql(primary, "CREATE USER checker@'%' IDENTIFIED BY 'chk-4711-word' REQUIRE SSL")
    cluster.sql(primary, "GRANT SELECT, RELOAD, PROCESS ON *.* TO checker@'%'")
    words = ("--from-literal=username=checker", "--from-literal=password=chk-4711-word")
    cluster.kubectl("create", "secret", "generic", "checker", *words)
    upgrade = ("upgrade", "mysql", "--image", images["upgrading"], "--dry-run")
    done = cluster.mysqlops(*upgrade, "--checker-secret", "checker")
    assert (done.code, "upgrade-check" in done.err) == (3, True), done.err
    assert "Usage of old things: app.things: is old" in done.err
    assert "upgrade checker: Usage of old things: app.few: is odd" in done.err
    assert "chk-4711-word" not in done.out + done.err
    missing = cluster.mysqlops(*upgrade, "--checker-secret", "nothing")
    assert (missing.code, "the Secret has no username and password" in missing.err) == (3, True), missing.err
    without = cluster.mysqlops(*upgrade)
    assert (without.code, "--checker-secret SECRET runs its upgrade checker" in without.err) == (0, True), without.err
