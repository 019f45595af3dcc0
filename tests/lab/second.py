"""A second lab beside the one that tests run on, for what a lab chooses once: the addresses of its nodes."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from tests.cluster.conftest import LAB, Namespace, make_namespace


def run(name: str, *words: str) -> str:
    done = subprocess.run([LAB, "--name", name, *words], capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def lab(name: str, ip_family: str) -> Iterator[Namespace]:
    """Two nodes of it, and a namespace there; nothing is left afterwards."""
    try:
        run(name, "up", "--nodes", "2", "--ip-family", ip_family)
        yield make_namespace("shop", kubeconfig=run(name, "kubeconfig").strip())
    finally:
        run(name, "down", "--purge")
