"""Checks that the accounts exist with the passwords in the Secret, and restores ours: the primary does that, and the
group replicates it. `app` and `root` belong to the users, who may change or drop them: differences are only reported.

Passwords are compared with the hashes in mysql.user, and never tried. While no rotation is open, an account has only
one: an intruder who could once change accounts may have left a second one to come back with. A rotation is open if the
Secret shows it or the Lease notes it: somebody may have edited either. What cannot be read counts as open.

A session outlives its account: the connection is kept, so that the agent can recreate its own account.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from mysqlops import errors
from mysqlops.agent import pod, rotation
from mysqlops.core import names, view
from mysqlops.core import rotation as stages
from mysqlops.mysql import accounts, connect, group_replication, own_accounts
from mysqlops.planning import standing

Say = Callable[[str], None]
_PUT_BACK = (*accounts.OURS, accounts.BACKUP)
_USERS_OWN = (accounts.APP, accounts.ROOT)


class AccountsWatch:
    """One member's watch; `trouble` says what is wrong and not corrected (yet). `is_noted` reads the Lease: whether it
    notes a rotation, None if that is unknown."""

    def __init__(self, own: pod.Pod, is_noted: Callable[[], bool | None]) -> None:
        self._pod, self._is_noted = own, is_noted
        self._kept: connect.Server | None = None
        self._compared: dict[accounts.Account, tuple[tuple[str, ...], str, bool]] = {}  # with hashes, a password: equal
        self._in_vain: set[str] = set()
        self._noted: bool | None = False  # a rotation that the Secret does not show
        self._doubled: set[accounts.Account] = set()  # had two passwords at the last look
        self.trouble = ""

    def look(self, say: Say, record: view.GroupRecord | None, stage: str = "") -> None:
        """Raises MysqlError, ConfigError. Nothing is written in a group that `record` does not note. The passwords in
        memory must be those of the Secret: restoring older ones would undo a rotation. `stage` is the stage of a
        rotation as just read from the Secret; empty if it was not read."""
        try:
            self._look(say, record, stage)
        except errors.MysqlError:
            self._drop()
            raise

    def _look(self, say: Say, record: view.GroupRecord | None, stage: str) -> None:
        server = self._connect(say)
        seen = group_replication.observe(server)
        doubled = self._left_doubled(server, stage) if seen.role() != names.ROLE_NONE else []
        if seen.role() != names.ROLE_PRIMARY or not seen.writable or not standing.is_noted(seen, record):
            # Somebody set it on this member only. Its removal on the primary is replicated.
            self.trouble = "; ".join(map(self._told, doubled))
            return
        troubles = [self._put_right(server, account, say) for account in _PUT_BACK]
        troubles += [self._foreign_password(server, account) for account in _USERS_OWN]
        troubles += [self._drop_second(server, account, say) for account in doubled]
        if own_accounts.lacks_probe(server):
            for statement in accounts.PROBE_OBJECTS:
                server.query(statement)
            say("recreated mysqlops.probe")
        self.trouble = "; ".join(filter(None, troubles))

    def _put_right(self, server: connect.Server, one: accounts.Account, say: Say) -> str:
        password = self._pod.find(one.key)
        if not password:
            return ""  # no backup exists yet
        why = own_accounts.differs_because(server, one)
        is_accepted = self._is_right(server, one, password)
        if not why and is_accepted:
            return ""
        why = f"{one.user} {why or 'has a different password from the Secret'}"
        if why in self._in_vain:
            return why  # each attempt is a transaction of the group
        own_accounts.put_back(server, one, password, is_accepted=is_accepted)
        say(f"{why}: restored it")
        if own_accounts.differs_because(server, one) or not self._is_right(server, one, password):
            self._in_vain.add(why)
            return why
        return ""

    def _foreign_password(self, server: connect.Server, one: accounts.Account) -> str:
        password = self._pod.find(one.key)
        if not password or not own_accounts.hashes_of(server, one) or self._is_right(server, one, password):
            return ""
        return f"{one.user} has a different password from the Secret"

    def _left_doubled(self, server: connect.Server, stage: str) -> list[accounts.Account]:
        """The accounts with two passwords at this look and at the previous one, although the Secret shows no rotation.
        A rotation shows there before any account has two, so this cannot be one that began after the Secret was
        read. The Lease is read last, and only then: it notes a rotation from before the first change until its end."""
        of = (*_PUT_BACK, accounts.LOOPBACK, *_USERS_OWN)
        doubled = set(accounts.with_two_passwords(server, of)) if stage == stages.NONE else set()
        left, self._doubled = doubled & self._doubled, doubled
        self._noted = self._is_noted() if left else False
        return sorted(left, key=str) if self._noted is not None else []

    def _drop_second(self, server: connect.Server, one: accounts.Account, say: Say) -> str:
        password, why = self._pod.find(one.key), self._told(one)
        if self._noted or one in _USERS_OWN or not password or why in self._in_vain:
            return why
        accounts.keep_only(server, one, password)
        say(f"dropped the second password of {one}: no rotation is open")
        if accounts.with_two_passwords(server, [one]):
            self._in_vain.add(why)
        return ""

    def _is_right(self, server: connect.Server, one: accounts.Account, password: str) -> bool:
        """Whether the password is right; computed once for each stored hash, because that is expensive."""
        hashes = own_accounts.hashes_of(server, one)
        before = self._compared.get(one)
        if before is None or before[:2] != (hashes, password):
            is_right = own_accounts.matches(hashes, password) is not False  # unknown: left alone
            before = self._compared[one] = hashes, password, is_right
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
        """The way in if somebody dropped the agent's account and this agent has no older session."""
        try:
            server = self._pod.server_as_root()
        except errors.AccessDenied:
            raise denied from None
        if group_replication.observe(server).state == view.OFFLINE:
            rotation.make_admin(self._pod)
            say(f"{accounts.ADMIN.user} could not log in: recreated it")
        return server

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _told(self, one: accounts.Account) -> str:
        if self._noted:
            command = f"mysqlops users rotate {self._pod.me.cluster} --finish"
            return f"{one} has a second password of a rotation that the Secret does not show any more: {command}"
        return f"{one} has a second password, and no rotation is open: ALTER USER {one} DISCARD OLD PASSWORD"
