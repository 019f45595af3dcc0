"""How a fault reaches a node: the lab's machine does (lab.py), or a privileged pod that runs on it (node_pods.py).

Commands are made here, of checked values: what heals is read from the cluster, where others write too.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Sequence
from typing import Protocol

from mysqlops import errors

Command = tuple[str, ...]  # in the words of whoever made it, who alone can run it
_MYSQLD = "mysqld --defaults-file=/etc/mysqlops/my.cnf"
_AGENT = "agent.pyz run"
_UID = re.compile("[0-9a-f-]{36}")
_TOKEN = re.compile("[0-9a-z-]{1,40}")
# A process by its command line and its pod, of which the systemd driver of cgroups writes `_` for `-`.
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
        """Where its pods are, or nothing."""

    def inside(self, node: str, *words: object) -> Command:
        """Runs a program on a node, as root among all its processes."""

    def output(self, command: Command) -> str:
        """Run it; what it prints."""

    def plant(self, commands: Sequence[Command], seconds: float, token: str) -> None:
        """Let something that outlives this process run them after so many seconds, unless `pull` is called before."""

    def pull(self, token: str) -> None:
        """The planted undoing is not needed any more."""

    def remove(self) -> None:
        """Whatever a drill made to get there, and what was planted with it."""


def run(nodes: Nodes, commands: Sequence[Command]) -> None:
    """One after another, until one fails."""
    for command in commands:
        nodes.output(command)


def try_to(nodes: Nodes, commands: Sequence[Command]) -> None:
    """Each, whatever became of the one before: what is undone already cannot be undone again."""
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
        raise errors.StepFailed(f"no process {words!r} on node {node}", hint="kubectl get pods -o wide")
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
    """Where it is, the planted undoing is still wanted."""
    if not _TOKEN.fullmatch(token):
        raise errors.StepFailed(f"{token!r} is no token of a drill")
    return f"{folder}/mysqlops-drill-{token}"


def undo_later(commands: Sequence[Sequence[str]], seconds: float, file: str) -> str:
    """The script that runs them after so many seconds, unless the token's file is gone by then."""
    undoing = "; ".join(map(shlex.join, commands))
    return f"sleep {seconds:.0f}; [ -e {file} ] || exit 0; rm -f {file}; {undoing}"


def _pattern(pod_uid: str) -> str:
    if not _UID.fullmatch(pod_uid):
        raise errors.StepFailed(f"{pod_uid!r} is no uid of a pod")
    return pod_uid.replace("-", "[-_]")
