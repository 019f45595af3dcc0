"""The image of Containerfile, by its own steps: only the base is another, since no registry is reachable.

The base holds Debian's Python with venv and pip. The machine's certificates are added, and where pip looks for
packages, as a company puts them into its base image.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from labkit import cache, images, recipes
from labkit.shell import run, tell

TAG = "lab/mysqlops:1"
_SOURCES = cache.SOURCES.parents[1]
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_BASE = f"""FROM {{base}}
COPY ca-certificates.crt {_CERTIFICATES}
COPY pip.conf /etc/pip.conf
"""


def build() -> str:
    """The image's tag; Docker keeps the steps whose input has not changed."""
    base = _base(images.ensure_in_docker(recipes.PYTHON_SLIM))
    tell(f"building {TAG} by Containerfile")
    file = _SOURCES / "Containerfile"
    words = ("docker", "build", "--quiet", "--network", "host", "--build-arg", f"BASE={base}", "--tag", TAG)
    run(*words, "--file", file, _SOURCES)
    return TAG


def _base(tag: str) -> str:
    """The recipe's image, with what this machine trusts."""
    named = tag.replace("python-slim", "python-slim-here")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Containerfile").write_text(_BASE.format(base=tag))
        (folder / "ca-certificates.crt").write_bytes(Path(_CERTIFICATES).read_bytes())
        (folder / "pip.conf").write_text(_pip_conf())
        run("docker", "build", "--quiet", "--tag", named, "--file", folder / "Containerfile", folder)
    return named


def _pip_conf() -> str:
    index = os.environ.get("PIP_INDEX_URL")
    return f"[global]\ncert = {_CERTIFICATES}\n" + (f"index-url = {index}\n" if index else "")
