"""The account that `adopt` copies with, on the primary. It is dropped at the end of its Job; if the Job never gets
there, the primary's agent drops it once it has expired."""

from __future__ import annotations

from mysqlops.agent import api, credentials, member, settings, vault
from mysqlops.core import adoption, names, secret_map
from mysqlops.mysql import accounts


def open_account(client: api.Api, me: settings.Settings, server: member.Member, seconds: int) -> None:
    """Create an account with all rights for this time, with a password that only the Secret and the Job know."""
    safe = vault.Vault(client, me.cluster)
    held = safe.read(secret_map.INTERNAL)
    password = held.values.get(names.KEY_ADOPT_PASSWORD) or credentials.password()
    safe.write(held, {names.KEY_ADOPT_PASSWORD: password})
    with server.connect() as connection:
        accounts.create_temporary(connection, names.USER_ADOPT, password, seconds + adoption.GRACE_SECONDS)


def close_account(client: api.Api, me: settings.Settings, server: member.Member) -> None:
    """Drop the account and its password."""
    with server.connect() as connection:
        accounts.drop(connection, names.USER_ADOPT)
    vault.Vault(client, me.cluster).forget(names.KEY_ADOPT_PASSWORD)
