"""Connections to one API server, with the login of a `Configuration` of the kubernetes package.

Only that class and its `auth_settings()` are used from the package: its generated client changed private parts between
36 and 37, sends exec no header except the token, and appears as python-urllib3 in audit logs.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import ssl
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import urllib3
    import websocket

Header = tuple[str, str]
_HANDSHAKE_SECONDS = 15.0


class Connection:
    """Requests and websockets, each with its own headers and those of this connection; safe to share by threads."""

    def __init__(self, configuration: Any, headers: Sequence[Header]) -> None:
        self._configuration, self._headers = configuration, tuple(headers)
        self.server = str(configuration.host)

    def request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        sent = urllib3.HTTPHeaderDict(headers)
        for name, value in self._all_headers():
            sent.add(name, value)
        # A DELETE is not sent again after hours of sleep (operations/lock.py); a PUT carries the version it replaces.
        retries = urllib3.Retry(1, allowed_methods=("GET", "PUT"))
        return self._pool.request(method, self.server + url, body=body, headers=sent, timeout=timeout, retries=retries)

    @contextlib.contextmanager
    def websocket(self, url: str, protocol: str, timeout_seconds: float) -> Iterator[websocket.WebSocket]:
        import websocket

        address = self.server.replace("http", "ws", 1) + url
        header = [f"{name}: {value}" for name, value in self._all_headers()]
        proxy = self._proxy_of_websocket()
        opened = websocket.create_connection(
            address,
            timeout=min(timeout_seconds, _HANDSHAKE_SECONDS),
            header=header,
            subprotocols=[protocol],
            sslopt=self._tls_of_websocket(),
            suppress_origin=True,
            redirect_limit=0,  # the library would send the token there, wherever that is
            **proxy,
        )
        try:
            yield opened
        finally:
            opened.shutdown()

    def _all_headers(self) -> list[Header]:
        """Read for each request: an exec plugin's token expires, and the package then gets another one."""
        settings = self._configuration.auth_settings().values()
        return [*self._headers, *((setting["key"], setting["value"]) for setting in settings if setting["value"])]

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        import certifi
        import urllib3

        found = self._configuration
        options: dict[str, Any] = {
            "maxsize": 8,
            "cert_reqs": ssl.CERT_REQUIRED if found.verify_ssl else ssl.CERT_NONE,
            "ca_certs": found.ssl_ca_cert or certifi.where(),
            "cert_file": found.cert_file,
            "key_file": found.key_file,
        }
        if found.assert_hostname is not None:
            options["assert_hostname"] = found.assert_hostname
        if found.tls_server_name:
            options["server_hostname"] = found.tls_server_name
        if self._proxy:
            return urllib3.ProxyManager(self._proxy, proxy_headers=found.proxy_headers, **options)
        return urllib3.PoolManager(**options)

    @property
    def _proxy(self) -> str | None:
        found = self._configuration
        return None if not found.proxy or bypasses(self.server, found.no_proxy or "") else str(found.proxy)

    def _proxy_of_websocket(self) -> dict[str, Any]:
        if not self._proxy:
            return {"http_no_proxy": ["*"]}  # otherwise the library would read the environment itself
        parts, auth = urlsplit(self._proxy), None
        kind, _, value = str((self._configuration.proxy_headers or {}).get("proxy-authorization", "")).partition(" ")
        if kind == "Basic":
            auth = tuple(base64.b64decode(value).decode().split(":", 1))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return {
            "http_proxy_host": parts.hostname,
            "http_proxy_port": port,
            "http_proxy_auth": auth,
            "http_no_proxy": [],
        }

    def _tls_of_websocket(self) -> dict[str, Any]:
        import certifi

        found = self._configuration
        options: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
        if found.verify_ssl:
            options = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": found.ssl_ca_cert or certifi.where()}
            if found.assert_hostname is not None:
                options["check_hostname"] = bool(found.assert_hostname)
        for key, value in (("certfile", found.cert_file), ("keyfile", found.key_file)):
            if value:
                options[key] = value
        if found.tls_server_name:
            options["server_hostname"] = found.tls_server_name
        return options


def bypasses(url: str, no_proxy: str) -> bool:
    """Whether NO_PROXY, which lists hosts, domains, addresses and networks, excludes the URL."""
    host = (urlsplit(url).hostname or "").lower()
    for entry in filter(None, (part.strip().lower() for part in no_proxy.split(","))):
        if entry == "*" or host == entry.lstrip(".") or host.endswith(f".{entry.lstrip('.')}"):
            return True
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
    return False
