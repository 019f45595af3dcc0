"""What the API server's refusals mean."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mysqlops import errors

_BY_STATUS: Mapping[int, type[errors.KubeError]] = {
    401: errors.Forbidden,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
}


def of(status: int, what: str, body: bytes) -> errors.KubeError:
    return _BY_STATUS.get(status, errors.KubeError)(f"{what}: {status} {reason(body)}")


def reason(body: bytes) -> str:
    """The message of a Status object; any other body could hold secrets and is not repeated (kopf)."""
    try:
        status = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return ""
    return str(status.get("message", ""))[:500]
