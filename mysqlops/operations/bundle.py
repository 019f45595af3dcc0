"""The agent as one file: a zipapp of our own modules and PyMySQL, for a ConfigMap.

One version of mysqlops is one agent, whoever runs it: a wheel carries the program, made when the wheel was built. In a
checkout it is made of the sources, and of the wheel in vendor/ instead of what is installed. The same sources give the
same bytes with any Python: all that is compressed is compressed by bz2, whose output has been the same since 2000.
So programs are compared byte by byte. Never by their files: an archive can hold others for zipimport, which runs it,
than for zipfile (a name with a NUL, a second directory of 64 bits).
It must stay small: `kubectl apply` keeps a copy of the whole ConfigMap in an annotation of at most 256 KiB.
So modules are shipped without docstrings, comments and annotations of functions, with the same line numbers, and
compressed together, which saves two fifths. agent/unpack.py makes them importable; so does an import of either package
from agent.pyz.
"""

from __future__ import annotations

import ast
import bz2
import hashlib
import io
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import unpack
from mysqlops.version import __version__

_ENTRY = "mysqlops.agent.__main__"
_MAIN = "import sys, mysqlops_agent as it\nit.enter()\nfrom mysqlops.agent.__main__ import main\nsys.exit(main())\n"
# A package that steps aside for the real one, once that can be imported.
_STUB = "import sys\ndel sys.modules[__name__]\nimport mysqlops_agent\nmysqlops_agent.enter()\n__import__(__name__)\n"
_UNPACK = Path("mysqlops", "agent", "unpack.py").as_posix()
_ZIPPED, _DEFLATED = "program.zip.z", "program.z"
_ROOT = Path(__file__).resolve().parents[2]
_PACKAGED = _ROOT / "mysqlops" / "_agent" / "agent.pyz"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o100644
# A string, so that a # in it is none, or a comment: what tokenize finds, in a tenth of the time.
_STRING_OR_COMMENT = re.compile(
    r"""(["'])(?:\1\1(?:\\.|(?!\1{3}).)*\1{3}|(?:\\.|(?!\1)[^\\\n])*\1)|(?P<comment>[ \t]*\#[^\n]*)""", re.DOTALL
)
_ERRORS = Path("pymysql", "constants", "ER.py").as_posix()
_CONSTANT = re.compile(rb"([A-Z]\w*) = \d+$")
_TYPES, _NOT_EVALUATED = ("collections.abc", "typing"), b"from __future__ import annotations"
# RuntimeError: an entry is encrypted, or of a kind that this Python does not unpack.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, LookupError, OSError, EOFError, RuntimeError)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Bundle:
    """The zipapp, and the name of its content: the version and a hash of the sources."""

    content: bytes
    version: str


@cache
def build() -> Bundle:
    """The program that the wheel carries, or that of the checkout's sources."""
    if not _PACKAGED.exists():
        return from_sources()
    content = _PACKAGED.read_bytes()
    return Bundle(content, _unzipped(content)[unpack.VERSION].decode())


def from_sources() -> Bundle:
    inside = dict(sorted(_files()))
    outside = {
        "__main__.py": _MAIN.encode(),
        "mysqlops_agent.py": _bare(_Module.parse((_ROOT / _UNPACK).read_bytes())),
        **{f"{package}/__init__.py": _STUB.encode() for package in ("mysqlops", "pymysql")},
    }
    version = _version(outside | {f"program/{path}": text for path, text in inside.items()})
    outside[unpack.VERSION] = version.encode()
    outside[unpack.PROGRAM] = _packed(inside)
    return Bundle(_zipped(outside), version)


def files(content: bytes) -> dict[str, bytes]:
    """What the program's modules are imported from."""
    return unpack.files(_unzipped(content)[unpack.PROGRAM])


def lacks(content: bytes, path: str) -> bool:
    """Whether this is a program without that module."""
    try:
        return path not in _of_any_release(_unzipped(content))
    except _UNREADABLE:
        return False  # no program at all


