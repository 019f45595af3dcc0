"""The lab's machine, for faults that act on a node: processes by id, packets, whole nodes.

Every fault is undone by a list of commands. They are also given to a separate process on this machine, which runs them
at the deadline, even if the command was killed: it checks for a token file first, and a fault that was healed in time
has removed it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mysqlops import errors
from mysqlops.drill.reach import nodes
from mysqlops.drill.reach.nodes import Command
from mysqlops.kube.client import Client

_LAB = Path(__file__).parents[3] / "scripts" / "lab"
_LABEL = "mysqlops-lab"
_CALL_SECONDS = 60
_API_SERVER = "[k]ube kube-apiserver"


@dataclass(frozen=True)
class Lab:
    """The lab to which the client is connected."""

    name: str
    control_plane: str
    nodes: tuple[str, ...]
    namespace: str = ""  # it needs no pods

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
            raise errors.StepFailed(f"{node!r} is not a node of the lab: {', '.join(self.nodes)}")
        return node

    def output(self, command: Command) -> str:
        return _output(*command)

    def plant(self, commands: Sequence[Command], seconds: float, token: str) -> None:
        file = _file(token)
        file.touch()
        script = nodes.undo_later(commands, seconds, str(file))
        # The shell that is waited for leaves another shell behind, in its own session: our signals do not reach it.
        left = ["sh", "-c", '(sh -c "$0") </dev/null >/dev/null 2>&1 &', script]
        subprocess.run(left, start_new_session=True, timeout=_CALL_SECONDS, check=True)

    def pull(self, token: str) -> None:
        _file(token).unlink(missing_ok=True)

    def remove(self) -> None:
        """Nothing to remove."""

    def second_api(self, verb: str) -> Command:
        """Starts, holds, stops, or reports the status of an API server whose lists of pods can be frozen."""
        return self.inside(self.control_plane, "second-api-entry", verb)

    def address(self, node: str) -> str:
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.output(self.inspect(node, form)).strip()

    def api_server(self) -> list[int]:
        return nodes.processes(self, self.control_plane, _API_SERVER)


def find(client: Client) -> Lab | None:
    """The lab of this machine, if it is the cluster to which the client is connected."""
    try:
        names = _output("docker", "ps", "-a", "--filter", f"label={_LABEL}", "--format", "{{.Names}}").split()
        found = json.loads(_output("docker", "inspect", *names)) if names else []
    except (errors.StepFailed, ValueError):
        return None
    for node in found:
        addresses = [
            network["IPAddress"] for network in node["NetworkSettings"]["Networks"].values() if network["IPAddress"]
        ]
        if any(f"://{address}:" in client.server for address in addresses):
            name = node["Config"]["Labels"][_LABEL]
            own = [node["Name"].lstrip("/") for node in found if node["Config"]["Labels"][_LABEL] == name]
            return Lab(name, node["Name"].lstrip("/"), tuple(sorted(own)))
    return None


def is_planted(token: str) -> bool:
    return _file(token).exists()


def _file(token: str) -> Path:
    return Path(nodes.token_file(tempfile.gettempdir(), token))


def _output(*words: str) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, encoding="utf-8", timeout=_CALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.StepFailed(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise errors.StepFailed(f"{' '.join(words)[:160]}: {done.stderr.strip()[-300:]}")
    return done.stdout
