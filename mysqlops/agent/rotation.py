"""Adds new passwords to the old ones (dual passwords), so that no connection fails; later the old ones are dropped.

The Secret shows the stage: `next-` passwords are in it before any account has them, and become current only once every
member has them; from then on the old ones are in it as `previous-`, until they are dropped. An interrupted rotation is
continued, never restarted: that would drop the passwords in use.
https://dev.mysql.com/doc/refman/9.7/en/password-management.html#dual-passwords
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, credentials, group_lease, pod, vault
from mysqlops.clock import Clock
from mysqlops.core import names, ordered, rotation, secret_map
from mysqlops.mysql import accounts, connect, group_replication, own_accounts

_TRIES = 4


@dataclass(frozen=True)
class Opened:
    """The users that have a second password, and the primary's transactions at that time."""

    users: list[str]
    executed: str


class Rotation:
    """Runs in the primary's pod; the group replicates what it does to the accounts. `since` says which rotation the
    command meant, as the Lease notes it. A step that was paused, and whose command was given up and run again, must not
    go on in the next rotation: it would drop the passwords in use. Raises KubeError, MysqlError, StepFailed."""

    def __init__(self, client: api.Api, own: pod.Pod, since: str = "") -> None:
        self._api, self._pod, self._since = client, own, since
        self._vault = vault.Vault(client, own.me.cluster)

    def look(self) -> rotation.Seen:
        """The stage of a rotation, and which accounts have two passwords."""
        values = self._vault.read().values
        with self._pod.server() as server:
            doubled = accounts.with_two_passwords(server, _of(values))
            return rotation.Seen(rotation.stage_of(values), [account.user for account in doubled])

    def open(self) -> Opened:
        """Add the next password to every account. The Secret's current ones stay: members may not have the next yet."""
        with self._alone() as server:
            held = self._vault.read()
            values, chosen = held.values, _of(held.values)
            if rotation.stage_of(values) != rotation.SWITCHED:  # by a run that overtook this one
                self._check_open()  # as late as possible: from here on the Secrets may not change
                self._prepare(held)
                for account in chosen:
                    self._check_open()
                    self._add(server, account, values[account.key], values[names.next_key(account.key)])
            return Opened([account.user for account in chosen], str(server.scalar("SELECT @@global.gtid_executed")))

    def _prepare(self, held: vault.Held) -> None:
        following = [names.next_key(account.key) for account in _of(held.values)]
        if added := {key: credentials.password() for key in following if key not in held.values}:
            self._vault.write(held, added)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[connect.Server]:
        """A session in which this step is the only one: a password that is added twice replaces the old one. Whoever is
        paused loses the session, and so its turn."""
        with self._pod.server() as server:
            group_replication.soon_or_never(server)
            if server.scalar("SELECT GET_LOCK('mysqlops-rotation', 3)") != 1:
                raise errors.StepFailed("another rotation is at this point: run the command again")
            self._check_open()
            yield server

    def _check_open(self) -> None:
        """A command of an older release does not say which rotation it means: the first one noted."""
        lease = group_lease.read(self._api, self._pod.me.cluster)
        noted = ordered.rotation(lease["metadata"].get("annotations") or {})
        self._since = self._since or (noted.since if noted else "")
        if noted is None or noted.since != self._since:
            text = f"the rotation of {self._since or 'this command'} is over: this step of it comes too late"
            raise errors.StepFailed(text, hint=f"mysqlops status {self._pod.me.cluster}")

    def step(self, name: str, clock: Clock) -> Any:
        """One of STEPS. Each begins with what the Secrets hold, so it is repeated if somebody changed one meanwhile,
        such as an agent that completes NAME-app. Raises Conflict if that goes on."""
        for _ in range(_TRIES - 1):
            try:
                return STEPS[name](self)
            except errors.Conflict:
                clock.sleep(1.0)
        return STEPS[name](self)

    def _add(self, server: connect.Server, one: accounts.Account, current: str, following: str) -> None:
        """One of our accounts that was dropped is recreated first; if a user's account is missing or locked, nobody
        uses its old password."""
        if one not in (accounts.APP, accounts.ROOT) and own_accounts.differs_because(server, one):
            own_accounts.put_back(server, one, current, is_accepted=True)
        if not own_accounts.hashes_of(server, one):
            accounts.keep_only(server, one, following)
        elif not self._pod.accepts(one, following):
            accounts.add_password(server, one, following)

    def switch(self) -> list[str]:
        """Make the next passwords current, once every member accepts them; returns the users. The previous ones are
        stored first, and the next ones are removed last: if this stops between two Secrets, the next run continues."""
        with self._alone() as server:
            return self._switch(server, self._vault.read())

    def _switch(self, server: connect.Server, held: vault.Held) -> list[str]:
        values = held.values
        chosen = [account for account in _of(values) if names.next_key(account.key) in values]
        usable = [account for account in chosen if own_accounts.hashes_of(server, account)]
        for account in chosen:
            if account in usable and not self._pod.accepts(account, values[names.next_key(account.key)]):
                raise errors.StepFailed(f"{account.user} does not accept its next password: run the command again")
        moving = [account for account in chosen if values[account.key] != values[names.next_key(account.key)]]
        if moving:
            self._vault.write(
                held,
                {names.previous_key(account.key): self._in_use(account, values[account.key]) for account in moving},
            )
        if chosen:
            changed: dict[str, str | None] = {account.key: values[names.next_key(account.key)] for account in moving}
            self._vault.write(held, changed | dict.fromkeys(names.next_key(account.key) for account in chosen))
            refresh(self._pod, held)
        return [account.user for account in chosen]

    def _in_use(self, one: accounts.Account, held: str) -> str:
        """The password that members and clients use: somebody may have put another one into the Secret."""
        known = self._pod.find(one.key)
        return known if known and known != held and not self._pod.accepts(one, held) else held

    def finish(self, *, spare_replication: bool) -> list[str]:
        """Drop the old passwords; returns the users. Running members may still use the replication account's old
        one."""
        with self._alone() as server:
            held = self._vault.read()
            values = held.values
            chosen = [account for account in _of(values) if not (spare_replication and account == accounts.REPLICATION)]
            for account in chosen:
                self._check_open()
                accounts.keep_only(server, account, values[account.key])
        gone = [names.previous_key(account.key) for account in chosen if names.previous_key(account.key) in values]
        if gone:
            self._vault.write(held, dict.fromkeys(gone))
            refresh(self._pod, held)
        return [account.user for account in chosen]


