"""The agent as one file: a zipapp of our own modules, pymysql and the Prometheus client, for a ConfigMap.

It must stay small: `kubectl apply` keeps a copy of the whole ConfigMap in an annotation of at most 256 KiB.
The zip is made the same way each time, so that the same sources give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from mysqlops.version import __version__

_OURS = ("agent", "core", "mysql", "planning")
_OUR_FILES = ("__init__.py", "clock.py", "errors.py", "version.py")
_LIBRARIES = ("pymysql", "prometheus_client")
_NEVER_IMPORTED = {
    "prometheus_client": ("bridge", "twisted", "aiohttp", "django"),
    "pymysql": (),
}
_MAIN = "import sys\nfrom mysqlops.agent.__main__ import main\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """The zipapp, and what names its content: the version and a hash of the sources."""

    content: bytes
    version: str


@cache
def build() -> Bundle:
    files = dict(sorted(_files()))
    buffer = io.BytesIO()
    digest = hashlib.sha256()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, text in files.items():
            digest.update(path.encode() + b"\0" + text + b"\0")
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text, zipfile.ZIP_DEFLATED)
    return Bundle(buffer.getvalue(), f"{__version__}-{digest.hexdigest()[:12]}")


def _files() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN.encode()
    root = resources.files("mysqlops")
    for name in _OUR_FILES:
        yield f"mysqlops/{name}", (root / name).read_bytes()
    for package in _OURS:
        yield from _sources(root / package, f"mysqlops/{package}", ())
    for library in _LIBRARIES:
        yield from _sources(resources.files(library), library, _NEVER_IMPORTED[library])


def _sources(folder: Traversable, path: str, without: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.name in without:
            continue
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, f"{path}/{entry.name}", without)
        elif entry.name.endswith(".py"):
            yield f"{path}/{entry.name}", entry.read_bytes()


if __name__ == "__main__":
    sys.stdout.buffer.write(build().content)
