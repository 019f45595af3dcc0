"""Up to three real mysqlds in containers, with the manifests' own files, under the project's own code for groups.

Each container is what a pod's mysqld is: start.sh, my.cnf, a certificate, a name that the others resolve, a volume that
outlives it. The socket lies in a folder of this machine, so a member is reached as its agent reaches it: also while its
network is cut. `start` takes kubelet's part: a container that ended does not come back by itself.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mysqlops import errors
from mysqlops.clock import SystemClock
from mysqlops.core import adoption, names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import clone, connect, group_channel, group_replication, xcom
from tests.database.containers import Created, Template, docker, eventually, image
from tests.database.files import CONFIG, PASSWORDS
from tests.simulation.group_contract import NAME

TESTER = connect.Login("tester", "tester", ssl_mode=adoption.REQUIRED)
REPLICATION = connect.Login(
    names.USER_REPLICATION, PASSWORDS[names.KEY_REPLICATION_PASSWORD], ssl_mode=adoption.REQUIRED
)
_ENVIRONMENT = ("MYSQLOPS_CLUSTER=mysql", "MYSQLOPS_NAMESPACE=db")


@dataclass(frozen=True)
class Settings:
    """How the members differ from what the manifests say: settings of my.cnf over theirs."""

    config: tuple[tuple[str, str], ...] = ()
    members: int = 3
    memory: str = "1g"


class Member:
    """One mysqld."""

    def __init__(self, group: Group, number: int) -> None:
        self._group, self.number = group, number
        self.name = f"mysql-{number}"
        self.host = f"{self.name}.mysql.db.svc"
        self.container = f"{group.prefix}-{number}"
        self.volume = f"{group.prefix}-data-{number}"
        self._run = group.folder / self.name
        self.socket = self._run / "mysqld.sock"
        self._lock: connect.Server | None = None

    # As the agent does it.
    def login(self, user: str, password: str) -> connect.Server:
        """Through the socket."""
        return connect.connect_socket(connect.Login(user, password), path=str(self._run / "mysqld.sock"))

    def address(self) -> str:
        """By which this machine reaches it."""
        return docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.container)

    @property
    def group_address(self) -> str:
        """By which a group knows it, but for capitals."""
        return f"{self.host}:{names.PORT_MYSQL}"

    def counted(self, group_name: str = NAME) -> tuple[str, ...]:
        """Whom its group counts, as it knows."""
        return group_channel.addresses(self._peer(), group_name, clock=SystemClock(), seconds=5)

    def remove(self, other: Member, group_name: str = NAME) -> xcom.Answer:
        """Ask it to have another one removed."""
        return group_channel.ask_to_remove(
            self._peer(), group_name, other.group_address, clock=SystemClock(), seconds=5
        )

    def _peer(self) -> group_channel.Peer:
        return group_channel.Peer(self.address(), REPLICATION)

    def server(self, seconds: float = 5) -> connect.Server:
        # pymysql leaves a socket open that nobody listens to, which pytest takes for an error.
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
        except OSError as error:
            raise errors.ConnectFailed(f"{self.name}: {error}") from error
        return connect.connect_socket(TESTER, path=str(self.socket), timeout_seconds=seconds)

    def observe(self) -> view.ServerView:
        with self.server() as server:
            return group_replication.observe(server)

    def form(self, group_name: str = NAME) -> None:
        self._start([self.host], group_name, bootstrap=True)

    def join(self, *through: Member, group_name: str = NAME) -> None:
        self._start([one.host for one in through], group_name, bootstrap=False)

    def _start(self, seeds: Sequence[str], group_name: str, *, bootstrap: bool) -> None:
        with self.server() as server:
            group_replication.start(server, REPLICATION, group_name=group_name, seeds=seeds, bootstrap=bootstrap)

    def leave(self) -> None:
        with self.server() as server:
            group_replication.stop(server)

    def drop_received(self) -> None:
        with self.server() as server:
            group_replication.drop_received(server)

    def copy(self, donor: Member) -> None:
        """Ends with a server that has stopped."""
        with self.server() as server:
            server.query("SET GLOBAL super_read_only = OFF")
            clone.take(server, donor.host, REPLICATION)
        docker("wait", self.container)

    # As a client or a person does it.
    def query(self, *statements: str) -> list[connect.Row]:
        """The last statement's rows."""
        rows: list[connect.Row] = []
        with self.server(60) as server:
            for statement in statements:
                rows = server.query(statement)
        return rows

    def hold_up(self) -> None:
        """It receives and applies nothing, until `go_on` or its end. The lock lives as long as its connection."""
        self._lock = self.server(600)
        self._lock.query("FLUSH TABLES WITH READ LOCK")

    def go_on(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def log(self) -> str:
        return docker("logs", "--tail", "200", self.container, check=False)

    # What may happen to it.
    def start(self) -> None:
        """As kubelet would after its end; returns when it answers."""
        docker("start", self.container)
        self.await_answer()

    def kill(self) -> None:
        """SIGKILL, as for memory or when a node dies; what it wrote stays in the kernel's cache."""
        docker("kill", "-s", "KILL", self.container)
        docker("wait", self.container)

    def stop(self) -> None:
        docker("stop", "-t", "60", self.container)

    def pause(self) -> None:
        docker("pause", self.container)

    def resume(self) -> None:
        docker("unpause", self.container)

    def cut(self) -> None:
        """No packet reaches or leaves it any more."""
        docker("network", "disconnect", self._group.prefix, self.container)

    def reconnect(self) -> None:
        docker("network", "connect", "--alias", self.host, self._group.prefix, self.container)

    def in_volume(self, script: str) -> str:
        """Run a shell script on its data, which is at /data; for a member that is stopped."""
        return self._group.shell(script, {self.volume: "/data"})

    # What is waited for.
    def is_running(self) -> bool:
        return docker("inspect", "-f", "{{.State.Running}}", self.container) == "true"

    def await_answer(self, seconds: float = 90) -> None:
        try:
            eventually(lambda: self.query("SELECT 1"), f"{self.name} answers", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-3000:]}") from None

    def await_state(self, *states: str, seconds: float = 60) -> view.ServerView:
        return eventually(
            lambda: seen if (seen := self.observe()).state in states else None,
            f"{self.name} is {' or '.join(states)}",
            seconds,
        )

    def await_members(self, *members: Member, seconds: float = 60) -> view.ServerView:
        """Until it sees exactly these in its group, and each of them does; each ONLINE."""
        wanted = sorted(one.name for one in members)
        for one in members:  # a member that joined learns of its state a moment after the others
            one._await_view(wanted, seconds)
        return self._await_view(wanted, seconds)

    def _await_view(self, wanted: Sequence[str], seconds: float) -> view.ServerView:
        return eventually(
            lambda: seen if _online(seen := self.observe()) == wanted and len(seen.members) == len(wanted) else None,
            f"{self.name} sees {', '.join(wanted)} ONLINE",
            seconds,
        )

    def await_executed(self, wanted: GtidSet, seconds: float = 60) -> None:
        eventually(lambda: wanted.is_subset(self.observe().executed), f"{self.name} has executed {wanted}", seconds)

    def _create(self) -> None:
        self._run.mkdir()
        shutil.chown(self._run, 999, 999)
        group = self._group
        docker(
            *("create", "--name", self.container, "--hostname", self.name, "--user", "999:999", "--read-only"),
            *("--network", group.prefix, "--network-alias", self.host, "--memory", group.settings.memory),
            *("--tmpfs", "/tmp:uid=999,gid=999", "-v", f"{self.volume}:/var/lib/mysql"),
            *("-v", f"{self._run}:/run/mysqlops", "-v", f"{group.folder / 'tls'}:/run/tls:ro"),
            *("-v", f"{group.folder / 'config'}:/etc/mysqlops:ro"),
            *(word for one in _ENVIRONMENT for word in ("--env", one)),
            *("--entrypoint", "", image(), "sh", "/etc/mysqlops/start.sh"),
        )

    def recreate(self) -> None:
        """The container again, as a new pod on the same claim."""
        docker("rm", "-f", self.container, check=False)
        shutil.rmtree(self._run, ignore_errors=True)
        self._create()


