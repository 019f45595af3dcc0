"""New passwords beside the old ones (dual passwords), so that no connection fails; later the old ones go.

Where a rotation is, the Secret tells: `next-` passwords are in it before any account has them, and take their places
only once every member has them; from then on the old ones are in it as `previous-`, until they are dropped. A run that
was killed is gone on with, never begun again: that would drop the passwords that are in use.
https://dev.mysql.com/doc/refman/9.7/en/password-management.html#dual-passwords
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, credentials, pod, vault
from mysqlops.core import names, rotation, secret_map
from mysqlops.mysql import accounts, group_replication


@dataclass(frozen=True)
class Opened:
    """The users that have a second password, and the primary's transactions by then."""

    users: list[str]
    executed: str


class Rotation:
    """Runs in the primary's pod; the group replicates what it does to the accounts. Raises KubeError, MysqlError."""

    def __init__(self, client: api.Api, own: pod.Pod) -> None:
        self._api, self._pod = client, own
        self._vault = vault.Vault(client, own.me.cluster)

    def look(self) -> rotation.Seen:
        """How far a rotation is, and which accounts have two passwords."""
        values = self._vault.read().values
        with self._pod.server() as server:
            return rotation.Seen(rotation.stage_of(values), accounts.with_two_passwords(server, _of(values)))

    def open(self) -> Opened:
        """Give every account its next password beside its own. The Secret's own stay: members may not have it yet."""
        held = self._vault.read()
        values, chosen = held.values, _of(held.values)
        added = {
            names.next_key(one.key): credentials.password() for one in chosen if names.next_key(one.key) not in values
        }
        if added:
            self._vault.write(held, added)
        with self._pod.server() as server:
            # Nobody else may add the password between the look and the change: added twice, it replaces the old one.
            if server.scalar("SELECT GET_LOCK('mysqlops-rotation', 3)") != 1:
                raise errors.StepFailed("another rotation is at this point: run the command again")
            for one in chosen:
                password = values[names.next_key(one.key)]
                if not self._pod.accepts(one, password):
                    accounts.add_password(server, one, password)
            return Opened([one.user for one in chosen], str(server.scalar("SELECT @@global.gtid_executed")))

    def switch(self) -> list[str]:
        """Every member accepts the next passwords by now: put them into their places; the users. The previous ones are
        in a Secret first, and the next ones leave it last: cut off between two Secrets, the next run goes on."""
        held = self._vault.read()
        values = held.values
        chosen = [one for one in _of(values) if names.next_key(one.key) in values]
        for one in chosen:
            if not self._pod.accepts(one, values[names.next_key(one.key)]):
                raise errors.StepFailed(f"{one.user} does not accept its next password: run the command again")
        moving = [one for one in chosen if values[one.key] != values[names.next_key(one.key)]]
        if moving:
            self._vault.write(held, {names.previous_key(one.key): values[one.key] for one in moving})
        if chosen:
            changed: dict[str, str | None] = {one.key: values[names.next_key(one.key)] for one in moving}
            self._vault.write(held, changed | dict.fromkeys(names.next_key(one.key) for one in chosen))
            refresh(self._api, self._pod)
        return [one.user for one in chosen]

    def finish(self, *, spare_replication: bool) -> list[str]:
        """Drop the old passwords; the users. Running members may still use the replication account's old one."""
        held = self._vault.read()
        values = held.values
        chosen = [one for one in _of(values) if not (spare_replication and one == accounts.REPLICATION)]
        with self._pod.server() as server:
            for one in chosen:
                accounts.keep_only(server, one, values[one.key])
        gone = [names.previous_key(one.key) for one in chosen if names.previous_key(one.key) in values]
        if gone:
            self._vault.write(held, dict.fromkeys(gone))
            refresh(self._api, self._pod)
        return [one.user for one in chosen]


# What the primary's agent is asked for by name; the answers are JSON.
STEPS: dict[str, Callable[[Rotation], Any]] = {
    "look": lambda made: asdict(made.look()),
    "open": lambda made: asdict(made.open()),
    "switch": Rotation.switch,
    "finish": lambda made: made.finish(spare_replication=False),
    "finish-without-replication": lambda made: made.finish(spare_replication=True),
}


def admit(own: pod.Pod) -> None:
    """While a rotation is open, members log in to this one with either password of the replication account, as each has
    in memory the one with which it started. A member whose data is older than the rotation accepts only one: let it
    accept both before it joins. Raises MysqlError."""
    one = accounts.REPLICATION
    found = {key: own.find(key) for key in (one.key, names.previous_key(one.key))}
    passwords = {key: password for key, password in found.items() if password}
    is_open = names.previous_key(one.key) in passwords
    if not is_open or all(own.accepts(one, password) for password in passwords.values()):
        return
    with own.server() as server:
        server.query("SET GLOBAL super_read_only = OFF")  # read_only stays
        try:
            accounts.accept_both(server, one, passwords)
        finally:
            with contextlib.suppress(errors.MysqlError):
                group_replication.refuse_writes(server)


def refresh(client: api.Api, own: pod.Pod) -> bool:
    """Write the passwords that the Secret holds now to this pod's memory; True if any changed. One that somebody else
    put there, and that the server refuses, is not taken over. Raises KubeError, MysqlError, StepFailed."""
    held = vault.Vault(client, own.me.cluster).read(secret_map.INTERNAL).values
    # The previous ones first: at every moment one of the two in memory is right.
    previous = {key: held.get(key) for key in (names.previous_key(one.key) for one in accounts.OF_AGENT)}
    changed = {key: value for key, value in previous.items() if own.find(key) != value}
    own.keep(changed)
    differing = [one for one in accounts.OF_AGENT if one.key in held and own.find(one.key) != held[one.key]]
    refused = [one.key for one in differing if _is_refused(own, one, held[one.key])]
    own.keep({one.key: held[one.key] for one in differing if one.key not in refused})
    if refused:
        _say_refused(own, refused)
    return bool(changed or differing)


def check_application(client: api.Api, own: pod.Pod, tried: list[str]) -> None:
    """Look at the application's password, which no agent uses: raises StepFailed for one that somebody changed by hand,
    and that the server refuses. `tried` has the one that was right at the last look, in this process only."""
    one = accounts.APP
    password = vault.Vault(client, own.me.cluster).read(secret_map.APP).values.get(one.key, "")
    if tried and tried[0] != password and not own.accepts(one, password) and own.accepts(one, tried[0]):
        _say_refused(own, [one.key])
    tried[:] = [password]


def _say_refused(own: pod.Pod, keys: list[str]) -> None:
    where = ", ".join("{1} of Secret {0}".format(*secret_map.place(own.me.cluster, key)) for key in keys)
    raise errors.StepFailed(f"mysqld refuses {where}: only mysqlops users rotate {own.me.cluster} changes passwords")


def _is_refused(own: pod.Pod, one: accounts.Account, password: str) -> bool:
    """Whether the account still has the password that this pod knows. (One that was dropped has neither.)"""
    known = own.find(one.key)
    return known is not None and not own.accepts(one, password) and own.accepts(one, known)


def _of(values: Mapping[str, str]) -> tuple[accounts.Account, ...]:
    return (*accounts.ALWAYS, accounts.BACKUP) if accounts.BACKUP.key in values else accounts.ALWAYS
