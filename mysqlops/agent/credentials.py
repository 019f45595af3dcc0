"""The cluster's passwords: generated once, by the first member, and kept in Secrets.

Neither `render` nor `deploy` ever sees one. All members may run this at once: a Secret's resourceVersion decides, and
the losers read what the winner wrote. An existing key is never replaced.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.agent import settings
from mysqlops.clock import Clock
from mysqlops.core import names, secret_map
from mysqlops.mysql import account_files, connect

if TYPE_CHECKING:
    from mysqlops.agent import api

KEYS = (*names.PASSWORD_KEYS, names.KEY_GROUP_NAME)
# Keys that clusters of older releases lack, and that may be generated at any time. A cluster whose Secret was emptied
# gets its old key: it is restored together with the passwords, and until then nothing is generated.
_LATER = (names.KEY_BACKUP_KEY,)
# Kept and restored if they exist; the exporter's only where one runs, so that it can be removed.
OTHERS = (names.KEY_BACKUP_PASSWORD, names.KEY_BACKUP_KEY, names.KEY_EXPORTER_PASSWORD)
_TRIES = 60


def ensure(
    client: api.Api, cluster: str, clock: Clock, *, why_not: str = "", has_exporter: bool = False
) -> dict[str, str]:
    """The Secrets' values by key. Missing ones are generated, unless `why_not` says that they existed and were deleted:
    then the agents of running members get time to restore them. Raises KubeError if a Secret cannot be read or written,
    Refused if no agent restores them."""
    from mysqlops.agent import vault  # with the API's client, which most programs here do not need

    safe = vault.Vault(client, cluster)
    for _ in range(_TRIES):
        held = safe.read()
        lacking = missing(held.values)
        later = [key for key in (*_LATER, *_of_exporter(has_exporter)) if not held.values.get(key)]
        if not lacking and not later:
            return held.values
        if lacking and (why_not or safe.notes().get(names.ANNOTATION_BOOTSTRAPPED)):
            clock.sleep(1.0)
            continue
        try:
            safe.write(held, {key: _generated(key) for key in (*lacking, *later)})
        except errors.Conflict:
            clock.sleep(0.2)
    if lacking:
        where = sorted({secret_map.place(cluster, key, is_split=held.is_split).secret for key in lacking})
        text = f"Secret {', '.join(where)}: no {', '.join(lacking)}, and {why_not or 'the cluster was formed before'}"
        text = f"{text}: new ones would not open that data. Restore the Secret from a copy"
        raise errors.Refused([errors.Reason("credentials-lost", text)])
    raise errors.Conflict(f"the Secrets of {cluster} kept changing while passwords were generated")


def _of_exporter(has_exporter: bool) -> tuple[str, ...]:
    return (names.KEY_EXPORTER_PASSWORD,) if has_exporter else ()


def missing(present: Mapping[str, str]) -> list[str]:
    """The keys without a value."""
    return [key for key in KEYS if not present.get(key)]


def _generated(key: str) -> str:
    if key != names.KEY_GROUP_NAME:
        return password()
    import uuid  # once in a cluster's life

    return str(uuid.uuid4())


def password() -> str:
    """192 random bits as 32 characters that need no quoting, of all four kinds that validate_password may require.

    32 is the longest password that START GROUP_REPLICATION accepts (error 3972).
    """
    while True:  # two in five are rejected
        made = secrets.token_urlsafe(24)
        kinds = (str.islower, str.isupper, str.isdigit, "-_".__contains__)
        if all(any(map(is_of_kind, made)) for is_of_kind in kinds):
            return made


def write(folder: Path, values: Mapping[str, str | None]) -> None:
    """Write the values to memory that only this pod's containers reach; None deletes one."""
    for key, value in values.items():
        if value is None:
            (folder / key).unlink(missing_ok=True)
        else:
            settings.write(folder / key, value)


def find(folder: Path, key: str) -> str | None:
    """One value, None if it does not exist."""
    path = folder / key
    return path.read_text() if path.exists() else None


def of_agent(values: Mapping[str, str], *, has_exporter: bool = False) -> dict[str, str]:
    """The part of the Secrets that a member's agent keeps: what it logs in with, and what it can restore if somebody
    deletes a Secret. Never the CA's key."""
    kept = {*KEYS, *OTHERS, *map(names.previous_key, names.PASSWORD_KEYS)}
    if not has_exporter:
        kept.discard(names.KEY_EXPORTER_PASSWORD)
    return {key: value for key, value in values.items() if key in kept}


def write_statements(folder: Path, values: Mapping[str, str]) -> None:
    """Write the accounts' statements for prepare: for a new data directory, a restored one, a restored member's. They
    hold hashes, not passwords: the volume that prepare starts on may come from an attacker."""
    settings.write(folder / "accounts.sql", account_files.init_file(values))
    settings.write(folder / "reset.sql", account_files.reset_file(values))
    settings.write(folder / "rejoin.sql", account_files.rejoin_file(values))


def ask_for_reset(folder: Path) -> None:
    """Let prepare set the passwords in older data, which may be out of date."""
    settings.write(folder / "of-before", "reset")


def read_login(folder: Path, user: str, key: str) -> connect.Login:
    """A member's login; over the network, it verifies the server with the cluster's CA."""
    return connect.Login(user, read(folder, key), str(settings.TLS / "ca.crt"))


def read(folder: Path, key: str) -> str:
    """One value; raises ConfigError if the credentials container has not written it."""
    try:
        return (folder / key).read_text()
    except OSError as error:
        raise errors.ConfigError(
            f"{folder / key}: {error.strerror}; the init container `credentials` writes it"
        ) from error
