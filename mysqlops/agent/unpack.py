"""Makes the modules of the agent's program importable. This is the first module in agent.pyz, which holds the others as
one compressed file; there it is called `mysqlops_agent`, and nothing else of ours exists yet.

A member's containers share a folder in memory. The first one unpacks the program there, and Python keeps the bytecode
of all that is imported beside it: a stock image has none, and compiling costs a command most of its time. A folder is
used only if it is whole (it is renamed at the end), of this version (by its name), and no other user can write to it.
Without one, as in a Job, the program stays in this process's memory.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys

LARGEST = 16 << 20  # bytes that a program may unpack to
FOLDER = "/run/bytecode"  # manifests/base/statefulset.yaml
PROGRAM, VERSION = "program.bz2", "version"  # operations/bundle.py writes both


def enter(folder: str = FOLDER) -> None:
    """Put the program first on the path of modules, before agent.pyz."""
    version = __loader__.get_data(os.path.join(__loader__.archive, VERSION)).decode()  # type: ignore[name-defined]
    place = os.path.join(folder, version)
    if _is_own(place) or _unpack(folder, place):
        sys.pycache_prefix = os.path.join(place, "bytecode")
        sys.dont_write_bytecode = False
        sys.path.insert(0, os.path.join(place, "program"))
    else:
        sys.path.insert(0, _in_memory())


def files(program: bytes) -> dict[str, bytes]:
    """What the compressed file holds; raises ValueError or OSError if it is cut off or damaged. bz2 takes a fifth less
    than zlib of what a ConfigMap may hold; only the process that unpacks imports it."""
    import bz2

    unpacking = bz2.BZ2Decompressor()
    whole = unpacking.decompress(program, LARGEST)
    if not unpacking.eof:
        raise ValueError("the program is cut off, or too large")
    return apart(whole)


def apart(whole: bytes) -> dict[str, bytes]:
    """The files of a program: a line for each with its size and path, an empty line, then all their contents. A zip
    would say each name twice, beside checksums that do not compress: five percent of what a ConfigMap may hold."""
    head, _, rest = whole.partition(b"\n\n")
    found, at = {}, 0
    for line in head.decode().split("\n"):
        size, _, path = line.partition(" ")
        found[path] = rest[at : at + int(size)]
        at += int(size)
    return found


def _files() -> dict[str, bytes]:
    return files(__loader__.get_data(os.path.join(__loader__.archive, PROGRAM)))  # type: ignore[name-defined]


def _is_own(place: str) -> bool:
    try:
        found = os.lstat(place)
    except OSError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return mine and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _unpack(folder: str, place: str) -> bool:
    """False if that is impossible: no such folder, no room, or something else in the place."""
    if not os.path.isdir(folder) or os.path.lexists(place):
        return False
    import shutil

    half = os.path.join(folder, f".{os.urandom(8).hex()}")
    try:
        os.mkdir(half, 0o700)
        for path, text in _files().items():
            target = os.path.join(half, "program", path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(text)
        with contextlib.suppress(OSError):  # another process was faster
            os.rename(half, place)
        return _is_own(place)
    except OSError:
        return False
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _in_memory() -> str:
    import zipfile

    number = os.memfd_create("agent", os.MFD_CLOEXEC)
    with open(number, "wb", closefd=False) as file, zipfile.ZipFile(file, "w") as archive:
        for path, text in _files().items():
            archive.writestr(path, text)
    return f"/proc/self/fd/{number}"
