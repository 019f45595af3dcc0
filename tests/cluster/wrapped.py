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
RUN mkdir -p /usr/local/sbin && printf '{script}' >/usr/local/sbin/mysqld && chmod 755 /usr/local/sbin/mysqld
USER mysql
"""
SAYS = 'if [ "$1" = --version ]; then echo "mysqld  Ver {version} for Linux"; exit; fi'
CHECKS = 'case "$*" in *--validate-config*) exec /usr/sbin/mysqld "$@";; esac'
RUNS = 'exec /usr/sbin/mysqld "$@"'


def build(config: pytest.Config, images: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The tag of each image, whose `mysqld` is a shell script of these lines. On another cluster than the lab, the test
    is missing something."""
    if not _is_lab():
        missing(config, "lab", "images are loaded into the lab's nodes: scripts/lab up")
    tags = {name: make(name, lines) for name, lines in images.items()}
    load_into_the_lab(tags.values())
    return tags


def make(name: str, lines: Sequence[str]) -> str:
    """Build one from the image that the lab runs; its tag."""
    tag = f"lab/mysql-{name}:9.7"
    script = "\\n".join(["#!/bin/sh", *lines, ""]).replace("'", "'\\''")
    text = _WRAPPER.format(image=os.environ["MYSQLOPS_IMAGE"], script=script.replace("%", "%%"))
    run("docker", "build", "-q", "-t", tag, "-", stdin=text)
    return tag


def imitate(version: str) -> str:
    """One that says it is of that version; its tag. Only `mysqld --version` differs."""
    return make(version, [SAYS.format(version=version), RUNS])


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
