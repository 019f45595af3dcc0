"""The login of a kubeconfig that only names a server, certificates and a token.

The kubernetes package reads those too, but importing it costs each command a third of its processor time, and the
completion of a word two thirds. What is not plain is left to it: plugins, providers, passwords, proxies, several files,
and every mistake.
tests/unit/kube/test_plain_login.py holds both to the same result.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mysqlops.kube import kubeconfig

_CLUSTER = {"server", "certificate-authority", "certificate-authority-data"}
_USER = {
    *("client-certificate", "client-certificate-data", "client-key", "client-key-data", "token"),
    *("as", "as-groups", "as-uid", "as-user-extra"),  # kubeconfig.Identity
}


@dataclass(frozen=True)
class Plain:
    """What connection.py reads of the package's Configuration."""

    host: str
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    token: str
    verify_ssl: bool = True
    assert_hostname: bool | None = None
    tls_server_name: str | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    proxy_headers: Mapping[str, str] | None = None

    def auth_settings(self) -> dict[str, dict[str, str]]:
        value = {"key": "authorization", "value": f"Bearer {self.token}"}
        return {"BearerToken": value} if self.token else {}


def load(where: str, context: str) -> Plain | None:
    """None for a kubeconfig that is not plain."""
    if os.pathsep in where or any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    found = kubeconfig.parsed(file := Path(where).expanduser())
    chosen = _only(found, "context", context) or {}
    cluster, user = _only(found, "cluster", chosen.get("cluster")), _only(found, "user", chosen.get("user"))
    if cluster is None or user is None or not (cluster.keys() <= _CLUSTER and user.keys() <= _USER):
        return None
    texts = [value for key, value in (*cluster.items(), *user.items()) if not key.startswith("as")]
    if not all(isinstance(text, str) and text for text in texts) or not cluster.get("server", "").startswith(
        "https://"
    ):
        return None
    try:
        ca, certificate, key = (
            _file(part, name, file.absolute().parent)
            for part, name in ((cluster, "certificate-authority"), (user, "client-certificate"), (user, "client-key"))
        )
    except (OSError, ValueError):
        return None
    return Plain(cluster["server"].rstrip("/"), ca, certificate, key, user.get("token", ""))


def _only(found: Mapping[str, Any], kind: str, name: object) -> Mapping[str, Any] | None:
    """None unless exactly one entry has that name."""
    entries = [entry for entry in found.get(f"{kind}s") or () if isinstance(entry, dict) and entry.get("name") == name]
    value = entries[0].get(kind) if len(entries) == 1 else None
    return value if isinstance(value, dict) else None


def _file(part: Mapping[str, str], name: str, folder: Path) -> str | None:
    """The path of a file, or of a temporary one that holds the data; raises OSError, ValueError."""
    if data := part.get(f"{name}-data"):
        return _temporary(base64.b64decode(data, validate=True))
    if name not in part:
        return None
    path = os.path.normpath(folder / part[name])
    if not os.path.isfile(path):
        raise FileNotFoundError(path)
    return path


def _temporary(content: bytes) -> str:
    """For this user only, as a key must be, and for as long as the command runs."""
    number, path = tempfile.mkstemp(prefix="mysqlops-")
    atexit.register(_remove, path)
    with os.fdopen(number, "wb") as file:
        file.write(content)
    return path


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)
