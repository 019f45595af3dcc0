"""The account that `adopt` copies with, on the primary. The end of its Job drops it; where that was not reached, the
primary's agent does once its time is over."""

from __future__ import annotations

from mysqlops.agent import api, credentials, member, settings
from mysqlops.core import adoption, names
from mysqlops.mysql import accounts


def open_account(client: api.Api, me: settings.Settings, server: member.Member, seconds: int) -> None:
    """An account that may create everything for so long, with a password that only the Secret and the Job know."""
    secret = client.get("v1", "secrets", names.credentials_secret(me.cluster))
    password = api.decoded(secret).get(names.KEY_ADOPT_PASSWORD) or credentials.password()
    change = {
        "metadata": {"resourceVersion": secret["metadata"]["resourceVersion"]},
        "data": api.encoded({names.KEY_ADOPT_PASSWORD: password}),
    }
    client.patch("v1", "secrets", names.credentials_secret(me.cluster), change)
    with server.connect() as connection:
        accounts.create_temporary(connection, names.USER_ADOPT, password, seconds + adoption.GRACE_SECONDS)


def close_account(client: api.Api, me: settings.Settings, server: member.Member) -> None:
    """Nobody needs it any more."""
    with server.connect() as connection:
        accounts.drop(connection, names.USER_ADOPT)
    client.patch(
        "v1", "secrets", names.credentials_secret(me.cluster), {"data": api.encoded({names.KEY_ADOPT_PASSWORD: None})}
    )
