"""A backup that no server can load, with the Job's own scripts and programs: the verification says so, and counts."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from mysqlops.core import backup
from mysqlops.mysql import contents
from tests.database import copies
from tests.database.containers import docker, eventually

_FACTS = {
    **{"id": "mysql-1", "cluster": "mysql", "namespace": "db", "origin": "o", "method": backup.LOGICAL},
    **{"member": "mysql-0", "role": "primary", "server_version": "9.7.4", "gtid": "", "binlog": "", "at": ""},
    **{"seconds": 1.0, "size": 1, "tables": 1, "rows": 2, "checked": backup.CHECKSUM, "storage_size": "1Gi"},
}
_DUMP = {
    "schema.sql": "CREATE DATABASE app;\nCREATE TABLE app.t (id INT PRIMARY KEY);\n",
    "tables/1.sql": "USE `app`;\nINSERT INTO t VALUES (1), (1);\n",
    "triggers.sql": "",
    "accounts.sql": "SELECT 1;\n",
}


@pytest.fixture
def fetched(image: str) -> Iterator[copies.Copy]:
    """The folders as `fetch` leaves them."""
    assert image
    with copies.Copy() as copy:
        folder = copy.root / "scratch" / "copy"
        (folder / "dump" / "tables").mkdir(parents=True)
        for name, text in _DUMP.items():
            (folder / "dump" / name).write_text(text)
        recorded = contents.Contents({"app.t": contents.Table(2, 1)}, {}, {})
        manifest = {"backup": _FACTS, "contents": recorded.as_json(), "spec": {}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        (copy.root / "work" / "started").write_text(str(time.time()))
        (copy.root / "work" / "chosen").write_text("of restic")
        (copy.root / "work" / "snapshots.json").write_text("[]")
        (copy.root / "work" / "manifest").write_text("")  # an older release's, which did not seal it
        docker(*copy.run("0:0", "--rm"), "chown", "-R", "999:999", "/scratch")
        yield copy


def test_a_dump_that_cannot_be_loaded_is_recorded_as_a_failed_backup(fetched: copies.Copy) -> None:
    fetched.begin()
    done = fetched.program("backup-check")
    assert done.returncode == 0, done.stderr
    told = backup.told_verification(done.stdout.splitlines()[-1])
    assert (told.of, told.ok) == ("mysql-1", False)
    assert "it cannot be read" in told.why
    assert "Duplicate entry '1'" in told.why
    assert (fetched.root / "work" / "report" / "verification.json").exists()
    verdict = fetched.program("backup-verdict")
    assert (verdict.returncode, "Duplicate entry" in verdict.stderr) == (6, True)


def test_a_restore_of_it_fails(fetched: copies.Copy) -> None:
    fetched.begin()
    done = fetched.program("backup-check", MUST_BE_EQUAL="yes")
    assert done.returncode == 6, done.stderr
    assert "Duplicate entry '1'" in done.stderr
    assert not (fetched.root / "work" / "report").exists()


@pytest.mark.parametrize("victim", ["the server", "the container"])
def test_a_load_that_was_killed_says_nothing_about_the_backup(fetched: copies.Copy, victim: str) -> None:
    """Out of memory, or an eviction: kubelet starts the container again."""
    slow = "USE `app`;\nINSERT INTO t VALUES (1), (2);\nDO SLEEP(300);\n"
    script = "cat >/scratch/copy/dump/tables/1.sql"
    subprocess.run(
        ["docker", *fetched.run("999:999", "--rm", "-i"), "sh", "-c", script], input=slow, text=True, check=True
    )
    fetched.begin()
    pid = fetched.root / "work" / "loading.pid"
    eventually(lambda: pid.exists() and pid.read_text().strip(), "the server that loads", seconds=120)
    if victim == "the server":
        docker("exec", fetched.name, "sh", "-c", "kill -9 $(cat /work/loading.pid)")
    else:
        docker("restart", "--time", "0", fetched.name)
    done = fetched.program("backup-check")
    assert done.returncode == 6, done.stderr
    assert "the check of mysql-1 did not end, which says nothing about the backup" in done.stderr
    assert not (fetched.root / "work" / "report").exists()
    assert (fetched.root / "work" / "mysqld.stopped").read_text().strip() == "137"
