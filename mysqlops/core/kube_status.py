"""Maps HTTP statuses of the API server to errors: one table for the CLI and for the agent. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops import errors
from mysqlops.core import typed

# https://kubernetes.io/docs/reference/using-api/api-concepts/ and the codes of apimachinery's errors.go.
_KINDS: Mapping[int, type[errors.KubeError]] = {
    401: errors.Forbidden,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
}


def failure(call: str, status: int, body: bytes) -> errors.KubeError:
    """The error for a response of 400 or above; `call` is the method and the path."""
    return _KINDS.get(status, errors.KubeError)(f"{call}: {status} {reason(body)}")


def reason(body: bytes) -> str:
    """The message of a Status object; other bodies could hold secrets and are not repeated (kopf)."""
    status = typed.json_of(body)
    return str(status.get("message", ""))[:500] if isinstance(status, dict) and status.get("kind") == "Status" else ""
