"""A user's shell in a world: `mysqlops …` as it is typed, from the command line to what is printed.

Only what the real program takes from outside is replaced: its connection, its clock and its output.
"""

from __future__ import annotations

import gc
import io
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mysqlops import clock
from mysqlops.cli import context, output
from mysqlops.cli.main import run
from mysqlops.core import names, secret_map
from mysqlops.core.typed import Json
from tests.docs.pages import Command
from tests.simulation.jobs import is_of_job
from tests.simulation.repository import Repository
from tests.simulation.scheduler import Process
from tests.simulation.standins import replacing, stand_ins
from tests.simulation.verbs import UserClient
from tests.simulation.world import NAME, NAMESPACE, World

_PROCESS = "cli page"
_TYPES_SECONDS = 2.0  # what a reader needs for the next line
_FORMS_SECONDS, _LONGEST_SECONDS, _WATCHED_SECONDS = 40.0, 900.0, 15.0
# What a page's reader has, besides a cluster.
_SECRETS = {
    "s3-keys": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "azure-keys": ("AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_KEY"),
    "moved": ("password", "backup-key"),
}
_CLASSES = ("fast",)
_CLAIMS = ("backups", "archive")
_BACKUP = re.compile(r"mysql-\d{8}-\d{6}")
_NAMESPACES = ("default", "shop", "staging", "tutorial", "monitoring")


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it printed. `code` is None if it was still running when the user ended it."""

    code: int | None
    out: tuple[str, ...]
    err: tuple[str, ...]
    trouble: str = ""  # of the world: the program asked for something that no model knows, or crashed


class _Screen(io.TextIOBase):
    """Keeps what the command prints; what agents print is not for the user."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.text = ""

    def write(self, text: str | bytes) -> int:
        actor = self._world.scheduler.current
        if actor is not None and actor.process.name == _PROCESS:
            self.text += text if isinstance(text, str) else text.decode()
        return len(text)

    def lines(self) -> tuple[str, ...]:
        return tuple(line.rstrip() for line in self.text.splitlines())


class Shell:
    """Runs commands one after another in one world."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world, self._folder = world, folder
        self._out, self._err = _Screen(world), _Screen(world)

    def run(self, command: Command, *, is_watched: bool = False) -> Answer:
        world, ended = self._world, list[int]()
        self._out.text = self._err.text = ""
        before = len(world.scheduler.reports)
        process = Process(world.scheduler, _PROCESS, lambda: ended.append(run([*command.words])))
        process.nap = lambda seconds: max(seconds, 1.0)
        limit = world.now() + (_WATCHED_SECONDS if is_watched else _LONGEST_SECONDS)
        while process.is_alive and world.now() < limit and len(world.scheduler.reports) == before:
            world.scheduler.run(world.now() + 1.0, lambda: len(world.scheduler.reports) > before)
        process.kill()
        world.scheduler.run(world.now() + _TYPES_SECONDS)
        if command.into:
            (self._folder / Path(command.into).name).write_text(self._out.text)
        trouble = "; ".join(f"{kind}: {text}" for kind, text, _ in world.scheduler.reports[before:])
        return Answer(ended[0] if ended else None, self._out.lines(), self._err.lines(), trouble)

    def _logs(self, pod: str, container: str, lines: int) -> str:
        found, known = self._world.object("Pod", pod), self._world.jobs
        if isinstance(known, Repository) and is_of_job(found):
            return known.printed(found, container)
        return self._world.logs(pod, container, lines)

    @contextmanager
    def open(self, *, with_cluster: bool) -> Iterator[None]:
        """The shell's time: the world has what readers bring, and a cluster that has formed if one is wanted."""
        world = self._world
        gc.disable()  # as in run.py
        with redirect_stdout(self._out), redirect_stderr(self._err), stand_ins(world, 1), self._plugged():
            random.seed(1)
            _furnish(world, with_cluster=with_cluster)
            world.scheduler.run(_FORMS_SECONDS)
            try:
                yield
            finally:
                gc.enable()
            for one in world.kubelet.pods.values():
                one.kill()
            world.scheduler.run(world.now())

    @contextmanager
    def _plugged(self) -> Iterator[None]:
        def client(access: context.Access, verb: str) -> UserClient:
            world = self._world
            made = UserClient(
                world.api, world.before_call, world.after_call, run_in=world.programs.run_in, logs=self._logs
            )
            made.namespace = access.namespace or NAMESPACE
            return made

        replaced: list[tuple[Any, str, Callable[..., Any]]] = [
            (context, "client", client),
            (clock, "SystemClock", lambda: self._world.user_clock),
            (output, "SystemClock", lambda: self._world.user_clock),
        ]
        with replacing(replaced):
            yield


def _furnish(world: World, *, with_cluster: bool) -> None:
    world.api.on_change = _filled_in(world)
    if with_cluster:
        world.make_cluster(3)
    else:
        world.make_surroundings()
    for name in _CLASSES:
        world.api.create("StorageClass", {"kind": "StorageClass", "metadata": {"name": name}, "provisioner": "csi"})
    for number, name in enumerate(world.nodes, 1):
        address = {"type": "ExternalIP", "address": f"203.0.113.{number}"}
        status = {"addresses": [address], "conditions": [{"type": "Ready", "status": "True"}]}
        world.api.create("Node", {"kind": "Node", "metadata": {"name": name}, "spec": {}, "status": status})
    for name in _NAMESPACES:
        world.api.create("Namespace", {"kind": "Namespace", "metadata": {"name": name}})
    for name, keys in _SECRETS.items():
        meta = {"name": name}
        world.api.create("Secret", {"kind": "Secret", "metadata": meta, "data": dict.fromkeys(keys, "c2VjcmV0")})
    for name in _CLAIMS:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        world.api.create("PersistentVolumeClaim", {"metadata": {"name": name}, "spec": spec})


def _filled_in(world: World) -> Callable[[str, Json, bool], None]:
    """Fills in what others do at once: the first member's init container, and the API server."""
    seen = world.api.on_change
    values = {
        secret_map.secret(NAME, secret_map.INTERNAL): {
            names.KEY_GROUP_NAME: world.new_uuid(),
            names.KEY_BACKUP_KEY: "key" * 10,
        }
    }

    def changed(event: str, thing: Json, is_news: bool) -> None:
        if seen is not None:
            seen(event, thing, is_news)
        name = thing["metadata"]["name"]
        if event == "ADDED" and thing["kind"] == "Service" and thing["spec"].get("type") == "NodePort":
            ports = [{**port, "nodePort": 30306} for port in thing["spec"]["ports"]]  # as the API server does
            world.api.merge_patch("Service", name, {"spec": {"ports": ports}})
        if event == "ADDED" and thing["kind"] == "Secret" and name in values:
            world.api.merge_patch("Secret", name, {"data": secret_map.encoded(values[name])})

    return changed


def together(commands: Sequence[Command], folder: Path) -> list[Answer]:
    """What commands that are typed one after another give. The world has a cluster, unless the first one deploys it,
    and the backups that they name."""
    world = World(1)
    named = {word for one in commands for word in one.words if _BACKUP.fullmatch(word)}
    world.jobs = Repository(world, sorted(named) or ["mysql-20260101-000000"])
    shell = Shell(world, folder)
    if any(one.words[:3] == ("backup", "target", "add") for one in commands):
        world.has_target = False
    with shell.open(with_cluster=commands[0].words[0] != "deploy"):
        return [shell.run(one, is_watched=bool({"--watch", "--follow"} & {*one.words})) for one in commands]
