"""What the agent reads and writes in its own pod: files, the volume, and mysqld's socket."""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import credentials, datagrams, life, settings
from mysqlops.clock import Clock, SystemClock
from mysqlops.core import adoption, histogram, names, view
from mysqlops.mysql import accounts, catching_up, connect, group_channel, group_replication, own_accounts, wait, xcom
from mysqlops.planning import standing

_MARK_SECONDS = 60.0


class Pod:
    """The agent's own pod."""

    is_denied = False  # the administrative interface refuses us: no account there yet, or another password

    def __init__(self, me: settings.Settings) -> None:
        self.me = me
        # In RUN, mysqld's container could write them too, or leave something that blocks whoever reads it.
        self._mark, self._counted = settings.CREDENTIALS / "handing-over", settings.CREDENTIALS / "switchovers"
        self._growth, self._times = settings.CREDENTIALS / "growth", settings.CREDENTIALS / "switchover-times"
        self._standing = settings.CREDENTIALS / "standing"

    def server(self) -> connect.Server:
        """Connect to mysqld with the agent's account by the administrative interface: connections through the socket
        count like those of clients, which may have taken all. Falls back to the socket. Raises MysqlError."""
        if not self.is_denied:
            try:
                return self._server(connect.connect_admin)
            except errors.AccessDenied:
                self.is_denied = True
            except errors.ConnectFailed as error:
                if error.errno != connect.NOBODY_LISTENS:
                    raise
        return self._server(connect.connect_socket)

    def _server(self, way: Callable[[connect.Login], connect.Server]) -> connect.Server:
        """Connect with the current or the previous password: during a rotation, older data (of a member that was
        absent, or a kept claim) knows only the previous one."""
        try:
            return way(self.login(names.USER_ADMIN, names.KEY_ADMIN_PASSWORD))
        except errors.AccessDenied as denied:
            with contextlib.suppress(errors.ConfigError, errors.AccessDenied):
                return way(self.login(names.USER_ADMIN, names.previous_key(names.KEY_ADMIN_PASSWORD)))
            raise denied

    def admit(self, record: view.GroupRecord | None) -> None:
        """Create the account for the administrative interface if this member is the primary of the group that `record`
        notes; a replica receives it from there. Raises MysqlError."""
        self.is_denied = False
        with self.server() as server:
            seen = group_replication.observe(server)
            leads = seen.role() == names.ROLE_PRIMARY and seen.writable and standing.is_noted(seen, record)
            if self.is_denied and leads:
                keys = (names.KEY_ADMIN_PASSWORD, names.previous_key(names.KEY_ADMIN_PASSWORD))
                passwords = {key: password for key in keys if (password := self.find(key))}
                accounts.provide_loopback(server, passwords)
                self.is_denied = False

    def reaches(self, host: str) -> bool:
        """True if anything answers at the database port of that host; it may refuse all connections."""
        return wait.is_there(wait.Target(host))

    def await_end(self) -> bool:
        """Wait until mysqld's process has ended; False at once if none can be watched."""
        return life.await_end(settings.RUN / "life")

    def has_own_name(self) -> bool:
        """Whether this pod's name leads here. After a forced deletion, another pod of that name may run elsewhere, and
        this one does not know it yet."""
        try:
            return bool(addresses(self.me.host(self.me.ordinal)) & addresses(socket.gethostname()))
        except OSError:
            return False

    def is_refused(self) -> bool:
        """True if mysqld's socket is there and nobody listens."""
        return connect.is_refused()

    def ask_to_remove(self, witness: str, group_name: str, seconds: float) -> xcom.Answer:
        """Ask another pod to have this one removed from the group; raises MysqlError, ConfigError."""
        own = self.group_address(self.me.pod)
        return group_channel.ask_to_remove(self._peer(witness), group_name, own, clock=SystemClock(), seconds=seconds)

    def counted_by(self, other: str, group_name: str, seconds: float) -> tuple[str, ...]:
        """The addresses of all whom the group counts, as another pod knows it; raises MysqlError, ConfigError."""
        return group_channel.addresses(self._peer(other), group_name, clock=SystemClock(), seconds=seconds)

    def group_address(self, pod: str) -> str:
        """By which the group knows a member, but for capitals."""
        return f"{self.me.host(names.ordinal_of(pod))}:{names.PORT_MYSQL}"

    def _peer(self, pod: str) -> group_channel.Peer:
        return group_channel.Peer(self.me.host(names.ordinal_of(pod)), self._login_of_members())

    def _login_of_members(self) -> connect.Login:
        """By which members connect to each other; raises ConfigError."""
        return self.login(names.USER_REPLICATION, names.KEY_REPLICATION_PASSWORD)

    def ask_own_to_remove(self, ordinal: int, group_name: str, seconds: float) -> xcom.Answer:
        """Have this pod's mysqld propose the removal of another member; raises MysqlError, ConfigError. No name server
        is asked, and no name verified: only this pod can listen there."""
        peer = group_channel.Peer(connect.LOOPBACK, replace(self._login_of_members(), ssl_mode=adoption.REQUIRED))
        lost = self.group_address(names.pod(self.me.cluster, ordinal))
        return group_channel.ask_to_remove(peer, group_name, lost, clock=SystemClock(), seconds=seconds)

    def wire(self) -> datagrams.Wire:
        """Bind the port on which agents hear each other; raises OSError."""
        return datagrams.Wire()

    def server_of(self, pod: str) -> connect.Server:
        """Connect to another member as members do among themselves; raises MysqlError, ConfigError."""
        return connect.connect_tcp(self.me.host(names.ordinal_of(pod)), self._login_of_members(), is_bounded=True)

    def receive_from(self, pod: str, server: connect.Server) -> None:
        """Begin the channel by which this member's server catches up; raises MysqlError, ConfigError."""
        login = self._login_of_members()
        catching_up.begin(server, self.me.host(names.ordinal_of(pod)), login, login.ca_file)

    def login(self, user: str, key: str) -> connect.Login:
        """Raises ConfigError if there is no password yet."""
        return credentials.read_login(settings.CREDENTIALS, user, key)

    def server_as_root(self) -> connect.Server:
        """Connect as root, in case the agent's own account is missing; raises MysqlError, ConfigError."""
        return connect.connect_socket(self.login(accounts.ROOT.user, accounts.ROOT.key))

    def accepts(self, one: accounts.Account, password: str, host: str = "") -> bool:
        """Whether the account on this member, or on the member at `host`, has that password; raises MysqlError if
        mysqld does not answer. Logs in only if the hashes cannot be compared."""
        if not host:
            with contextlib.suppress(errors.AccessDenied), self.server() as server:
                if (known := own_accounts.accepts(server, one, password)) is not None:
                    return known
        login = connect.Login(one.user, password, str(settings.TLS / "ca.crt"))
        try:
            if one.host == "localhost":
                connect.connect_socket(login).close()
            else:
                connect.connect_tcp(host or self.me.host(self.me.ordinal), login, is_bounded=True).close()
        except errors.AccessDenied:
            return False
        return True

    def find(self, key: str) -> str | None:
        """The value that this pod's memory holds for a key of the Secret, or None."""
        return credentials.find(settings.CREDENTIALS, key)

    def keep(self, values: Mapping[str, str | None]) -> None:
        """Put values into this pod's memory; None deletes one."""
        credentials.write(settings.CREDENTIALS, values)

    def has_exporter(self) -> bool:
        return settings.EXPORTER.is_dir()

    def group_name(self) -> str:
        """The name that the Secret held when the pod started."""
        return credentials.read(settings.CREDENTIALS, names.KEY_GROUP_NAME)

    def volume(self) -> tuple[int, int]:
        """Size and used bytes of the volume, as `df` counts them; zeros if they cannot be read."""
        try:
            stat = os.statvfs(settings.VOLUME)
        except OSError:
            return 0, 0
        return stat.f_blocks * stat.f_frsize, (stat.f_blocks - stat.f_bfree) * stat.f_frsize

    def config(self) -> str:
        """A hash of the mounted my.cnf; empty if it cannot be read."""
        return settings.config_digest()

    def zones(self) -> str:
        """The named time zones; empty while the mounted ConfigMap is an older release's."""
        return settings.ZONES.read_text() if settings.ZONES.exists() else ""

    def hold_back(self) -> None:
        """Hold mysqld back until `let_go`: an earlier agent of this pod may have stopped alone, and let go of it. Or it
        ended within a switchover, whose process's number another one may have now."""
        with contextlib.suppress(OSError):
            self._mark.unlink(missing_ok=True)
            _left().unlink(missing_ok=True)

    def let_go(self) -> None:
        """Let mysqld stop: pre-stop.sh waits for it."""
        with contextlib.suppress(OSError):
            settings.write(_left(), "")

    @contextlib.contextmanager
    def handing_over(self) -> Iterator[None]:
        """Makes `is_handing_over` true in every process of the pod meanwhile."""
        settings.write(self._mark, str(os.getpid()))
        try:
            yield
        finally:
            self._mark.unlink(missing_ok=True)

    def note_switchover(self, seconds: float, at: float) -> None:
        """Count a switchover away from this member for `switchovers`, which another process of the pod may read. What
        cannot be counted is no reason to stop half way."""
        with contextlib.suppress(OSError):
            settings.write(self._counted, f"{self.switchovers()[0] + 1:.0f} {seconds:.3f} {at:.3f}")
            times = self.switchover_times()
            times.add(seconds)
            settings.write(self._times, times.dump())

    def switchovers(self) -> tuple[float, float, float]:
        """How many, how long the last one took, and when it ended (seconds since 1970)."""
        try:
            count, seconds, at = map(float, self._counted.read_text().split())
        except (OSError, ValueError):
            return 0, 0, 0
        return (count, seconds, at) if all(map(math.isfinite, (count, seconds, at))) else (0, 0, 0)

    def switchover_times(self) -> histogram.Histogram:
        """How long those took."""
        try:
            return histogram.load(self._times.read_text())
        except (OSError, ValueError):
            return histogram.Histogram()

    def note_growth(self, seconds: float | None) -> None:
        """Keep in how many seconds the volume is full for `growth`, which another process of the pod reads; None if it
        does not grow."""
        with contextlib.suppress(OSError):
            settings.write(self._growth, "" if seconds is None else f"{min(seconds, 1e12):.0f}")

    def growth(self) -> dict[str, int]:
        """Seconds until the volume is full; nothing if it does not grow, or was not seen for long enough."""
        with contextlib.suppress(OSError, ValueError):
            return {"seconds_left": int(self._growth.read_text()[:20])}
        return {}

    def note_standing(self, text: str) -> None:
        """Keep that for `standing`, which the next run of the agent reads if this one ends and the pod does not. What
        cannot be kept is unknown to it."""
        with contextlib.suppress(OSError):
            settings.write(self._standing, text)

    def standing(self) -> str | None:
        with contextlib.suppress(OSError, ValueError):
            return self._standing.read_text()
        return None

    def resident_bytes(self) -> int:
        """Resident bytes of this process, 0 if unknown."""
        try:
            return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return 0

    def is_handing_over(self, clock: Clock) -> bool:
        """True while a switchover started in this pod has not ended: the loop must not restore the label."""
        try:
            is_recent = clock.now().timestamp() - self._mark.stat().st_mtime < _MARK_SECONDS
            return is_recent and Path(f"/proc/{int(self._mark.read_text())}").exists()
        except (OSError, ValueError):
            return False


def _left() -> Path:
    """mysqld's container can make a folder of it, or fill the volume: that harms only its own stop, not the agent."""
    return settings.RUN / "left"


def addresses(host: str) -> set[str]:
    """To which the name leads; raises OSError."""
    return {str(found[4][0]) for found in socket.getaddrinfo(host, names.PORT_MYSQL)}
