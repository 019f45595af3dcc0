"""A backup that no server can load, with the Job's own scripts and programs: the verification says so, and counts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from mysqlops.core import backup
from mysqlops.mysql import contents
from tests.database import copies
from tests.database.containers import docker, must_answer

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
def fetched(request: pytest.FixtureRequest) -> Iterator[copies.Copy]:
    """The folders as `fetch` leaves them."""
    must_answer(request.config)
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
