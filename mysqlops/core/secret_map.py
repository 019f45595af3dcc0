"""Which Secret holds which value. A Secret has one purpose, so that RBAC, which knows no keys, can grant one without
the others (docs/adr/0034-a-secret-per-purpose.md). Pure.

The code names values by key (core/names.py); only this module knows the Secret and the key there. A cluster of an older
release has all of them in NAME-credentials, under these keys. `upgrade` moves them once every member runs this release:
until NAME-internal holds the group's name, NAME-credentials counts, for old and new agents alike.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from mysqlops.core import names, typed
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError

APP, ROOT, INTERNAL, CA = "app", "root", "internal", "ca"
PURPOSES = (APP, ROOT, INTERNAL, CA)
# Everything else is in NAME-internal, under its own key. So are all next and previous passwords: a client that uses
# NAME-app as a whole must not see them.
_HOMES: Mapping[str, tuple[str, str]] = {
    names.KEY_APP_PASSWORD: (APP, "password"),
    names.KEY_ROOT_PASSWORD: (ROOT, "password"),
    names.KEY_CA_KEY: (CA, "tls.key"),
    names.KEY_CA_CERTIFICATE: (CA, "tls.crt"),
    names.KEY_CA_REPLACES: (CA, "replaces"),
}
_KEYS = {home: key for key, home in _HOMES.items()}


def texts(secret: Json) -> dict[str, str]:
    """A Secret's values by key; raises ConfigError for one that is not text."""
    return {key: text(secret, key) for key in secret.get("data") or {}}


def text(secret: Json | None, key: str) -> str:
    """One value of a Secret; empty if it does not exist. Raises ConfigError if it is not text."""
    try:
        return base64.b64decode(((secret or {}).get("data") or {}).get(key, "")).decode()
    except ValueError as error:
        name = ((secret or {}).get("metadata") or {}).get("name", "")
        raise ConfigError(f"Secret {name}: key {typed.visible(key)}: expected text in UTF-8") from error


def encoded(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Values as a Secret's `data`; None deletes a key in a merge patch."""
    return {key: value and base64.b64encode(value.encode()).decode() for key, value in values.items()}


class Place(NamedTuple):
    """A Secret's name, and the key in it."""

    secret: str
    key: str


def place(cluster: str, key: str, *, is_split: bool = True) -> Place:
    """The Secret and key that hold the value of that name."""
    if not is_split:
        return Place(names.credentials_secret(cluster), key)
    purpose, inner = _HOMES.get(key, (INTERNAL, key))
    return Place(secret(cluster, purpose), inner)


def secret(cluster: str, purpose: str) -> str:
    return f"{cluster}-{purpose}"


def is_split(internal: Json | None, before: Json | None) -> bool:
    """Whether each purpose has its own Secret, judged by NAME-internal and NAME-credentials (None if absent). A new
    cluster, which has neither, starts that way."""
    return is_filled(internal) or not is_filled(before)


def is_filled(found: Json | None) -> bool:
    """Whether this Secret holds the cluster's internal values, the group's name among them."""
    return names.KEY_GROUP_NAME in ((found or {}).get("data") or {})


def known(purpose: str, values: Mapping[str, str]) -> dict[str, str]:
    """The values in the Secret of a purpose that mysqlops defines, by its keys."""
    if purpose == INTERNAL:
        return dict(values)
    return {_KEYS[purpose, inner]: value for inner, value in values.items() if (purpose, inner) in _KEYS}


def by_secret(cluster: str, values: Mapping[str, str | None], *, is_split: bool) -> dict[str, dict[str, str | None]]:
    """The same values by Secret and key; NAME-internal last, because its values make a change complete."""
    found: dict[str, dict[str, str | None]] = {}
    for key, value in values.items():
        where = place(cluster, key, is_split=is_split)
        found.setdefault(where.secret, {})[where.key] = value
    last = secret(cluster, INTERNAL)
    return dict(sorted(found.items(), key=lambda item: item[0] == last))


def for_applications(cluster: str, namespace: str, password: str) -> dict[str, str]:
    """What an application needs besides the CA, as NAME-app has it; the host is the Service that writes go to."""
    host, port = f"{names.primary_service(cluster)}.{namespace}.svc", str(names.PORT_MYSQL)
    user, database = names.USER_APP, names.DATABASE_APP
    return {
        "username": user,
        "password": password,
        "host": host,
        "port": port,
        "database": database,
        "uri": f"mysql://{user}:{quote(password, safe='')}@{host}:{port}/{database}",
    }


def as_before(manifest: Json, cluster: str) -> Json:
    """The same Job, CronJob or pod for a cluster whose values are all still in NAME-credentials."""
    made = copy.deepcopy(manifest)
    _point_back(made, cluster)
    return made


def _point_back(node: Any, cluster: str) -> None:
    if isinstance(node, list):
        for item in node:
            _point_back(item, cluster)
    elif isinstance(node, dict):
        old = {secret(cluster, purpose): purpose for purpose in PURPOSES}.get(str(node.get("secretName")))
        if old:
            node["secretName"] = names.credentials_secret(cluster)
            for item in node.get("items", []):
                item["key"] = _KEYS.get((old, item["key"]), item["key"])
        for item in node.values():
            _point_back(item, cluster)
