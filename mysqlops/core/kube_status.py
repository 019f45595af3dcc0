"""Maps HTTP statuses of the API server to errors: one table for the CLI and for the agent. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mysqlops import errors
from mysqlops.core import typed

# https://kubernetes.io/docs/reference/using-api/api-concepts/ and the codes of apimachinery's errors.go.
_KINDS: Mapping[int, type[errors.KubeError]] = {
    400: errors.Invalid,
    401: errors.Forbidden,
    403: errors.Forbidden,
    404: errors.NotFound,
    422: errors.Invalid,
}

METADATA_LIST = "PartialObjectMetadataList"


def failure(call: str, status: int, body: bytes) -> errors.KubeError:
    """The error for a response of 400 or above; `call` is the method and the path."""
    text = f"{call}: {status} {reason(body)}"
    if status == 409:
        return errors.Conflict(text, owners=list(_owners(body)))
    return _KINDS.get(status, errors.KubeError)(text)


def answer(call: str, body: bytes | str) -> dict[str, Any]:
    """The object in a response below 300; raises KubeError if there is none. One whose managedFields are nested deeper
    than Python reads comes without any: the API server (1.36) stores thousands of levels, and whoever may patch one
    object of a list would keep every command and agent from reading the list."""
    found = typed.json_of(body)
    if found is None:
        found = typed.json_of(
            _without_managers(body if isinstance(body, bytes) else body.encode(errors="surrogatepass"))
        )
    if not isinstance(found, dict):
        raise errors.KubeError(f"{call}: the response is not a JSON object")
    return found


_MANAGERS = b'"managedFields"'
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"\s*(:\s*)?|[\[{]|[\]}]', re.DOTALL)


def _without_managers(body: bytes) -> bytes:
    """JSON with an empty list for each list of managers."""
    kept, depth, begun, since = list[bytes](), 0, -1, 0  # begun: the depth at which a list of managers began
    for token in _TOKEN.finditer(body):
        if token[0][:1] in b"[{":
            depth += 1
        elif token[0][:1] in b"]}":
            depth -= 1
            if depth == begun:
                begun, since = -1, token.end()
        elif begun < 0 and token[1] and token[0].startswith(_MANAGERS) and body[token.end() : token.end() + 1] == b"[":
            kept.append(body[since : token.end()] + b"[]")
            begun = depth
    return b"".join([*kept, body[since:]] if begun < 0 else kept)


def items(call: str, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects of a list. One that cannot be read is not an empty one: raises KubeError. Of metadata alone, the API
    server (1.36) writes an empty list as null."""
    if found.get("kind") == METADATA_LIST and found.get("items", "") is None:
        return []
    listed = found.get("items")
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise errors.KubeError(f"{call}: the response is not a list")
    return listed


def event(call: str, line: bytes) -> dict[str, Any]:
    """One line of a watch: its type and its object. Raises KubeError for what is none, or says that the watch ends."""
    found = answer(call, line)
    thing = found.get("object")
    if found.get("type") == "ERROR" or not isinstance(thing, dict) or not isinstance(thing.get("metadata"), dict):
        raise errors.KubeError(f"{call}: the watch ended: {reason(json.dumps(thing).encode()) or 'not an event'}")
    return found


def _owners(body: bytes) -> Iterator[errors.FieldOwner]:
    """Who owns what, in a conflict of server-side apply: `conflict with "kubectl" using apps/v1`, and the field."""
    status = typed.json_of(body)
    details = status.get("details") if isinstance(status, dict) else None
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else []:
        if isinstance(cause, dict) and cause.get("reason") == "FieldManagerConflict":
            _, _, rest = str(cause.get("message", "")).partition('"')
            yield errors.FieldOwner(rest.partition('"')[0], str(cause.get("field", "")))


def reason(body: bytes) -> str:
    """The message of a Status object; other bodies could hold secrets and are not repeated (kopf)."""
    status = typed.json_of(body)
    return str(status.get("message", ""))[:500] if isinstance(status, dict) and status.get("kind") == "Status" else ""
