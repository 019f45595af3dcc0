"""How a fault reaches a node: from the lab's machine (lab.py), or by a privileged pod on the node (node_pods.py).

Commands are made here, from checked values: the values for healing are read from the cluster, where others can write.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Sequence
from typing import Protocol

from mysqlops import errors

Command = tuple[str, ...]  # in the form of the Nodes object that made it, and that alone can run it
_MYSQLD = "mysqld --defaults-file=/etc/mysqlops/my.cnf"
_AGENT = "agent.pyz run"
_UID = re.compile("[0-9a-f-]{36}")
_TOKEN = re.compile("[0-9a-z-]{1,40}")
# Finds a process by its command line and its pod's UID, in which the systemd cgroup driver writes `_` for `-`.
_FIND = (
    'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline 2>/dev/null | grep -q -- "$0" || continue; '
    'grep -q "$1" $p/cgroup 2>/dev/null && echo "${p#/proc/}"; done; true'
)
_IN_POD = (
    'for p in /proc/[0-9]*; do grep -q "$0" $p/cgroup 2>/dev/null && exec nsenter -t "${p#/proc/}" -n "$@"; done; '
    'echo "the pod has no process here" >&2; exit 1'
)
_APPLY = 'printf "%s\\n" "$@" | "$0-restore" --noflush --wait'


class Nodes(Protocol):
    """Programs on nodes; every method raises StepFailed."""

    @property
    def namespace(self) -> str:
        """The namespace of its pods; empty if it needs none."""

    def inside(self, node: str, *words: object) -> Command:
        """Runs a program on a node, as root among all its processes."""

    def output(self, command: Command) -> str:
        """Run it; returns its output."""

    def plant(self, commands: Sequence[Command], seconds: float, token: str) -> None:
        """Let a process that outlives this one run the commands after `seconds`, unless `pull` is called before."""

    def pull(self, token: str) -> None:
        """Cancel the planted undoing: it is no longer needed."""

    def remove(self) -> None:
        """Remove what a drill created to reach nodes, with the planted undoing."""


def run(nodes: Nodes, commands: Sequence[Command]) -> None:
    """Run the commands one after another, until one fails."""
    for command in commands:
        nodes.output(command)


def try_to(nodes: Nodes, commands: Sequence[Command]) -> None:
    """Run every command, even if an earlier one fails: undoing something twice fails."""
    for command in commands:
        with contextlib.suppress(errors.StepFailed):
            nodes.output(command)


def mysqld(nodes: Nodes, node: str, pod_uid: str) -> list[int]:
    return processes(nodes, node, _MYSQLD, _pattern(pod_uid))


def agent(nodes: Nodes, node: str, pod_uid: str) -> list[int]:
    return processes(nodes, node, _AGENT, _pattern(pod_uid))


def processes(nodes: Nodes, node: str, words: str, cgroup: str = "") -> list[int]:
    """Process ids on a node, in its own numbering; raises StepFailed if there are none."""
    found = sorted({int(word) for word in nodes.output(nodes.inside(node, "sh", "-c", _FIND, words, cgroup)).split()})
    if not found:
        raise errors.StepFailed(f"process {words!r} not found on node {node}", hint="kubectl get pods -o wide")
    return found


def send(nodes: Nodes, node: str, signal: str, pids: Sequence[int]) -> Command:
    """Sends a signal; every shell can, but not every image holds a program for it."""
    return nodes.inside(node, "sh", "-c", 'kill "$0" "$@"', signal, *map(int, pids))


def in_network_of(nodes: Nodes, node: str, pod_uid: str, *words: object) -> Command:
    """Runs a program of the node in the network of a pod, by any process that the pod has at that time."""
    return nodes.inside(node, "sh", "-c", _IN_POD, _pattern(pod_uid), *words)


def filter_in(nodes: Nodes, node: str, pod_uid: str, program: str, lines: Sequence[str]) -> Command:
    """Applies lines to the packet filters of a pod's own network, a table all at once."""
    return in_network_of(nodes, node, pod_uid, "sh", "-c", _APPLY, program, *lines)


def token_file(folder: str, token: str) -> str:
    """While this file exists, the planted undoing is still wanted."""
    if not _TOKEN.fullmatch(token):
        raise errors.StepFailed(f"{token!r} is not a drill's token")
    return f"{folder}/mysqlops-drill-{token}"


def undo_later(commands: Sequence[Sequence[str]], seconds: float, file: str) -> str:
    """The script that runs the commands after `seconds`, unless the token's file is gone by then."""
    undoing = "; ".join(map(shlex.join, commands))
    return f"sleep {seconds:.0f}; [ -e {file} ] || exit 0; rm -f {file}; {undoing}"


def _pattern(pod_uid: str) -> str:
    if not _UID.fullmatch(pod_uid):
        raise errors.StepFailed(f"{pod_uid!r} is not a pod's UID")
    return pod_uid.replace("-", "[-_]")
