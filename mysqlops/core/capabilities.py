"""What an image of MySQL has, as manifests/image-check/probe.sh found it, and what fails without the rest. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops.core import typed

_LINE = re.compile(r"^image (\{.*\})$", re.MULTILINE)
# What a member loads at its start, and what for.
_PLUGINS: Mapping[str, str] = {
    "group_replication": "no group can be formed",
    "mysql_clone": "no member can be copied, and no backup made",
}
# Programs that Jobs run in the image; they look again.
_TOOLS: Mapping[str, str] = {
    "mysql": "adopt, and restores of logical backups",
    "mysqldump": "adopt, and logical backups",
}


@dataclass(frozen=True)
class Capabilities:
    """Names of programs, and of plugins in `plugin_dir`, with spaces between them; `user` is the numeric user that the
    pod ran as."""

    tools: str
    plugins: str
    plugin_dir: str
    libc: str
    user: str


def read(output: str) -> Capabilities | None:
    """From the probe's output; None if it holds no such line. The image printed it, so it may hold anything."""
    found = _LINE.search(output)
    return typed.make(Capabilities, typed.json_of(found[1] if found else None))


def missing_plugins(found: Capabilities | None) -> list[str]:
    """Why no member can run with the image; nothing if the plugins' directory is unknown."""
    if found is None or not found.plugin_dir:
        return []
    return [
        f"no {one}.so in {found.plugin_dir}: {why}" for one, why in _PLUGINS.items() if one not in found.plugins.split()
    ]


def missing_tools(found: Capabilities | None) -> list[str]:
    """What does not work with the image though a group does."""
    if found is None:
        return []
    return [f"has no {one}: {what} will not work" for one, what in _TOOLS.items() if one not in found.tools.split()]
