"""Which accounts another version of the server would lock out, because it lacks their plugin. Pure.

https://dev.mysql.com/doc/refman/8.4/en/native-pluggable-authentication.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mysqlops.core import my_cnf, mysqld_config, series
from mysqlops.core.version import ServerVersion
from mysqlops.errors import Reason

_SHOWN = 10
_MOVE = (
    "ALTER USER … IDENTIFIED WITH caching_sha2_password BY …; its clients need TLS, or the server's public key, and a "
    "driver that knows it"
)


def lost(
    accounts: Mapping[str, Sequence[str]], after: ServerVersion, settings: Mapping[str, str | None], cluster: str
) -> list[Reason]:
    """A reason for each plugin that the version lacks. `accounts` by plugin, as the primary has them; a plugin that is
    only off counts as present if the settings switch it on."""
    switched_on = {name for name, value in mysqld_config.by_name(settings).items() if my_cnf.is_on(value)}
    found = []
    for plugin, users in accounts.items():
        state = series.plugin(plugin, after)
        if state == "gone":
            text = f"{_named(users)} could no longer log in: MySQL {after} has no plugin {plugin}"
            found.append(Reason("removed-plugin", text, _MOVE))
        elif state == "off" and plugin not in switched_on:
            text = f"{_named(users)} could no longer log in: MySQL {after} has plugin {plugin} switched off"
            bridge = f"or, until MySQL 9.0: mysqlops config set {cluster} loose_{plugin}=ON"
            found.append(Reason("removed-plugin", text, f"{_MOVE}; {bridge}"))
    return found


def _named(users: Sequence[str]) -> str:
    more = f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
    return f"{', '.join(users[:_SHOWN])}{more}"
