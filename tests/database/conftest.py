"""A real mysqld in Docker, initialised by our own prepare.sh and started by our own start.sh."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mysqlops.core import adoption
from mysqlops.mysql import connect, group_replication
from tests import images
from tests.database import containers, copies, files
from tests.database.adoption import Job, Old
from tests.database.group import Group, Settings
from tests.database.member_volume import MemberVolume

_HOSTS = {"mysql-0.mysql.db.svc": "127.0.0.1"}
_ENVIRONMENT = {"MYSQLOPS_CLUSTER": "mysql", "MYSQLOPS_NAMESPACE": "db"}


@dataclass(frozen=True)
class Database:
    """Where the server listens."""

    host: str
    port: int
    tls: Path
    container: str

    def connect(self, user: str = "tester", password: str | None = None) -> connect.Server:
        login = connect.Login(user, "tester" if password is None else password, ssl_mode=adoption.REQUIRED)
        return connect.connect_tcp(self.host, login, port=self.port)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever starts a server runs on each of several images; with one, tests keep their names."""
    if "image" in metafunc.fixturenames and len(chosen := images.chosen()) > 1:
        metafunc.parametrize("image", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every fixture that starts a server asks for it, itself or through another one, and so ends when it changes."""
    containers.must_answer(request.config)
    wanted = getattr(request, "param", containers.image())
    with containers.use(wanted):
        yield wanted


@pytest.fixture(scope="module")
def database(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A server for one file: what its tests write is in no other's way, in whatever order the files run."""
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # its image comes from a registry
    from testcontainers.core.container import DockerContainer

    folder = tmp_path_factory.mktemp("statements")
    files.write_accounts(folder)
    tls = tmp_path_factory.mktemp("tls")
    files.write_certificate(tls)
    container = (
        DockerContainer(image, hostname="mysql-0", user="999:999", read_only=True, entrypoint="", extra_hosts=_HOSTS)
        .with_command(["sh", "-c", "sh /etc/mysqlops/prepare.sh && exec sh /etc/mysqlops/start.sh"])
        .with_volume_mapping(str(files.CONFIG), "/etc/mysqlops", "ro")
        .with_volume_mapping(str(folder), "/run/statements", "rw")
        .with_volume_mapping(str(tls), "/run/tls", "ro")
        .with_exposed_ports(3306)
    )
    for path in ("/var/lib/mysql", "/run/mysqlops", "/tmp"):
        container.with_tmpfs_mount(path, "uid=999,gid=999")
    for name, value in _ENVIRONMENT.items():
        container.with_env(name, value)
    with container:
        server = Database("127.0.0.1", int(container.get_exposed_port(3306)), tls, container.get_wrapped_container().id)
        _await(server, container)
        yield server


@pytest.fixture
def writable(database: Database) -> Iterator[Database]:
    """The server, as a primary takes writes."""
    with database.connect() as server:
        server.query("SET GLOBAL super_read_only = OFF")
        server.query("SET GLOBAL read_only = OFF")
    yield database
    with database.connect() as server:
        group_replication.refuse_writes(server)


@pytest.fixture
def server(writable: Database) -> Iterator[connect.Server]:
    """With an empty database `tricky`, for programs; a test may copy it to `copied`."""
    with writable.connect() as one:
        one.query("CREATE DATABASE tricky")
        one.query("CREATE TABLE tricky.t (id INT PRIMARY KEY)")
        yield one
        one.query("DROP DATABASE tricky")
        one.query("DROP DATABASE IF EXISTS copied")


@pytest.fixture(scope="session")
def template(image: str) -> Iterator[containers.Template]:
    assert image
    with containers.Template() as made:
        yield made


@pytest.fixture
def member_volume(template: containers.Template, tmp_path: Path) -> Iterator[MemberVolume]:
    made = MemberVolume(template, tmp_path)
    yield made
    containers.docker("volume", "rm", "-f", made.volume, check=False)


@pytest.fixture(scope="module")
def source(image: str) -> Iterator[copies.Copy]:
    """What a backup's Job copies, and dumps as SQL."""
    assert image
    with copies.Copy() as made:
        made.start(INITIALISE="yes", READ_ONLY="OFF").close()
        yield made


@pytest.fixture(scope="module")
def group(template: containers.Template) -> Iterator[Group]:
    """One member that takes writes and clients; files about groups have one of their own."""
    with Group(Settings(members=1), template) as servers:
        first = servers.members[0]
        first.form()
        containers.eventually(lambda: first.observe().writable, "it takes writes")
        with first.server() as server:
            group_replication.accept_clients(server)
        yield servers


@pytest.fixture(scope="module")
def old(group: Group, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    folder = tmp_path_factory.mktemp("old")
    folder.chmod(0o755)
    made = Old(group.prefix, folder)
    yield made
    made.remove()


@pytest.fixture
def job(group: Group, old: Old, tmp_path: Path) -> Job:
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return Job(group, tmp_path, old.ca())


def _await(server: Database, container: object) -> None:
    def answers() -> bool:
        with server.connect() as connection:
            group_replication.accept_clients(connection)
        return True

    try:
        containers.eventually(answers, "the server answers")
    except AssertionError as error:
        logs = container.get_logs()  # type: ignore[attr-defined]
        raise AssertionError(f"{error}\n{logs[0].decode()[-1500:]}\n{logs[1].decode()[-3000:]}") from error
