"""Whose named time zones a server holds: a version of those that mysqlops brings, or somebody's own. Pure.

The tables mysql.time_zone* are no part of SQL that a logical backup holds, and a member replaces an older version of
mysqlops' before it joins (mysqlops/mysql/zones.py); what somebody has loaded stays.
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import Any

from mysqlops.core import typed

OWN = "own"  # loaded by somebody; empty: none, or a backup of an older release, which did not record it


_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,59}")


def holder(version: str) -> str:
    """Whose they are by the version that a server's mark has: anybody may have written one, and it becomes a fact of
    backups, which are not listed if it is no version."""
    return version if _VERSION.fullmatch(version) else OWN


def unpacked(packed: str) -> tuple[str, list[Any]]:
    """The version and the zones of manifests/base/config/zones.txt."""
    version, zones = typed.json_of(zlib.decompress(base64.b85decode(packed.strip())))
    return str(version), zones


def change(held: str, brought: str, *, is_logical: bool) -> str | None:
    """What a restore changes about the zones that a backup's server held; None if nothing, or if it is unknown."""
    if held in ("", brought) or (held == OWN and not is_logical):
        return None
    of = "somebody loaded into the backed-up server" if held == OWN else f"of version {held}"
    text = (
        f"named time zones: those of version {brought} come in place of those {of}; CONVERT_TZ may answer differently"
    )
    return f"{text}, until you load yours again" if held == OWN else text