def _online(seen: view.ServerView) -> list[str]:
    return sorted(one.pod for one in seen.members if one.state == view.ONLINE)


class Group(Created):
    """The servers; none is in a group yet."""

    def __init__(self, settings: Settings, template: Template) -> None:
        self.settings = settings
        self.prefix = f"mysqlops-test-{secrets.token_hex(3)}"
        # A socket's path has 107 characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="mo-"))
        self._template = template
        self.members = [Member(self, number) for number in range(settings.members)]

    def _create(self) -> None:
        self.folder.chmod(0o755)
        shutil.copytree(self._template.folder / "tls", self.folder / "tls")
        shutil.copytree(CONFIG, self.folder / "config")
        self.configure(dict(self.settings.config))
        docker("network", "create", self.prefix)
        for member in self.members:
            docker("volume", "create", member.volume)
        self.wipe(*self.members)
        for member in self.members:
            member.recreate()
            docker("start", member.container)
        for member in self.members:
            member.await_answer()

    def configure(self, settings: Mapping[str, str]) -> None:
        """From each member's next start on, over what the manifests say."""
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.folder / "config" / "my.cnf").write_text((CONFIG / "my.cnf").read_text() + lines)

    def wipe(self, *members: Member) -> None:
        """Volumes as prepare.sh leaves a new one."""
        mounts = {one.volume: f"/to/{one.number}" for one in members} | {self._template.volume: "/from"}
        self.shell('for to in /to/*; do rm -rf "$to"/*; cp -a /from/. "$to"; done', mounts)

    def shell(self, script: str, mounts: Mapping[str, str]) -> str:
        volumes = [word for volume, path in mounts.items() for word in ("-v", f"{volume}:{path}")]
        return docker("run", "--rm", "--user", "0:0", *volumes, "--entrypoint", "", image(), "sh", "-euc", script)

    def form(self, *joining: Member) -> None:
        """mysql-0 forms the group, the others join it, all are ONLINE."""
        first, others = self.members[0], joining or self.members[1:]
        first.form()
        first.await_members(first)
        for member in others:
            member.join(first)
        first.await_members(first, *others)

    def remove(self) -> None:
        for member in self.members:
            docker("rm", "-f", member.container, check=False)
        docker("volume", "rm", "-f", *(one.volume for one in self.members), check=False)
        docker("network", "rm", self.prefix, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
