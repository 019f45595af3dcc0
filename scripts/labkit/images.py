"""Build the lab's images, once per content: a folder of unpacked packages, imported by Docker as one layer."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from labkit import binaries, cache, debian, host
from labkit.recipes import Recipe
from labkit.shell import pipe, run, tell

_LABEL = "mysqlops.lab.key"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PAUSE = cache.SOURCES / "images" / "pause" / "pause.c"
_BASE_USERS = ("root:0", "nobody:65534")


def ensure_in_docker(recipe: Recipe) -> str:
    """The image in Docker, under a tag that names its content: containers of an older one can be told apart."""
    wanted = key(recipe)
    _ensure_built(recipe, wanted)
    tag = f"{recipe.tag.partition(':')[0]}:{wanted}"
    run("docker", "tag", recipe.tag, tag)
    return tag


def ensure(recipe: Recipe) -> Path:
    """The image in Docker and its archive in the cache; both carry the hash of what it is made from."""
    wanted = key(recipe)
    archive = cache.root() / "images" / f"{recipe.short}-{wanted}.tar"
    if not archive.exists():
        _ensure_built(recipe, wanted)
        archive.parent.mkdir(exist_ok=True)
        half = archive.with_suffix(".half")
        run("docker", "save", "-o", half, recipe.tag)
        half.rename(archive)
        cache.drop_others(archive, f"{recipe.short}-*")
    elif _key_in_docker(recipe.tag) != wanted:
        tell(f"loading {recipe.tag} from the cache")
        run("docker", "load", "-i", archive)
    return archive


def _ensure_built(recipe: Recipe, wanted: str) -> None:
    if _key_in_docker(recipe.tag) != wanted:
        _build(recipe, wanted)


def key(recipe: Recipe) -> str:
    """Any change of the recipe, of how it is carried out, or of a program put inside makes another image."""
    parts: list[str | Path] = [repr(recipe), Path(__file__), cache.SOURCES / "debian.py"]
    for group in (*filter(None, [recipe.binary]), *recipe.programs):
        parts.append(binaries.build(group).name)
    if recipe.scripts:
        parts.append(cache.SOURCES / recipe.scripts)
    if not recipe.packages:
        parts.append(_PAUSE)
    # A frozenset's order changes from run to run.
    parts[0] = repr(recipe).replace(repr(recipe.kept), " ".join(sorted(recipe.kept)))
    return cache.digest(*parts)


def _key_in_docker(tag: str) -> str:
    found = run("docker", "image", "inspect", tag, "--format", "{{json .Config.Labels}}", check=False).strip()
    labels = json.loads(found) if found else None
    return labels.get(_LABEL, "") if labels else ""


def _build(recipe: Recipe, wanted: str) -> None:
    host.ensure_tools(host.BUILD_PACKAGES)
    tell(f"building {recipe.tag}")
    root = cache.root() / "rootfs" / recipe.short
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    try:
        _fill(recipe, root)
        _import(recipe, root, wanted)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _fill(recipe: Recipe, root: Path) -> None:
    if recipe.binary:
        shutil.copy2(binaries.build(recipe.binary) / recipe.binary, root)
    if not recipe.packages and not recipe.binary:
        run("gcc", "-Os", "-s", "-static", "-o", root / "pause", _PAUSE)
    if recipe.packages:
        debian.unpack(recipe.packages, recipe.without, root)
        _remove(recipe, root)
        _add_certificates(root)
    for link, destination in recipe.links:
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).unlink(missing_ok=True)
        (root / link).symlink_to(destination)
    _add_programs(recipe, root)
    _add_accounts(recipe, root)
    for folder, owner in recipe.folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        os.chown(root / folder, owner, owner)
    if recipe.compiles_python and os.geteuid() == 0:
        # Pods have a read-only root: without this every start would compile the standard library again.
        run("chroot", root, "/usr/bin/python3", "-m", "compileall", "-q", "/usr/lib/python3", check=False)
        for library in (root / "usr" / "lib").glob("python3.*"):
            run("chroot", root, "/usr/bin/python3", "-m", "compileall", "-q", f"/usr/lib/{library.name}", check=False)


def _remove(recipe: Recipe, root: Path) -> None:
    for pattern in recipe.removed:
        for path in root.glob(pattern):
            if path.name in recipe.kept or str(path.relative_to(root)) in recipe.kept:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _add_programs(recipe: Recipe, root: Path) -> None:
    programs, settings = root / "usr/local/bin", root / "etc/lab"
    for group in recipe.programs:
        programs.mkdir(parents=True, exist_ok=True)
        for file in binaries.build(group).iterdir():
            if file.is_file():
                shutil.copy2(file, programs)
    if recipe.scripts:
        settings.mkdir(parents=True, exist_ok=True)
        for file in (cache.SOURCES / recipe.scripts).iterdir():
            shutil.copy2(file, programs if file.name.endswith("-entry") else settings)


def _add_certificates(root: Path) -> None:
    """What the package's own script would do; programs look for the bundle."""
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    if certificates:
        bundle = root / "etc/ssl/certs/ca-certificates.crt"
        bundle.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_text("".join(file.read_text() for file in certificates))
        openssl = root / "usr/lib/ssl"
        openssl.mkdir(parents=True, exist_ok=True)
        if not (openssl / "cert.pem").exists():
            (openssl / "cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")


def _add_accounts(recipe: Recipe, root: Path) -> None:
    users = [user.split(":") for user in (*_BASE_USERS, *recipe.users)]
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("".join(f"{name}:x:{n}:{n}::/:/bin/sh\n" for name, n in users))
    (root / "etc/group").write_text("".join(f"{name}:x:{n}:\n" for name, n in users))
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)


def _import(recipe: Recipe, root: Path, wanted: str) -> None:
    changes = [f"LABEL {_LABEL}={wanted}", f"ENV {_PATH}"]
    if recipe.entrypoint:
        changes.append(f"ENTRYPOINT {json.dumps(list(recipe.entrypoint))}")
    options = [word for change in changes for word in ("--change", change)]
    tar = ["tar", "-C", str(root), "--numeric-owner", "--sort=name", "-c", "."]
    pipe(tar, ["docker", "import", *options, "-", recipe.tag])
