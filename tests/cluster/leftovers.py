"""Namespaces of test runs and benchmarks that were killed.

Their servers and clients go on, and load the machine of every later run: seen in CI, where a session's killed run made
all tests take twice as long. Each namespace names the process that made it; once that process is gone, the next run on
this machine deletes the namespace.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
from pathlib import Path

_HOST, _PROCESS = "tests.mysqlops.io/host", "tests.mysqlops.io/process"
_SECONDS = 240


def labels(pid: int | None = None) -> dict[str, str]:
    """Of a namespace: the machine and the process that made it, this one unless `pid` is given."""
    pid = pid or os.getpid()
    return {_HOST: socket.gethostname()[:63], _PROCESS: f"{pid}-{_started(pid)}"}


@functools.cache  # once in a process
def sweep(kubeconfig: str) -> None:
    """Delete what processes of this machine left that have ended, and wait until it is gone."""
    words = ("kubectl", f"--kubeconfig={kubeconfig}")
    mine = f"{_HOST}={socket.gethostname()[:63]}"
    found = subprocess.run(
        [*words, "get", "namespaces", "-l", mine, "-o", "json"], check=True, capture_output=True, text=True, timeout=60
    )
    names = [item["metadata"]["name"] for item in json.loads(found.stdout)["items"] if _is_left(item)]
    if names:
        ended = [*words, "delete", "namespace", "--ignore-not-found", f"--timeout={_SECONDS}s", *names]
        subprocess.run(ended, check=True, capture_output=True, text=True, timeout=_SECONDS + 60)


def _is_left(namespace: dict[str, dict[str, dict[str, str]]]) -> bool:
    pid, _, started = namespace["metadata"]["labels"].get(_PROCESS, "").partition("-")
    return not pid.isdecimal() or _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process started, in ticks since boot: its number alone is used again. Empty if it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
