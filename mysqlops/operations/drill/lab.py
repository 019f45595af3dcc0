"""The lab's machine, for faults that act on a node: processes by id, packets, whole nodes.

Every fault's undoing is a list of shell lines. They are also given to a process of its own on this machine, which runs
them at the deadline, whatever became of the command: it looks for a token file first, and a fault that was healed in
time has removed it.
"""

from __future__ import annotations

import json
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


@dataclass(frozen=True)
class Lab:
    """The lab that the client talks to."""

    name: str
    control_plane: str

    def node(self, verb: str, node: str) -> str:
        """The shell line that stops, starts, freezes, thaws a node."""
        return f"{_LAB} --name {self.name} node {verb} {node}"

    def inside(self, node: str, line: str) -> str:
        """The shell line that runs another one on a node."""
        return f"docker exec {node} {line}"

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
            return Lab(node["Config"]["Labels"][_LABEL], node["Name"].lstrip("/"))
    return None


def run(lines: Sequence[str]) -> None:
    """Run shell lines one after another; raises StepFailed with the words of the first that fails."""
    for line in lines:
        _output("sh", "-c", line)


def output(line: str) -> str:
    """What a shell line prints; raises StepFailed."""
    return _output("sh", "-c", line)


def try_to(lines: Sequence[str]) -> None:
    """The same, but each is tried whatever became of the one before: what is undone already cannot be undone again."""
    for line in lines:
        subprocess.run(["sh", "-c", line], capture_output=True, timeout=_CALL_SECONDS, check=False)


def plant(lines: Sequence[str], seconds: float, token: str) -> None:
    """Let a process that outlives this one run the lines after so many seconds, unless `pull` is called before."""
    file = _token(token)
    file.touch()
    script = f"sleep {seconds:.0f}; [ -e {file} ] || exit 0; rm -f {file}; {'; '.join(lines)}"
    # The shell that is waited for leaves another one behind, in a session of its own: no signal of ours reaches it.
    left = ["sh", "-c", '(sh -c "$0") </dev/null >/dev/null 2>&1 &', script]
    subprocess.run(left, start_new_session=True, timeout=_CALL_SECONDS, check=True)


def pull(token: str) -> None:
    """The planted undoing is not needed any more."""
    _token(token).unlink(missing_ok=True)


def is_planted(token: str) -> bool:
    return _token(token).exists()


def _token(token: str) -> Path:
    return Path(tempfile.gettempdir()) / f"mysqlops-drill-{token}"


def _output(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_CALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.StepFailed(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise errors.StepFailed(f"{' '.join(words)[:160]}: {done.stderr.strip()[-300:]}")
    return done.stdout
