"""What every member presents to a client that trusts only the newest CA of Secret NAME-tls, and what NAME-app gives to
applications: whether the older CAs are still needed. A member that does not answer is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, openssl, settings, tls_check
from mysqlops.core import names, secret_map
from mysqlops.mysql import answer, connect

# In place of the greeting: too many connections, a blocked or unknown host, a server that stops.
_BEFORE_TLS = {1040, 1129, 1130, 1053}
PRESENTS, REFUSED, UNKNOWN = "presents", "refused", "unknown"


def look(client: api.Api, me: settings.Settings, hosts: Sequence[str], login: connect.Login) -> dict[str, Any]:
    """The CAs of NAME-tls, the newest first; that of NAME-app; and of each host its state, and why."""
    trusted = api.decoded(client.get("v1", "secrets", names.tls_secret(me.cluster))).get(tls_check.CA, "")
    try:
        application = api.decoded(client.get("v1", "secrets", secret_map.secret(me.cluster, secret_map.APP)))
    except errors.NotFound:  # of a cluster that still has everything in NAME-credentials
        application = {}
    with settings.work_folder(settings.TLS) as folder:
        newest = folder / tls_check.CA
        newest.write_text(openssl.newest(trusted), encoding="utf-8")
        found = {host: _of(host, replace(login, ca_file=str(newest))) for host in hosts}
    return {"trusted": trusted, "application": application.get(tls_check.CA, ""), "members": found}


def _of(host: str, login: connect.Login) -> tuple[str, str]:
    try:
        connect.connect_tcp(host, login, is_bounded=True).close()
    except errors.MysqlError as error:
        # Whatever else it refuses, TLS came first.
        if connect.is_answer(error) and error.errno not in _BEFORE_TLS:
            return (REFUSED, str(error)) if error.errno == answer.TLS_FAILED else (PRESENTS, "")
        return UNKNOWN, str(error)
    return PRESENTS, ""
