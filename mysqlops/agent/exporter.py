"""The login of the mysqld_exporter beside this mysqld, where the cluster has one: a my.cnf in memory that its container
mounts. The exporter reads it when it starts, and when it is asked to.
https://github.com/prometheus/mysqld_exporter#customizing-configuration-for-a-ssl-connection
"""

from __future__ import annotations

import re
import socket

from mysqlops import errors
from mysqlops.agent import log, pod, settings
from mysqlops.core import names
from mysqlops.mysql import accounts, connect

_SECONDS = 2.0
_RELOAD = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_STATUS_BYTES = 64
_PLAIN = re.compile(r"[\w-]+", re.ASCII)  # what we generate; anything else could mean more than a password there


class Exporter:
    """The exporter of one pod; does nothing in a pod without one."""

    def __init__(self, own: pod.Pod) -> None:
        self._pod = own
        self._is_told = True  # it reads the file when it starts

    def look(self, words: log.Log) -> None:
        """Let the exporter use the password that this pod has; tried again at the next look. Raises ConfigError."""
        if self.write():
            self._is_told = False
        if not self._is_told and self._reload():
            self._is_told = True
            words.say("mysqld_exporter has loaded its present password")

    def write(self) -> bool:
        """Write the file; True if its content changed. Raises ConfigError."""
        password = self._pod.find(names.KEY_EXPORTER_PASSWORD) if self._pod.has_exporter() else None
        if not password:
            return False
        if not _PLAIN.fullmatch(password):
            raise errors.ConfigError(f"{names.KEY_EXPORTER_PASSWORD}: expected only letters, digits, - and _")
        path, text = settings.EXPORTER / "my.cnf", _my_cnf(password)
        if path.exists() and path.read_text() == text:
            return False
        settings.write(path, text)
        return True

    def _reload(self) -> bool:
        """Whether it has read the file again. Only the first bytes of its answer are read, once: whatever listens there
        must not keep this thread, which also loads certificates and passwords."""
        try:
            with socket.create_connection(("localhost", names.PORT_EXPORTER), _SECONDS) as asked:
                asked.sendall(_RELOAD)
                return asked.recv(_STATUS_BYTES).startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))
        except OSError:
            return False


def _my_cnf(password: str) -> str:
    return f"[client]\nuser = {accounts.EXPORTER.user}\npassword = {password}\nsocket = {connect.SOCKET}\n"
