"""New passwords beside the old ones (dual passwords), so that no connection fails; later the old ones go.

The next passwords are in the Secret before any account has them, and an account that has its next one already is left
alone: a rotation that was killed is finished by the next run with the same passwords.
https://dev.mysql.com/doc/refman/9.7/en/password-management.html#dual-passwords
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import api, credentials, member, settings
from mysqlops.core import names
from mysqlops.mysql import accounts, connect

_NEXT = "next-"


@dataclass(frozen=True)
class Account:
    """One account, and the Secret's key of its password."""

    user: str
    host: str
    key: str


ACCOUNTS = (
    Account("root", "localhost", names.KEY_ROOT_PASSWORD),
    Account(names.USER_ADMIN, "localhost", names.KEY_ADMIN_PASSWORD),
    Account(names.USER_REPLICATION, "%", names.KEY_REPLICATION_PASSWORD),
    Account(names.USER_PROBE, "%", names.KEY_PROBE_PASSWORD),
    Account(names.USER_APP, "%", names.KEY_APP_PASSWORD),
)
_BACKUP = Account(names.USER_BACKUP, "%", names.KEY_BACKUP_PASSWORD)  # only where backups are made


class Rotation:
    """Runs in the primary's pod; the group replicates what it does to the accounts."""

    def __init__(self, client: api.Api, me: settings.Settings, server: member.Member) -> None:
        self._api, self._me, self._member = client, me, server

    def begin(self) -> list[str]:
        """Give every account a new password beside its old one; the users. Raises KubeError or MysqlError."""
        secret, values = self._read()
        chosen = _of(values)
        lacking = {_NEXT + one.key: secrets.token_urlsafe(24) for one in chosen if _NEXT + one.key not in values}
        if lacking:
            secret = self._patch(secret, lacking)
            values |= lacking
        for one in chosen:
            password = values[_NEXT + one.key]
            if not self._accepts(one, password):
                with self._member.connect() as server:
                    accounts.add_password(server, one.user, one.host, password)
        changed: dict[str, str | None] = {one.key: values[_NEXT + one.key] for one in chosen}
        self._patch(secret, changed | {_NEXT + one.key: None for one in chosen})
        credentials.write(settings.CREDENTIALS, {one.key: values[_NEXT + one.key] for one in chosen})
        return [one.user for one in chosen]

    def finish(self, *, spare_replication: bool) -> list[str]:
        """Drop the old passwords; the users. Running members may still use the replication account's old one."""
        chosen = [one for one in _of(self._read()[1]) if not (spare_replication and one.user == names.USER_REPLICATION)]
        with self._member.connect() as server:
            for one in chosen:
                accounts.discard_old_password(server, one.user, one.host)
        return [one.user for one in chosen]

    def _accepts(self, one: Account, password: str) -> bool:
        login = connect.Login(one.user, password, str(settings.TLS / "ca.crt"))
        try:
            if one.host == "localhost":
                connect.connect_socket(login).close()
            else:
                connect.connect_tcp(self._me.host(self._me.ordinal), login).close()
        except errors.AccessDenied:
            return False
        return True

    def _read(self) -> tuple[api.Json, dict[str, str]]:
        secret = self._api.get("v1", "secrets", names.credentials_secret(self._me.cluster))
        return secret, api.decoded(secret)

    def _patch(self, secret: api.Json, values: Mapping[str, str | None]) -> api.Json:
        version = secret["metadata"]["resourceVersion"]
        change = {"metadata": {"resourceVersion": version}, "data": api.encoded(values)}
        return self._api.patch("v1", "secrets", names.credentials_secret(self._me.cluster), change)


def _of(values: Mapping[str, str]) -> tuple[Account, ...]:
    return (*ACCOUNTS, _BACKUP) if _BACKUP.key in values else ACCOUNTS


def refresh(client: api.Api, me: settings.Settings, folder: Path = settings.CREDENTIALS) -> bool:
    """Write the passwords that the Secret holds now to this pod's memory; True if any changed. Raises KubeError."""
    secret = client.get("v1", "secrets", names.credentials_secret(me.cluster))
    held = api.decoded(secret)
    values = {one.key: held[one.key] for one in ACCOUNTS if one.key in held}
    changed = {key: value for key, value in values.items() if credentials.read(folder, key) != value}
    credentials.write(folder, changed)
    return bool(changed)
