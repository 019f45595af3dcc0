"""The agent as one file: a zipapp of our own modules and pymysql, for a ConfigMap.

It must stay small: `kubectl apply` keeps a copy of the whole ConfigMap in an annotation of at most 256 KiB.
So modules are shipped without docstrings and comments, with the same line numbers. The zip is reproducible: the same
sources give the same bytes.
"""

from __future__ import annotations

import ast
import hashlib
import io
import sys
import tokenize
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path

from mysqlops import errors
from mysqlops.version import __version__

_ENTRY = "mysqlops.agent.__main__"
_LIBRARY = "pymysql"
_MAIN = "import sys\nfrom mysqlops.agent.__main__ import main\nsys.exit(main())\n"
_ROOT = Path(__file__).resolve().parents[2]
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """The zipapp, and the name of its content: the version and a hash of the sources."""

    content: bytes
    version: str


@cache
def build() -> Bundle:
    check_pymysql(metadata.version("pymysql"))
    files = dict(sorted(_files()))
    buffer = io.BytesIO()
    digest = hashlib.sha256()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, text in files.items():
            digest.update(path.encode() + b"\0" + text + b"\0")
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text, zipfile.ZIP_DEFLATED)
    return Bundle(buffer.getvalue(), f"{__version__}-{digest.hexdigest()[:12]}")


def check_pymysql(version: str) -> None:
    """The PyMySQL installed beside this command goes into every pod; raises ConfigError for a version before 1.2, which
    sends passwords to a server that offers no TLS even when TLS is required."""
    if tuple(int(part) for part in version.split(".")[:2]) < (1, 2):
        text = f"PyMySQL {version} is installed, and the agent includes it: 1.2 or later is required"
        raise errors.ConfigError(text, hint="pip install 'pymysql>=1.2'")


def _files() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN.encode()
    for path, source in _needed(_ENTRY):
        yield path, _bare(source)
    for path, source in _sources(resources.files(_LIBRARY), _LIBRARY):
        yield path, _bare(source)


def _needed(entry: str) -> Iterator[tuple[str, bytes]]:
    """The modules of mysqlops that the entry point imports, directly or indirectly."""
    open_ends, found = [entry], {}
    while open_ends:
        module = open_ends.pop()
        path = _path(module)
        if path is None or path in found:
            continue
        found[path] = (_ROOT / path).read_bytes()
        open_ends += [*_imports(found[path]), module.rpartition(".")[0]]
    yield from found.items()


def _bare(source: bytes) -> bytes:
    """Without docstrings and comments. Each line keeps its number."""
    lines = source.decode().splitlines()
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if ast.get_docstring(node, clean=False) is not None and first is not None and first.end_lineno:
                lines[first.lineno - 1] = lines[first.lineno - 1].encode()[: first.col_offset].decode() + '""'
                lines[first.lineno : first.end_lineno] = [""] * (first.end_lineno - first.lineno)
    return ("\n".join(lines) + "\n").encode()


def _path(module: str) -> str | None:
    """The file of one of our modules, None for anything else: a name in a module, another library."""
    for path in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
        if module.startswith("mysqlops") and (_ROOT / path).is_file():
            return path
    return None


def _imports(source: bytes) -> Iterable[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _sources(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{path}/{entry.name}", entry.read_bytes()


if __name__ == "__main__":
    sys.stdout.buffer.write(build().content)
