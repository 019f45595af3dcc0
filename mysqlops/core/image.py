"""References to container images: a tag may mean another image tomorrow, a digest never does. Pure.

A reference with both, such as mysql:9.7@sha256:…, is pulled by its digest; the tag is then there for people.
"""

from __future__ import annotations

import re

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHOWN = len("sha256:") + 12


def split(image: str) -> tuple[str, str]:
    """The name with its tag, and the digest; empty if the reference has none."""
    name, _, digest = image.partition("@")
    return name, digest


def pinned(image: str, image_id: str) -> str | None:
    """The reference with the digest that a node reports for it as imageID, or None: the image was loaded into the node
    and not pulled, or the node knows the same image by another repository's name, where the digest may not exist."""
    name, digest = split(image)
    if digest:
        return image
    repository, digest = split(image_id.rpartition("://")[2])
    is_usable = _DIGEST.fullmatch(digest) is not None and _repository(repository) == _repository(name)
    return f"{name}@{digest}" if is_usable else None


def is_same(wanted: str, running: str) -> bool:
    """Whether a running image is the wanted one: a user who names a tag does not know the digest behind it."""
    return wanted == running or wanted == split(running)[0]


def shown(image: str) -> str:
    """The reference with a digest that fits a line."""
    name, digest = split(image)
    return f"{name}@{digest[:_SHOWN]}" if digest else name


def _repository(name: str) -> str:
    """Without a tag, and with what a short name of Docker Hub stands for."""
    path, _, last = name.rpartition("/")
    repository = f"{path}/{last.partition(':')[0]}" if path else last.partition(":")[0]
    host = repository.partition("/")[0]
    if "/" in repository and (any(separator in host for separator in ".:") or host == "localhost"):
        return repository.removeprefix("index.") if host == "index.docker.io" else repository
    return f"docker.io/{repository}" if "/" in repository else f"docker.io/library/{repository}"
