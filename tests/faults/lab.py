"""Faults that need the lab's machine: its nodes, and processes inside them by process id."""

from __future__ import annotations

import subprocess
from pathlib import Path

_LAB = Path(__file__).parents[2] / "scripts" / "lab"


def node(verb: str, name: str) -> None:
    """stop|start, freeze|thaw, isolate|heal"""
    subprocess.run([_LAB, "node", verb, name], check=True, capture_output=True, timeout=120)


def processes(node_name: str, words: str, pod_uid: str = "") -> list[int]:
    """Process ids on a node (in its own numbering) whose command line holds the words and which are of the pod."""
    script = (
        "for p in /proc/[0-9]*; do"
        f' tr "\\0" " " <$p/cmdline 2>/dev/null | grep -q -- "{words}" || continue;'
        f' grep -q "{pod_uid}" $p/cgroup 2>/dev/null && echo "${{p#/proc/}}"; done'
    )
    done = subprocess.run(
        ["docker", "exec", node_name, "bash", "-c", script], capture_output=True, text=True, check=False
    )
    own = {int(word) for word in done.stdout.split()}
    return sorted(own)


def signal(node_name: str, number: str, pids: list[int]) -> None:
    assert pids, f"no such process on {node_name}"
    subprocess.run(["docker", "exec", node_name, "kill", f"-{number}", *map(str, pids)], check=True, timeout=20)
