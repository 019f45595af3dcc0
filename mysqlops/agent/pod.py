"""What the agent reads and writes in its own pod besides the API server: files, the volume, and mysqld's socket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from mysqlops.agent import credentials, settings
from mysqlops.clock import Clock
from mysqlops.core import names
from mysqlops.mysql import connect, wait

_MARK_SECONDS = 60.0


class Pod:
    """The agent's own pod."""

    def __init__(self, me: settings.Settings) -> None:
        self.me = me
        self._mark = settings.RUN / "handing-over"

    def server(self) -> connect.Server:
        """To mysqld, as the agent's account; raises MysqlError."""
        return connect.connect_socket(self.login(names.USER_ADMIN, names.KEY_ADMIN_PASSWORD))

    def reaches(self, host: str) -> bool:
        """True if a database answers at the port of that host."""
        return wait.why_not_ready(wait.Target(host), None) is None

    def login(self, user: str, key: str) -> connect.Login:
        """Raises ConfigError if there is no password yet."""
        return credentials.read_login(settings.CREDENTIALS, user, key)

    def group_name(self) -> str:
        """The name that the Secret held when the pod started."""
        return credentials.read(settings.CREDENTIALS, names.KEY_GROUP_NAME)

    def volume(self) -> tuple[int, int]:
        """Size and used bytes of the volume, as `df` counts them; zeros if it cannot be told."""
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
