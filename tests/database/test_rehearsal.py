"""A rehearsed upgrade with the Job's own scripts and programs; an option forces the server to upgrade."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest

from mysqlops.core import backup
from mysqlops.mysql import comparison, contents
from tests.database import copies
from tests.database.containers import docker, eventually
from tests.unit.operations.test_backup import made


@pytest.fixture(scope="module")
def fetched(image: str) -> Iterator[copies.Copy]:
    """The folders as `fetch` leaves them: an archive, and what was recorded of it."""
    assert image
    with copies.Copy() as copy:
        with copy.start(INITIALISE="yes", READ_ONLY="OFF") as server:
            server.query("CREATE DATABASE app")
            server.query("CREATE TABLE app.t (id INT PRIMARY KEY, v INT)")
            server.query("INSERT INTO app.t VALUES (1, 1), (2, 2)")
            comparison.fix_session(server)
            found = contents.of(server, lambda _: None, with_checksums=True)
            version = str(server.scalar("SELECT @@version"))
            server.query("SHUTDOWN")
        eventually((copy.root / "work" / "mysqld.stopped").exists, "the server's end", seconds=60)
        (copy.root / "work" / "mysqld.stopped").unlink()
        one = replace(made(1), gtid="", checked=backup.CHECKSUM, method=backup.ARCHIVE, server_version=version)
        manifest = {"backup": asdict(one), "contents": found.as_json(), "spec": {}}
        (copy.root / "manifest.json").write_text(json.dumps(manifest))
        docker(
            *copy.run("0:0", "--rm", "-v", f"{copy.root}:/root-of"), "cp", "/root-of/manifest.json", "/scratch/copy/"
        )
        docker(*copy.run("0:0", "--rm"), "chown", "-R", "999:999", "/scratch")
        (copy.root / "work" / "started").write_text(str(time.time()))
        (copy.root / "work" / "manifest").write_text("")
        (copy.root / "work" / "chosen").write_text("of restic")
        (copy.root / "work" / "snapshots.json").write_text("[]")
        yield copy


def _settings(copy: copies.Copy, *lines: str) -> None:
    file = copy.root / "config" / "my.cnf"
    text = file.read_text().partition("# of the test")[0]
    file.write_text("\n".join([text, "# of the test", "[mysqld]", *lines, ""]))


def _rehearse(copy: copies.Copy, *lines: str) -> backup.Verification:
    _settings(copy, *lines)
    for one in ("mysqld.stopped", "mysqld.errors", "mysqld.last"):
        (copy.root / "work" / one).unlink(missing_ok=True)
    copy.begin()
    done = copy.program("backup-check")
    assert done.returncode == 0, done.stderr
    return backup.verification_of_step(done.stdout.splitlines()[-1])


def test_a_server_that_upgrades_its_data_and_accepts_the_settings_passes(fetched: copies.Copy) -> None:
    found = _rehearse(fetched, "upgrade = FORCE", "max_connections = 90")
    assert (found.ok, found.why, found.tables, found.rows) == (True, "", 1, 2)
    assert "Server upgrade from" in docker("logs", fetched.name)


def test_a_setting_that_the_server_refuses_is_the_result_in_its_own_words(fetched: copies.Copy) -> None:
    found = _rehearse(fetched, "no_such_setting = 1")
    assert not found.ok
    assert "unknown variable 'no_such_setting=1'" in found.why
