"""The cluster's passwords: generated once, by whichever member comes first, and kept in Secrets.

Neither `render` nor `deploy` ever sees one. All members may run this at once: a Secret's resourceVersion
decides, and the losers read what the winner wrote. A key that is there is never replaced.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import api, settings, vault
from mysqlops.clock import Clock
from mysqlops.core import names
from mysqlops.mysql import accounts, connect

_TRIES = 60


def ensure(client: api.Api, cluster: str, clock: Clock) -> dict[str, str]:
    """The Secrets' values by key, generating those that are missing; raises KubeError."""
    safe = vault.Vault(client, cluster)
    for _ in range(_TRIES):
        held = safe.read()
        lacking = _generate(held.values)
        if not lacking:
            return held.values
        try:
            safe.write(held, lacking)
        except errors.Conflict:
            clock.sleep(0.2)
    raise errors.Conflict(f"the Secrets of {cluster} kept changing while passwords were generated")


def _generate(present: Mapping[str, str]) -> dict[str, str]:
    """New values for the keys that are missing."""
    lacking = {key: password() for key in names.PASSWORD_KEYS if not present.get(key)}
    if not present.get(names.KEY_GROUP_NAME):
        lacking[names.KEY_GROUP_NAME] = str(uuid.uuid4())
    return lacking


def password() -> str:
    """192 random bits as 32 characters that need no quoting, of all four kinds that validate_password may ask for.

    32 is the longest password that START GROUP_REPLICATION takes (error 3972).
    """
    while True:  # two in five will not do
        made = secrets.token_urlsafe(24)
        kinds = (str.islower, str.isupper, str.isdigit, "-_".__contains__)
        if all(any(map(is_of_kind, made)) for is_of_kind in kinds):
            return made


def write(folder: Path, values: Mapping[str, str | None]) -> None:
    """Put the values where only this pod's containers reach them: in memory. None takes one away."""
    for key, value in values.items():
        if value is None:
            (folder / key).unlink(missing_ok=True)
        else:
            _write_private(folder / key, value)


def find(folder: Path, key: str) -> str | None:
    """One value, None if there is none."""
    path = folder / key
    return path.read_text() if path.exists() else None


def of_agent(values: Mapping[str, str]) -> dict[str, str]:
    """What a member's agent needs, of all that the Secrets hold."""
    keys = [one.key for one in accounts.OF_AGENT]
    kept = {names.KEY_GROUP_NAME, *keys, *(names.previous_key(key) for key in keys)}
    return {key: value for key, value in values.items() if key in kept}


def write_statements(folder: Path, values: Mapping[str, str]) -> None:
    """The accounts' statements, for prepare: of a new data directory, of a restored one, of a restored member's. They
    hold no password, only what mysqld would make of it: the volume that prepare starts on may be an attacker's."""
    _write_private(folder / "accounts.sql", accounts.init_file(values))
    _write_private(folder / "reset.sql", accounts.reset_file(values))
    _write_private(folder / "rejoin.sql", accounts.rejoin_file(values))


def ask_for_reset(folder: Path) -> None:
    """Let prepare set the passwords of older data, which may have been changed since."""
    _write_private(folder / "of-before", "reset")


def read_login(folder: Path, user: str, key: str) -> connect.Login:
    """A member's login; over the network it verifies the server by the cluster's CA."""
    return connect.Login(user, read(folder, key), str(settings.TLS / "ca.crt"))


def read(folder: Path, key: str) -> str:
    """One value; raises ConfigError if the credentials container has not written it."""
    try:
        return (folder / key).read_text()
    except OSError as error:
        raise errors.ConfigError(
            f"{folder / key}: {error.strerror}; the init container `credentials` writes it"
        ) from error


def _write_private(path: Path, text: str) -> None:
    half = path.with_name(f".{path.name}")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    half.rename(path)