# The steps that the CLI requests by name from the primary's agent; the answers are JSON.
STEPS: dict[str, Callable[[Rotation], Any]] = {
    "look": lambda made: asdict(made.look()),
    "open": lambda made: asdict(made.open()),
    "switch": Rotation.switch,
    "finish": lambda made: made.finish(spare_replication=False),
    "finish-without-replication": lambda made: made.finish(spare_replication=True),
}


def admit(own: pod.Pod, hosts: Sequence[str] = ()) -> None:
    """Before a member joins, its own server must accept the replication account, because the others and the member
    itself log in with it. During a rotation, it must accept both passwords, because each member has the one in memory
    with which it started. A member with older data accepts only one; if the account was dropped or changed at the time
    of the data, it accepts none, and the primary's repair (accounts_watch.py) cannot reach it. Raises MysqlError."""
    one = accounts.REPLICATION
    found = {key: own.find(key) for key in (one.key, names.previous_key(one.key))}
    passwords = {key: password for key, password in found.items() if password}
    accepted = [own.accepts(one, password) for password in passwords.values()]
    if all(accepted):
        return
    if any(accepted):
        _here(own.server, lambda server: accounts.accept_both(server, one, passwords))
    elif _is_right(own, passwords[one.key], hosts):
        _here(own.server, lambda server: _make_here(server, one, passwords[one.key]))


def _is_right(own: pod.Pod, password: str, hosts: Sequence[str]) -> bool:
    """Whether the group accepts that password for the account; unknown for a group that is yet to be formed."""
    for host in hosts:
        with contextlib.suppress(errors.MysqlError):
            if own.accepts(accounts.REPLICATION, password, host):
                return True
    with own.server() as server:
        return not hosts and not own_accounts.hashes_of(server, accounts.REPLICATION)


def make_admin(own: pod.Pod) -> None:
    """Recreate the agent's account on a member outside the group whose data lacks it or has another password. Raises
    MysqlError."""
    password = own.find(accounts.ADMIN.key) or ""
    _here(own.server_as_root, lambda server: _make_here(server, accounts.ADMIN, password))


