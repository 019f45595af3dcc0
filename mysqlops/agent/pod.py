"""What the agent reads and writes in its own pod besides the API server: files, the volume, and mysqld's socket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import credentials, settings
from mysqlops.clock import Clock
from mysqlops.core import names
from mysqlops.mysql import accounts, connect, group_replication, own_accounts, wait

_MARK_SECONDS = 60.0


class Pod:
    """The agent's own pod."""

    is_denied = False  # by the administrative interface: no account there yet, or not with this password

    def __init__(self, me: settings.Settings) -> None:
        self.me = me
        self._mark = settings.RUN / "handing-over"

    def server(self) -> connect.Server:
        """To mysqld, as the agent's account, by the administrative interface: connections through the socket count as
        clients' do, and those could have taken all. Where that does not let the agent in, by the socket. Raises
        MysqlError."""
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
        """While a rotation is open, data that is older than it (of a member that was away, or a claim that was kept)
        knows the previous password only."""
        try:
            return way(self.login(names.USER_ADMIN, names.KEY_ADMIN_PASSWORD))
        except errors.AccessDenied as denied:
            with contextlib.suppress(errors.ConfigError, errors.AccessDenied):
                return way(self.login(names.USER_ADMIN, names.previous_key(names.KEY_ADMIN_PASSWORD)))
            raise denied

    def admit(self) -> None:
        """Let the agent in by the administrative interface from now on, if this member is the primary; else that comes
        from there. Raises MysqlError."""
        self.is_denied = False
        with self.server() as server:
            seen = group_replication.observe(server)
            if self.is_denied and seen.role() == names.ROLE_PRIMARY and seen.writable:
                keys = (names.KEY_ADMIN_PASSWORD, names.previous_key(names.KEY_ADMIN_PASSWORD))
                passwords = {key: password for key in keys if (password := self.find(key))}
                accounts.provide_loopback(server, passwords)
                self.is_denied = False

    def reaches(self, host: str) -> bool:
        """True if anything answers at the database port of that host; it may refuse all connections."""
        return wait.is_there(wait.Target(host))

    def login(self, user: str, key: str) -> connect.Login:
        """Raises ConfigError if there is no password yet."""
        return credentials.read_login(settings.CREDENTIALS, user, key)

    def server_as_root(self) -> connect.Server:
        """The way in for the case that the agent's own account is gone; raises MysqlError, ConfigError."""
        return connect.connect_socket(self.login(accounts.ROOT.user, accounts.ROOT.key))

    def accepts(self, one: accounts.Account, password: str, host: str = "") -> bool:
        """Whether this member's account has that password, or that of the member on another host; raises MysqlError if
        mysqld does not answer. Logs in only where this pod cannot compare."""
        if not host:
            with contextlib.suppress(errors.AccessDenied), self.server() as server:
                if (known := own_accounts.accepts(server, one, password)) is not None:
                    return known
        login = connect.Login(one.user, password, str(settings.TLS / "ca.crt"))
        try:
            if one.host == "localhost":
                connect.connect_socket(login).close()
            else:
                connect.connect_tcp(host or self.me.host(self.me.ordinal), login).close()
        except errors.AccessDenied:
            return False
        return True

    def find(self, key: str) -> str | None:
        """What this pod's memory holds of the Secret under that key, None if nothing."""
        return credentials.find(settings.CREDENTIALS, key)

    def keep(self, values: Mapping[str, str | None]) -> None:
        """Put values into this pod's memory; None takes one away."""
        credentials.write(settings.CREDENTIALS, values)

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
        """Names the my.cnf that is mounted now; empty if it cannot be read."""
        return settings.config_digest()

    def let_go(self) -> None:
        """Let mysqld stop: pre-stop.sh waits for it."""
        (settings.RUN / "left").touch()

    @contextlib.contextmanager
    def handing_over(self) -> Iterator[None]:
        """While it lasts, `is_handing_over` is true, in every process of the pod."""
        self._mark.write_text(str(os.getpid()))
        try:
            yield
        finally:
            self._mark.unlink(missing_ok=True)

    def is_handing_over(self, clock: Clock) -> bool:
        """True while a hand-over started in this pod has not ended: the loop must not put the label back."""
        try:
            is_recent = clock.now().timestamp() - self._mark.stat().st_mtime < _MARK_SECONDS
            return is_recent and Path(f"/proc/{int(self._mark.read_text())}").exists()
        except (OSError, ValueError):
            return False
