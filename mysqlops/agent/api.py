"""The agent's own small client for the Kubernetes API: get, list, watch, patch, update, with the pod's token.

The kubernetes package is too large for a ConfigMap and for the agent's memory (docs/adr/0004). It keeps one connection
open, and one for each watch, has a deadline on every call, and reads the token for each call (kubelet rotates it).
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import http.client
import json
import os
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlencode

from mysqlops import errors
from mysqlops.core import kube_status
from mysqlops.core.typed import Json

_TIMEOUT_SECONDS = 3.0
_SILENT_SECONDS = 90.0
_LONGEST = 1 << 20  # bytes of an event: annotations have 256 KiB at most
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Api:
    """Calls within one namespace, from any thread; raises KubeError. `sent` counts those of the whole process."""

    sent: ClassVar[Counter[str]] = Counter()  # by method
    _counting = threading.Lock()

    def __init__(self, namespace: str, account: Path) -> None:
        self._account = account
        self.namespace = namespace
        self._host = os.environ.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc")
        self._port = int(os.environ.get("KUBERNETES_SERVICE_PORT", "443"))
        self._connection: http.client.HTTPSConnection | None = None
        self._one_at_a_time = threading.Lock()

    def get(self, group: str, kind: str, name: str) -> Json:
        return self._call("GET", self._path(group, kind, name))

    def list(self, group: str, kind: str, selector: str, *, cached: bool = True) -> list[Json]:
        return self.listed(group, kind, selector, cached=cached)[0]

    def listed(self, group: str, kind: str, selector: str, *, cached: bool = True) -> tuple[builtins.list[Json], str]:
        """A list, and the version from which a watch continues."""
        # resourceVersion=0 reads the API server's cache: a storm of agents after an outage never reaches etcd. Without
        # it, the list is as new as the last write.
        query = urlencode({"labelSelector": selector} | ({"resourceVersion": "0"} if cached else {}))
        path = self._path(group, kind)
        found = self._call("GET", f"{path}?{query}")
        version: str = (found.get("metadata") or {}).get("resourceVersion", "")
        return kube_status.items(f"GET {path}", found), version

    def watch(self, group: str, kind: str, query: Mapping[str, str], *, seconds: float) -> Iterator[Json]:
        """The events of these objects for so long, with their metadata only. On a connection of its own: between two
        events it stays silent for up to a minute, when the API server sends a bookmark."""
        path = self._path(group, kind)
        words = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": f"{seconds:.0f}", **query}
        call = f"GET {path}"
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": _METADATA}
        try:
            connection = self._opened(_SILENT_SECONDS)
            with contextlib.closing(connection):
                self._count("GET")
                connection.request("GET", f"{path}?{urlencode(words)}", None, headers)
                response = connection.getresponse()
                if response.status >= 300:
                    raise kube_status.failure(call, response.status, response.read(_LONGEST))
                while line := response.readline(_LONGEST):
                    yield kube_status.event(call, line)
        except (OSError, http.client.HTTPException) as error:
            raise errors.Unreachable(f"API server: {error or type(error).__name__}") from error

    def patch(self, group: str, kind: str, name: str, change: Json) -> Json:
        """A JSON merge patch (RFC 7396)."""
        return self._call("PATCH", self._path(group, kind, name), change, "application/merge-patch+json")

    def create(self, group: str, kind: str, whole: Json) -> Json:
        """Create an object; raises Conflict if there is one of its name."""
        return self._call("POST", self._path(group, kind), whole)

    def update(self, group: str, kind: str, name: str, whole: Json) -> Json:
        """Replace the object; raises Conflict if `whole` does not have the latest resourceVersion."""
        return self._call("PUT", self._path(group, kind, name), whole)

    def _path(self, group: str, kind: str, name: str = "") -> str:
        prefix = f"/apis/{group}" if "/" in group else f"/api/{group}"
        tail = f"/{quote(name)}" if name else ""
        return f"{prefix}/namespaces/{self.namespace}/{kind}{tail}"

    def _call(self, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Json:
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": "application/json", "Content-Type": kind}
        data = None if body is None else json.dumps(body)
        with self._one_at_a_time:
            status, text = self._send_again_if_closed(method, path, data, headers)
        call = f"{method} {path.partition('?')[0]}"
        if status >= 300:
            raise kube_status.failure(call, status, text)
        return _without_owners(kube_status.answer(call, text))

    def _send_again_if_closed(
        self, method: str, path: str, data: str | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        reused = self._connection is not None
        try:
            return self._send(method, path, data, headers)
        except (OSError, http.client.HTTPException) as error:
            if not reused or isinstance(error, TimeoutError):
                raise errors.Unreachable(f"API server: {error or type(error).__name__}") from error
        # The server closes idle connections; every call here may safely be sent twice.
        try:
            return self._send(method, path, data, headers)
        except (OSError, http.client.HTTPException) as again:
            raise errors.Unreachable(f"API server: {again or type(again).__name__}") from again

    def _send(self, method: str, path: str, data: str | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._opened(_TIMEOUT_SECONDS)
        self._count(method)
        try:
            self._connection.request(method, path, data, dict(headers))
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise

    def _opened(self, timeout_seconds: float) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
        # Strict since Python 3.13: it would refuse CAs that older tools created (no key usage extension).
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_seconds, context=context)

    def _count(self, method: str) -> None:
        with self._counting:
            self.sent[method] += 1

    def _token(self) -> str:
        try:
            return (self._account / "token").read_text().strip()
        except OSError as error:
            raise errors.Forbidden(f"no service account token: {error}") from error


def _without_owners(found: Json) -> Json:
    """Less managedFields, half of an object, which no agent reads. The API server keeps them in a PUT without them."""
    items = found.get("items")
    for one in (found, *(items if isinstance(items, list) else ())):
        metadata = one.get("metadata") if isinstance(one, dict) else None
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)
    return found


def decoded(secret: Json) -> dict[str, str]:
    """A Secret's values by key."""
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in (secret.get("data") or {}).items()}