def _make_here(server: connect.Server, one: accounts.Account, password: str) -> None:
    """Create the account without writing a transaction: the primary's statements then find it."""
    server.query("SET sql_log_bin = OFF")
    own_accounts.put_back(server, one, password, is_accepted=False)
    server.query("SET sql_log_bin = ON")


def _here(connection: Callable[[], connect.Server], change: Callable[[connect.Server], None]) -> None:
    with connection() as server:
        server.query("SET GLOBAL super_read_only = OFF")  # read_only stays
        try:
            change(server)
        finally:
            with contextlib.suppress(errors.MysqlError):
                group_replication.refuse_writes_unless_primary(server)


def refresh(own: pod.Pod, read: vault.Held) -> bool:
    """Write the Secrets' passwords to this pod's memory; True if any changed. A password that the server refuses is not
    adopted. If any are missing, this pod keeps what it has, previous passwords included. Raises MysqlError, StepFailed.
    """
    held = read.values
    changed: dict[str, str | None] = {}
    if not credentials.missing(held):
        # The previous ones first: at every moment one of the two in memory is right.
        previous = {key: held.get(key) for key in (names.previous_key(account.key) for account in accounts.ALWAYS)}
        changed = {key: value for key, value in previous.items() if own.find(key) != value}
        own.keep(changed)
    differing = [
        account
        for account in _of(held)
        if held.get(account.key) and own.find(account.key) != held[account.key]
        if account != accounts.EXPORTER or own.has_exporter()
    ]
    refused = [account.key for account in differing if _is_refused(own, account, held[account.key])]
    own.keep({account.key: held[account.key] for account in differing if account.key not in refused})
    if not own.find(names.KEY_BACKUP_KEY) and held.get(names.KEY_BACKUP_KEY):  # it cannot be tested: the first counts
        own.keep({names.KEY_BACKUP_KEY: held[names.KEY_BACKUP_KEY]})
    if refused:
        places = [secret_map.place(own.me.cluster, key, is_split=read.is_split) for key in refused]
        text = f"mysqld refuses {', '.join(f'{place.key} of Secret {place.secret}' for place in places)}"
        text = f"{text}, which somebody changed"
        raise errors.StepFailed(f"{text}: mysqlops users rotate {own.me.cluster} creates new ones")
    return bool(changed or differing)


def _is_refused(own: pod.Pod, one: accounts.Account, password: str) -> bool:
    """Whether the account still has the password that this pod knows. (A dropped account has neither.)"""
    known = own.find(one.key)
    return known is not None and not own.accepts(one, password) and own.accepts(one, known)


def put_back(safe: vault.Vault, own: pod.Pod, held: vault.Held) -> tuple[list[str], list[str]]:
    """Restore missing values of the Secrets from this pod's memory, each password once the server has accepted it. Only
    on a serving member: data outside the group may be older than what others know. Returns the restored keys, and those
    still missing. Raises KubeError, MysqlError."""
    missing = credentials.missing(held.values)
    others = [key for key in credentials.OTHERS if not held.values.get(key) and own.find(key)]
    if not missing and not others:
        return [], []
    by_key = {key: account for account in accounts.ALWAYS for key in (account.key, names.previous_key(account.key))}
    known = {key: own.find(key) for key in (*missing, *others, *map(names.previous_key, missing))}
    with own.server() as server:
        is_serving = group_replication.observe(server).role() != names.ROLE_NONE
        values = {
            key: value
            for key, value in known.items()
            if is_serving and value and (key not in by_key or _is_good(own, server, by_key[key], value))
        }
    if values:
        try:
            safe.write(held, {**values})
        except errors.Conflict:  # another member's agent was faster
            return [], missing
    return list(values), [key for key in missing if key not in values]


def _is_good(own: pod.Pod, server: connect.Server, one: accounts.Account, password: str) -> bool:
    """Whether the password may be restored; for a dropped account, any password may."""
    return not own_accounts.hashes_of(server, one) or own.accepts(one, password)


def _of(values: Mapping[str, str]) -> tuple[accounts.Account, ...]:
    others = (account for account in (accounts.BACKUP, accounts.EXPORTER) if account.key in values)
    return (*accounts.ALWAYS, *others)
