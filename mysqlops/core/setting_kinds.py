"""Whether a variable of a running server can be set live, as a member's agent answers. Pure."""

from __future__ import annotations

DYNAMIC, STATIC, UNKNOWN = KINDS = ("dynamic", "static", "unknown")
