"""What can go wrong while a backup is made: a clear error, exit status not 0, and the next run works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.cluster.conftest import SMALL, Namespace, Result

pytestmark = pytest.mark.long
SLOW = ("backup", "create", "mysql", "--rate", "4")  # some 40 s of copying


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Namespace:
    namespace.claim("backups", "300Mi")
    for words in (("deploy", "mysql", *SMALL), ("backup", "target", "add", "local", "--claim", "backups")):
        done = namespace.mysqlops(*words)
        assert done.code == 0, done.err
    return namespace


def _meanwhile(cluster: Namespace, when: str, act: Callable[[str], None], *words: str) -> Result:
    """Run a command, and do something to the Job's pod once the command says that it is so far."""
    command = [sys.executable, "-m", "mysqlops", *words, "-n", cluster.name]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as running:
        told = []
        assert running.stderr is not None
        for line in running.stderr:
            told.append(line)
            if when in line:
                pods = [one["metadata"]["name"] for one in cluster.objects("pods")]
                act(next(one for one in pods if "-backup-" in one))
                break
        out, rest = running.communicate(timeout=200)
        return Result(running.returncode, out, "".join(told) + rest)


def _backups(cluster: Namespace) -> int:
    done = cluster.mysqlops("backup", "list", "-o", "json")
    assert done.code == 0, done.err
    return len(done.json())


def test_the_member_that_is_copied_dies(cluster: Namespace) -> None:
    def kill(pod: str) -> None:
        told = cluster.kubectl("logs", pod, "-c", "copy")
        member = next(word.rstrip(",") for word in told.split() if word.startswith("mysql-"))
        cluster.kubectl("delete", "pod", member, "--force", "--grace-period=0")

    done = _meanwhile(cluster, "copying: ", kill, *SLOW)
    assert done.code == 6, done.err
    assert "cloning mysql-" in done.err
    assert "run it again" in done.err
    assert "Traceback" not in done.err
    assert _backups(cluster) == 0


def test_the_scratch_volume_is_full(cluster: Namespace) -> None:
    cluster.await_healthy()

    def fill(pod: str) -> None:
        script = "dd if=/dev/zero of=/scratch/filler bs=1M; true"
        cluster.kubectl("exec", pod, "-c", "mysqld", "--", "sh", "-c", script)

    done = _meanwhile(cluster, "copying: ", fill, *SLOW)
    assert done.code == 6, done.err
    assert "scratch volume" in done.err, done.err


def test_the_pod_of_the_job_is_evicted(cluster: Namespace) -> None:
    def evict(pod: str) -> None:
        cluster.kubectl("delete", "pod", pod)

    done = _meanwhile(cluster, "copying: ", evict, *SLOW)
    assert done.code == 6, done.err
    assert "Job mysql-backup-" in done.err
    done = cluster.mysqlops("backup", "create", "mysql", "-o", "json")
    assert done.code == 0, done.err
    assert _backups(cluster) == 1


def test_the_target_is_full(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    cluster.sql(primary, "CREATE TABLE app.noise (id INT PRIMARY KEY AUTO_INCREMENT, b BLOB)")
    count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    cluster.sql(primary, f"INSERT INTO app.noise (b) {count} SELECT RANDOM_BYTES(1000) FROM n")
    cluster.in_pod("backups", "dd if=/dev/zero of=/volume/filler bs=64k; true")
    done = cluster.mysqlops("backup", "create", "mysql")
    assert done.code == 30, done.err
    assert "no space left" in done.err, done.err
    cluster.in_pod("backups", "rm /volume/filler")
    done = cluster.mysqlops("backup", "create", "mysql", "-o", "json")
    assert done.code == 0, done.err
    done = cluster.mysqlops("backup", "verify", "mysql", done.json()["id"])
    assert done.code == 0, done.err
