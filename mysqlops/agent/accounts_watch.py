"""Sees that the accounts are there with the passwords that the Secret holds, and puts ours back: the primary does, and
the group replicates it. `app` and `root` are the users' to change or to drop: what differs there is named only.

A session outlives its account: the connection is kept, so that the agent can make its own account again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from mysqlops import errors
from mysqlops.agent import pod, rotation
from mysqlops.core import names, view
from mysqlops.mysql import accounts, connect, group_replication, own_accounts

Say = Callable[[str], None]


class AccountsWatch:
    """One member's watch; `trouble` says what is not as it must be (yet)."""

    def __init__(self, own: pod.Pod) -> None:
        self._pod = own
        self._kept: connect.Server | None = None
        self._tried: dict[
            str, tuple[str | None, str, bool]
        ] = {}  # user -> what was stored, the password, if it is right
        self._in_vain: set[str] = set()
        self.trouble = ""

    def look(self, say: Say) -> None:
        """Raises MysqlError, ConfigError. The passwords in memory must be those of the Secret: whoever puts older ones
        back would undo a rotation."""
        try:
            self._look(say)
        except errors.MysqlError:
            self._drop()
            raise

    def _look(self, say: Say) -> None:
        server = self._connect(say)
        seen = group_replication.observe(server)
        if seen.role() != names.ROLE_PRIMARY or not seen.writable:
            self.trouble = ""
            return
        troubles = [self._put_right(server, one, say) for one in (*accounts.OURS, accounts.BACKUP)]
        troubles += [self._foreign_password(server, one) for one in (accounts.APP, accounts.ROOT)]
        if own_accounts.lacks_probe(server):
            for statement in accounts.PROBE_OBJECTS:
                server.query(statement)
            say("made mysqlops.probe again")
        self.trouble = "; ".join(filter(None, troubles))

    def _put_right(self, server: connect.Server, one: accounts.Account, say: Say) -> str:
        password = self._pod.find(one.key)
        if not password:
            return ""  # no backup was made yet
        why = own_accounts.differs_because(server, one)
        is_accepted = self._accepts(server, one, password)
        if not why and is_accepted:
            return ""
        why = f"{one.user} {why or 'has another password than the Secret'}"
        if why in self._in_vain:
            return why  # each try is a transaction of the group
        own_accounts.put_back(server, one, password, is_accepted=is_accepted)
        say(f"{why}: put it back")
        if own_accounts.differs_because(server, one) or not self._accepts(server, one, password):
            self._in_vain.add(why)
            return why
        return ""

    def _foreign_password(self, server: connect.Server, one: accounts.Account) -> str:
        password = self._pod.find(one.key)
        if not password or own_accounts.password_of(server, one) is None or self._accepts(server, one, password):
            return ""
        return f"{one.user} has another password than the Secret"

    def _accepts(self, server: connect.Server, one: accounts.Account, password: str) -> bool:
        """Tried once for each password that the server has stored: a login costs more than a look."""
        stored = own_accounts.password_of(server, one)
        before = self._tried.get(one.user)
        if before is None or before[:2] != (stored, password):
            before = self._tried[one.user] = stored, password, self._pod.accepts(one, password)
        return before[2]

    def _connect(self, say: Say) -> connect.Server:
        if self._kept is not None:
            with contextlib.suppress(errors.MysqlError):
                self._kept.query("DO 1")
                return self._kept
            self._drop()
        try:
            self._kept = self._pod.server()
        except errors.AccessDenied as denied:
            self._kept = self._as_root(denied, say)
        return self._kept

    def _as_root(self, denied: errors.AccessDenied, say: Say) -> connect.Server:
        """Somebody dropped the agent's account, and this agent has no session from before."""
        try:
            server = self._pod.server_as_root()
        except errors.AccessDenied:
            raise denied from None
        if group_replication.observe(server).state == view.OFFLINE:
            rotation.make_admin(self._pod)
            say(f"{accounts.ADMIN.user} could not log in: made it again")
        return server

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
