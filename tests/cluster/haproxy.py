"""The HAProxy of docs/how-to/haproxy.md in a namespace, and what is done to the primary behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.cluster.conftest import Namespace, eventually

_IMAGE = os.environ.get("MYSQLOPS_HAPROXY_IMAGE", "haproxy:3.2")
_MANIFEST = Path(__file__).parents[2] / "manifests" / "examples" / "haproxy.yaml"
_KILL = "prlimit --pid 1 --cpu=0:0 2>/dev/null || kill -SEGV 1"


def start(namespace: Namespace) -> str:
    """The proxy's host, once it is ready."""
    namespace.kubectl("apply", "-f", "-", stdin=_MANIFEST.read_text().replace("haproxy:3.2", _IMAGE))
    namespace.kubectl("rollout", "status", "deployment/mysql-haproxy", "--timeout=90s")
    return f"mysql-haproxy.{namespace.name}.svc"


def switch(namespace: Namespace) -> None:
    done = namespace.mysqlops("switchover", "mysql")
    assert done.code == 0, done.err


def kill(namespace: Namespace) -> None:
    old = namespace.status()["primary"]
    namespace.kubectl("exec", old, "-c", "mysqld", "--", "sh", "-c", _KILL, check=False)
    _await_another(namespace, old)


def stop_pod(namespace: Namespace) -> None:
    old = namespace.status()["primary"]
    namespace.kubectl("delete", "pod", old)
    _await_another(namespace, old)


def _await_another(namespace: Namespace, old: str) -> None:
    eventually(lambda: namespace.status()["primary"] not in (None, old), "another primary", 60)
    namespace.await_healthy()


CHANGES: Mapping[str, Callable[[Namespace], None]] = {
    "switchover": switch,
    "kill": kill,
    "pod deleted": stop_pod,
}
