"""The lab's machine, for faults that act on a node: processes by id, packets, whole nodes.

Every fault's undoing is a list of commands. They are also given to a process of its own on this machine, which runs
them at the deadline, whatever became of the command: it looks for a token file first, and a fault that was healed in
time has removed it. Commands are made here, of checked values: what heals is read from the cluster, where others write
too, and no shell of this machine may see it.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mysqlops import errors
from mysqlops.kube.client import Client

_LAB = Path(__file__).parents[3] / "scripts" / "lab"
_LABEL = "mysqlops-lab"
_CALL_SECONDS = 60
_MYSQLD = "mysqld --defaults-file=/etc/mysqlops/my.cnf"
_AGENT = "agent.pyz run"
API_SERVER = "[k]ube kube-apiserver"
_TOKEN = re.compile("[0-9a-z-]{1,40}")
Command = tuple[str, ...]


@dataclass(frozen=True)
class Lab:
    """The lab that the client talks to."""

    name: str
    control_plane: str
    nodes: tuple[str, ...]

    def node(self, verb: str, node: str) -> Command:
        """Stops, starts, freezes, thaws a node."""
        return (str(_LAB), "--name", self.name, "node", verb, self._checked(node))

    def inside(self, node: str, *words: object) -> Command:
        """Runs a program on a node."""
        return ("docker", "exec", self._checked(node), *map(str, words))

    def inspect(self, node: str, form: str) -> Command:
        return ("docker", "inspect", "-f", form, self._checked(node))

    def kill_all(self) -> Command:
        """All nodes at once, as a power cut does."""
        return ("docker", "kill", *self.nodes)

    def _checked(self, node: str) -> str:
        if node not in self.nodes:
            raise errors.StepFailed(f"{node!r} is no node of the lab: {', '.join(self.nodes)}")
        return node

    def mysqld(self, node: str, pod_uid: str) -> list[int]:
        return self._processes(node, _MYSQLD, pod_uid)

    def agent(self, node: str, pod_uid: str) -> list[int]:
        return self._processes(node, _AGENT, pod_uid)

    def api_server(self) -> list[int]:
        return self._processes(self.control_plane, API_SERVER, "")

    def _processes(self, node: str, words: str, pod_uid: str) -> list[int]:
        """Process ids on a node, in its own numbering, by their command line and their pod; raises StepFailed."""
        script = (
            "for p in /proc/[0-9]*; do"
            f' tr "\\0" " " <$p/cmdline 2>/dev/null | grep -q -- "{words}" || continue;'
            f' grep -q "{pod_uid}" $p/cgroup 2>/dev/null && echo "${{p#/proc/}}"; done; true'
        )
        found = sorted({int(word) for word in _output("docker", "exec", node, "bash", "-c", script).split()})
        if not found:
            raise errors.StepFailed(f"no process {words!r} on node {node}", hint="kubectl get pods -o wide")
        return found


def find(client: Client) -> Lab | None:
    """The lab of this machine, if it is the very cluster that the client talks to."""
    try:
        names = _output("docker", "ps", "-a", "--filter", f"label={_LABEL}", "--format", "{{.Names}}").split()
        found = json.loads(_output("docker", "inspect", *names)) if names else []
    except (errors.StepFailed, ValueError):
        return None
    for node in found:
        addresses = [one["IPAddress"] for one in node["NetworkSettings"]["Networks"].values() if one["IPAddress"]]
        if any(f"://{address}:" in client.server for address in addresses):
            name = node["Config"]["Labels"][_LABEL]
            own = [one["Name"].lstrip("/") for one in found if one["Config"]["Labels"][_LABEL] == name]
            return Lab(name, node["Name"].lstrip("/"), tuple(sorted(own)))
    return None


def run(commands: Sequence[Command]) -> None:
    """Run them one after another; raises StepFailed with the words of the first that fails."""
    for command in commands:
        _output(*command)


def output(command: Command) -> str:
    """What it prints; raises StepFailed."""
    return _output(*command)


def try_to(commands: Sequence[Command]) -> None:
    """The same, but each is tried whatever became of the one before: what is undone already cannot be undone again."""
    for command in commands:
        with contextlib.suppress(errors.StepFailed):
            _output(*command)


def plant(commands: Sequence[Command], seconds: float, token: str) -> None:
    """Let a process that outlives this one run them after so many seconds, unless `pull` is called before."""
    file = _token(token)
    file.touch()
    undoing = "; ".join(map(shlex.join, commands))
    script = f"sleep {seconds:.0f}; [ -e {file} ] || exit 0; rm -f {file}; {undoing}"
    # The shell that is waited for leaves another one behind, in a session of its own: no signal of ours reaches it.
    left = ["sh", "-c", '(sh -c "$0") </dev/null >/dev/null 2>&1 &', script]
    subprocess.run(left, start_new_session=True, timeout=_CALL_SECONDS, check=True)


def pull(token: str) -> None:
    """The planted undoing is not needed any more."""
    _token(token).unlink(missing_ok=True)


def is_planted(token: str) -> bool:
    return _token(token).exists()


def _token(token: str) -> Path:
    if not _TOKEN.fullmatch(token):
        raise errors.StepFailed(f"{token!r} is no token of a drill")
    return Path(tempfile.gettempdir()) / f"mysqlops-drill-{token}"


def _output(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_CALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.StepFailed(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise errors.StepFailed(f"{' '.join(words)[:160]}: {done.stderr.strip()[-300:]}")
    return done.stdout
