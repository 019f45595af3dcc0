"""Debian sid's packages, unpacked into a folder: no chroot, no maintainer scripts, no package manager inside.

apt itself resolves the closure, from an empty list of installed packages, so that only what is asked for and what it
depends on is fetched. The archives stay in the cache: a rebuild downloads nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from labkit import cache
from labkit.shell import LabError, pipe, run, tell

_SUITE = "sid"
_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Read by people only, and a third of a package's size.
_UNREAD = ("doc", "man", "info", "locale", "lintian", "bug", "doc-base", "bash-completion", "zsh", "fish", "gdb")


def unpack(packages: Iterable[str], without: Iterable[str], target: Path) -> None:
    """Fill `target` with the packages and their dependencies, except those named in `without`."""
    fetched = _fetch(list(packages))
    skipped = [f"{name}_" for name in without]
    excludes = [f"--exclude=./usr/share/{folder}/*" for folder in _UNREAD]
    # base-files first: it makes /bin, /lib and /sbin links, through which the others unpack.
    for archive in sorted(fetched, key=lambda file: not file.name.startswith("base-files_")):
        if not archive.name.startswith(tuple(skipped)):
            tar: list[str | Path] = ["tar", "-x", "-C", target, "--numeric-owner", *excludes]
            pipe(["dpkg-deb", "--fsys-tarfile", archive], tar)


def _fetch(packages: list[str]) -> list[Path]:
    folder = cache.root() / "apt"
    if not (folder / "updated").exists():
        _update(folder)
    try:
        return _download(folder, packages)
    except LabError:
        # Sid moves on daily: an index a day old names packages that are gone.
        _update(folder)
        return _download(folder, packages)


def _download(folder: Path, packages: list[str]) -> list[Path]:
    options = [*_options(folder), "install", "-y", "-qq", *packages]
    run("apt-get", *options, "--download-only")
    names = run("apt-get", *options, "--print-uris", "--reinstall", "-o", f"Dir::Cache::archives={folder / 'none'}")
    archives = [folder / "archives" / line.split()[1] for line in names.splitlines() if line.startswith("'")]
    if not archives or not all(file.exists() for file in archives):
        raise LabError(f"apt: not every package of {' '.join(packages)} was fetched; run this again")
    return archives


def _update(folder: Path) -> None:
    tell(f"fetching the package index of Debian {_SUITE}")
    for part in ("lists/partial", "archives/partial", "none/partial", "etc"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    signed = f"[signed-by={_KEYS}] " if Path(_KEYS).exists() else ""
    (folder / "etc" / "sources.list").write_text(f"deb {signed}{_mirror()} {_SUITE} main\n")
    run("apt-get", *_options(folder), "update", "-qq")
    (folder / "updated").touch()


def _options(folder: Path) -> list[str]:
    """An apt of our own: nothing of this machine's packages counts, and nothing of it is touched."""
    settings = {
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::State::extended_states": folder / "extended_states",
        "Dir::Cache": folder,
        "Dir::Etc::sourcelist": folder / "etc" / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Check-Valid-Until": "false",  # sid's release file may count as expired
        "Acquire::Languages": "none",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _mirror() -> str:
    """The mirror that apt uses on this machine, so that no host is named here."""
    given = os.environ.get("MYSQLOPS_LAB_DEBIAN_MIRROR")
    if given:
        return given
    if not shutil.which("apt-get"):
        raise LabError("apt-get: not found; the lab's images are built on Debian or a machine with its apt")
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages")
    codename = _codename()
    for line in listed.splitlines():
        uri, _, release = line.partition(" ")
        if release == codename:
            return uri
    raise LabError("apt names no Debian mirror here: set MYSQLOPS_LAB_DEBIAN_MIRROR to one")


def _codename() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return ""
