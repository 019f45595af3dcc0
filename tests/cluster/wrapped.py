"""Images that wrap the only MySQL available here, and report or do something else; built and loaded into the lab."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.cluster.conftest import KUBECONFIG
from tests.conftest import missing

_ROOT = Path(__file__).parents[2]
_WRAPPER = """FROM {image}
USER root
{programs}
USER mysql
"""
_PROGRAM = (
    "RUN mkdir -p /usr/local/sbin && printf '{script}' >/usr/local/sbin/{name} && chmod 755 /usr/local/sbin/{name}"
)
SAYS = 'if [ "$1" = --version ]; then echo "mysqld  Ver {version} for Linux"; exit; fi'
CHECKS = 'case "$*" in *--validate-config*) exec /usr/sbin/mysqld "$@";; esac'
RUNS = 'exec /usr/sbin/mysqld "$@"'


def build(
    config: pytest.Config, images: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]] | None = None
) -> dict[str, str]:
    """The tag of each image, whose `mysqld` is a shell script of these lines; `others` are more programs, of all.
    On another cluster than the lab, the test is missing something."""
    if not _is_lab():
        missing(config, "lab", "images are loaded into the lab's nodes: scripts/lab up")
    tags = {name: make(name, lines, others or {}) for name, lines in images.items()}
    load_into_the_lab(tags.values())
    return tags


def make(name: str, lines: Sequence[str], others: Mapping[str, Sequence[str]]) -> str:
    """Build one from the image that the lab runs; its tag."""
    tag = f"lab/mysql-{name}:9.7"
    programs = "\n".join(_program(one, of) for one, of in {"mysqld": lines, **others}.items())
    text = _WRAPPER.format(image=os.environ["MYSQLOPS_IMAGE"], programs=programs)
    run("docker", "build", "-q", "-t", tag, "-", stdin=text)
    return tag


def _program(name: str, lines: Sequence[str]) -> str:
    script = "\\n".join(["#!/bin/sh", *lines, ""]).replace("'", "'\\''")
    return _PROGRAM.format(name=name, script=script.replace("%", "%%"))


def imitate(version: str) -> str:
    """One that says it is of that version; its tag. Only `mysqld --version` differs."""
    return make(version, [SAYS.format(version=version), RUNS], {})


def load_into_the_lab(tags: Iterable[str]) -> None:
    """Nodes of other clusters pull."""
    if _is_lab():
        run(str(_ROOT / "scripts" / "lab"), "load", *tags)


def _is_lab() -> bool:
    return "/state/lab/" in KUBECONFIG


def run(*words: str, stdin: str = "") -> str:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
