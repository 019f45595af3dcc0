"""A real MariaDB as the source of `adopt`: it is refused by its name, with the way out, and only read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.core import adoption
from mysqlops.mysql import accounts
from tests.conftest import missing
from tests.database.adoption import PASSWORD, Done, Job
from tests.database.containers import Created, docker, eventually
from tests.database.group import Group

_LAB = Path(__file__).parents[2] / "scripts" / "lab"
_START = """
mariadb-install-db --no-defaults --datadir=/data/d --auth-root-authentication-method=normal \
  --skip-test-db >/tmp/made 2>&1 || { cat /tmp/made >&2; exit 1; }
exec mariadbd --no-defaults --datadir=/data/d --socket=/tmp/s --pid-file=/tmp/pid --init-file=/sql/init.sql \
  --log-output=TABLE --general-log=ON
"""


class Maria(Created):
    """A MariaDB under the name of the old server, with a database and the account that `adopt` is given."""

    def __init__(self, image: str, network: str, folder: Path) -> None:
        self.container = f"{network}-maria"
        self._image, self._network, self._folder = image, network, folder

    def _create(self) -> None:
        (self._folder / "init.sql").write_text(
            f"CREATE USER mover@'%' IDENTIFIED BY {accounts.quote(PASSWORD)};\n"
            "GRANT ALL ON *.* TO mover@'%';\nCREATE DATABASE shop;\n"
            "CREATE TABLE shop.t (id INT PRIMARY KEY, t TEXT);\nINSERT INTO shop.t VALUES (1, 'x');\n"
        )
        self._folder.chmod(0o755)
        docker(
            *("run", "-d", "--name", self.container, "--network", self._network, "--network-alias", "old.db.svc"),
            *("--user", "999:999", "--memory", "1g", "--tmpfs", "/tmp:uid=999", "--tmpfs", "/data:uid=999"),
            *("-v", f"{self._folder}:/sql:ro", "--entrypoint", "", self._image, "sh", "-ec", _START),
        )
        eventually(lambda: self.sql("SELECT t FROM shop.t", check=False) or None, "MariaDB", 90)

    def sql(self, statement: str, *, check: bool = True) -> str:
        words = ("exec", self.container, "mariadb", "--no-defaults", "-uroot", "--socket=/tmp/s", "-N", "--raw")
        return docker(*words, "-e", statement, check=check)

    def written(self) -> list[str]:
        """What the account of `adopt` ran that may change anything."""
        ran = self.sql(
            "SELECT argument FROM mysql.general_log WHERE command_type = 'Query' AND user_host LIKE 'mover%'"
        )
        return [one for one in ran.splitlines() if not one.startswith(("SELECT", "SHOW", "SET NAMES", "SET SESSION"))]

    def state(self) -> str:
        return self.sql("SELECT @@global.read_only; SHOW DATABASES; CHECKSUM TABLE shop.t; SHOW GRANTS FOR mover@'%'")

    def remove(self) -> None:
        docker("rm", "-f", self.container, check=False)


@pytest.fixture(scope="module")
def maria_image(request: pytest.FixtureRequest) -> str:
    """Of Debian's packages, as the lab builds its images, unless one is given."""
    if given := os.environ.get("MYSQLOPS_MARIADB_IMAGE"):
        return given
    done = subprocess.run([_LAB, "image", "mariadb"], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        missing(request.config, "database", f"an image of MariaDB: {done.stderr.strip()[-300:]}")
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def maria(maria_image: str, group: Group, tmp_path: Path) -> Iterator[Maria]:
    folder = tmp_path / "maria"
    folder.mkdir()
    with Maria(maria_image, group.prefix, folder) as made:
        yield made


def _job(group: Group, folder: Path) -> Job:
    for one in (folder, folder.parent, folder.parent.parent):
        one.chmod(0o755)
    # MariaDB makes itself a certificate that no CA has signed.
    return Job(group, folder, "", ssl_mode=adoption.REQUIRED)


def _must_be_refused(done: Done) -> None:
    assert done.code == errors.Refused.exit_code, done.log
    assert "unfit-source" in done.log
    assert "adopt supports MySQL 5.7 and later" in done.last
    assert "load a dump of it into a MySQL server" in done.log


def test_mariadb_is_refused_by_its_name_and_only_read(maria: Maria, group: Group, tmp_path: Path) -> None:
    before, job = maria.state(), _job(group, tmp_path)
    for finish in (False, True):
        done = job.run(finish=finish)
        _must_be_refused(done)
        assert "the source is MariaDB, 1" in done.last
        assert group.members[0].query(
            "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop'"
        ) == [(0,)]
    # Nor does an abort run a statement of MySQL on it, whether the cluster's account is there or could not be made.
    job.admit()
    _must_be_refused(job.give_back())
    (job.folder / "target" / "password").unlink()
    _must_be_refused(job.give_back())
    assert maria.state() == before
    assert maria.written() == []