def _of_any_release(outside: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Until 2026-11-28 the files were deflated, before that in a zip inside, and first no more than in one."""
    if unpack.PROGRAM in outside:
        return unpack.files(outside[unpack.PROGRAM])
    if _DEFLATED in outside:
        return unpack.apart(_inflated(outside[_DEFLATED]))
    return _unzipped(_inflated(outside[_ZIPPED])) if _ZIPPED in outside else outside


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, unpack.LARGEST)


def _version(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, text in sorted(files.items()):
        digest.update(path.encode() + b"\0" + text + b"\0")
    return f"{__version__}-{digest.hexdigest()[:12]}"


def _packed(files: Mapping[str, bytes]) -> bytes:
    """As agent/unpack.py reads it."""
    head = "\n".join(f"{len(text)} {path}" for path, text in files.items())
    return bz2.compress(head.encode() + b"\n\n" + b"".join(files.values()), 9)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, text, zipfile.ZIP_STORED)
    return buffer.getvalue()


def _unzipped(content: bytes) -> dict[str, bytes]:
    """Raises one of _UNREADABLE. Whoever may write a ConfigMap can make a small file unpack to any size."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > unpack.LARGEST:
            raise ValueError("it unpacks to more than a program")
        return {name: archive.read(name) for name in archive.namelist()}


def _files() -> Iterator[tuple[str, bytes]]:
    for path, module in _needed(_ENTRY).items():
        yield path, _bare(module)
    yield from _library().items()


def _library() -> dict[str, bytes]:
    files = _wheel(_ROOT / "vendor")
    found = {path: text for path, text in files.items() if path.endswith("/LICENSE")}
    modules = {path: _bare(_Module.parse(text)) for path, text in files.items() if path.endswith(".py")}
    named = set(re.findall(rb"\w+", b" ".join(text for path, text in modules.items() if path != _ERRORS)))
    return found | modules | {_ERRORS: _of(modules[_ERRORS], named)}


def _wheel(folder: Path) -> dict[str, bytes]:
    """The files of the library; raises ConfigError in a folder that is not a whole checkout's."""
    found = sorted(folder.glob("*.whl"))
    try:
        if len(found) != 1:
            raise ValueError(f"expected one wheel, found {', '.join(file.name for file in found) or 'none'}")
        return _unzipped(found[0].read_bytes())
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        text = f"the agent's program cannot be made: {folder}: {error}"
        raise errors.ConfigError(text, hint="git checkout -- vendor; or install mysqlops from its wheel") from error


def _of(constants: bytes, named: Set[bytes]) -> bytes:
    """Only the constants that the library itself names: there is one for each error of the server's. We name none."""
    lines = constants.split(b"\n")
    return b"\n".join(b"" if (one := _CONSTANT.match(line)) and one[1] not in named else line for line in lines)


@dataclass(frozen=True)
class _Module:
    source: str
    statements: tuple[ast.AST, ...]

    @staticmethod
    def parse(source: bytes) -> _Module:
        """The statements without the expressions in them, which are most of a tree and neither import nor document."""
        found: list[ast.AST] = [ast.parse(source)]
        for node in found:
            for block in _BLOCKS:
                found += getattr(node, block, ())
        return _Module(source.decode(), tuple(found))


def _needed(entry: str) -> dict[str, _Module]:
    """The modules of mysqlops that the entry point imports, directly or indirectly."""
    open_ends, found = [entry], dict[str, _Module]()
    while open_ends:
        module = open_ends.pop()
        path = _path(module)
        if path is None or path in found:
            continue
        found[path] = _Module.parse((_ROOT / path).read_bytes())
        open_ends += [*_imports(found[path]), module.rpartition(".")[0]]
    return found


def _bare(module: _Module) -> bytes:
    """Without docstrings and comments. Each line keeps its number."""
    lines = _STRING_OR_COMMENT.sub(lambda one: "" if one["comment"] else one[0], module.source).splitlines()
    for node in module.statements:
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if ast.get_docstring(node, clean=False) is not None and first is not None and first.end_lineno:
                lines[first.lineno - 1] = lines[first.lineno - 1].encode()[: first.col_offset].decode() + '""'
                lines[first.lineno : first.end_lineno] = [""] * (first.end_lineno - first.lineno)
    return _untyped(("\n".join(lines) + "\n").encode())


def _untyped(source: bytes) -> bytes:
    """Without annotations of functions and in them: nothing reads them when the program runs. Those of fields make
    dataclasses."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    cuts = list[tuple[int, int]]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg) and node.annotation is not None:
            end = _end(node.annotation, starts)
            cuts.append((starts[node.lineno - 1] + node.col_offset + len(node.arg.encode()), end))
        elif isinstance(node, ast.FunctionDef):
            if node.returns is not None:
                begin = starts[node.returns.lineno - 1] + node.returns.col_offset
                cuts.append((source.rindex(b" ->", 0, begin), _end(node.returns, starts)))
            inside = [child for child in ast.walk(node) if isinstance(child, ast.AnnAssign) and child.value is not None]
            cuts += [(_end(field.target, starts), _end(field.annotation, starts)) for field in inside]
    for begin, end in sorted(set(cuts), reverse=True):
        if b"\n" not in source[begin:end]:
            source = source[:begin] + source[end:]
    return _without_types(source) if _NOT_EVALUATED in source else source


def _without_types(source: bytes) -> bytes:
    """Without imports of names that are left in annotations only: where those are not evaluated, nothing reads them."""
    tree, lines = ast.parse(source), source.split(b"\n")
    noted = [node.annotation for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
    annotations = {id(node) for annotation in noted for node in ast.walk(annotation)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in annotations}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in _TYPES and node.lineno == node.end_lineno:
            kept = ", ".join(name.name for name in node.names if name.name in used)
            lines[node.lineno - 1] = f"from {node.module} import {kept}".encode() if kept else b""
    return b"\n".join(lines)


def _end(node: ast.expr, starts: list[int]) -> int:
    return starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)


def _path(module: str) -> str | None:
    """The file of one of our modules, None for anything else: a name in a module, another library."""
    for path in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
        if module.startswith("mysqlops") and (_ROOT / path).is_file():
            return path
    return None


def _imports(module: _Module) -> Iterable[str]:
    for node in module.statements:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


if __name__ == "__main__":
    sys.stdout.buffer.write(build().content)
