"""The cluster's passwords: generated once, by whichever member comes first, and kept in the Secret.

Neither `render` nor `deploy` ever sees one. All members may run this at once: the Secret's resourceVersion
decides, and the losers read what the winner wrote. A key that is there is never replaced.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import api, settings
from mysqlops.clock import Clock
from mysqlops.core import names
from mysqlops.mysql import accounts, connect

KEYS = (*names.PASSWORD_KEYS, names.KEY_GROUP_NAME)
# What clusters of older releases do not have, and what may be generated for them at any time.
_LATER = (names.KEY_BACKUP_KEY,)
_TRIES = 60


def ensure(client: api.Api, cluster: str, clock: Clock, *, why_not: str = "") -> dict[str, str]:
    """The Secret's values by key, generating those that are missing, unless `why_not` says that there are some already
    which somebody deleted: then the agents of the members that run are given time to put them back. Raises KubeError if
    it cannot be read or written, Refused if nobody puts them back."""
    name = names.credentials_secret(cluster)
    for _ in range(_TRIES):
        secret = client.get("v1", "secrets", name)
        present = api.decoded(secret)
        lacking = missing(present)
        later = [key for key in _LATER if not present.get(key)]
        if not lacking and not later:
            return present
        annotations = secret["metadata"].get("annotations") or {}
        if lacking and (why_not or annotations.get(names.ANNOTATION_BOOTSTRAPPED)):
            clock.sleep(1.0)
            continue
        change = {
            "metadata": {"resourceVersion": secret["metadata"]["resourceVersion"]},
            "data": api.encoded({key: _generated(key) for key in (*lacking, *later)}),
        }
        try:
            client.patch("v1", "secrets", name, change)
        except errors.Conflict:
            clock.sleep(0.2)
    if lacking:
        text = f"Secret {name} does not hold {', '.join(lacking)}, and {why_not or 'the cluster was formed before'}"
        text = f"{text}: new ones would not open that data. Put the Secret back from a copy"
        raise errors.Refused([errors.Reason("credentials-lost", text)])
    raise errors.Conflict(f"Secret {name} kept changing while passwords were generated")


def missing(present: Mapping[str, str]) -> list[str]:
    """The keys without a value."""
    return [key for key in KEYS if not present.get(key)]


def _generated(key: str) -> str:
    return str(uuid.uuid4()) if key == names.KEY_GROUP_NAME else password()


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


def write_statements(folder: Path, values: Mapping[str, str]) -> None:
    """The accounts' statements, for prepare: of a new data directory, of a restored one, of a restored member's."""
    _write_private(folder / "accounts.sql", accounts.init_file(values))
    _write_private(folder / "reset.sql", accounts.reset_file(values))
    _write_private(folder / "rejoin.sql", accounts.rejoin_file(values))


def ask_for_reset(folder: Path) -> None:
    """Tell prepare that the data is of before: its passwords may have been changed since."""
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
