"""The names of backups that this user has listed, for completion only: a file in the user's cache."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mysqlops.cli.context import Access
from mysqlops.core import typed


def read(access: Access) -> list[str]:
    found = typed.object_of(_file().read_bytes()).get(_key(access))
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def write(access: Access, names: Sequence[str]) -> None:
    """Remember the names. Errors are ignored, because nothing depends on the file."""
    with suppress(OSError, ValueError):
        file = _file()
        file.parent.mkdir(parents=True, exist_ok=True)
        known = typed.object_of(file.read_bytes()) if file.exists() else {}
        file.write_text(json.dumps({**known, _key(access): list(names)[-200:]}), encoding="utf-8")


def _key(access: Access) -> str:
    return f"{access.kubeconfig or ''} {access.context or ''} {access.namespace or ''}"


def _file() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "mysqlops" / "backups.json"
