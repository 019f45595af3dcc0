"""Passwords in a world: the accounts on each volume, as account statements of the group and local ones left them; the
Secrets; what pods, servers and applications have in memory; and what must hold between all of them at every moment.

Only the worlds of some scenarios have them (`Scenario.has_passwords`): in all others nobody asks for a password.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from mysqlops.agent import credentials
from mysqlops.core import names, ordered, secret_map
from mysqlops.mysql import account_files, accounts
from tests.simulation.group import ONLINE
from tests.unit.rotation_world import Passwords, execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.mysqld import Mysqld
    from tests.simulation.volume import Volume
    from tests.simulation.world import World

_GIVEN = re.compile(r"PASSWORD ?= ?'([^']+)'|IDENTIFIED BY '([^']+)'")


@dataclass
class OnVolume:
    """The accounts of one data directory, and how many of its transactions they include."""

    known: Passwords
    applied: int = 0

    def copy(self) -> OnVolume:
        return OnVolume({user: [*held] for user, held in self.known.items()}, self.applied)


def given(statement: str) -> str:
    """The password by which a START or CLONE lets the server log in elsewhere."""
    found = _GIVEN.search(statement)
    return next(filter(None, found.groups())) if found else ""


class Accounts:
    """All passwords of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._statements: dict[int, str] = {}  # the content of a transaction -> what it does to the accounts
        self.clients_have = ""  # the applications, until their user brings them what NAME-app holds
        self.ever: set[str] = set()  # every password that a Secret ever held
        self._told: set[str] = set()

    # --- the Secrets
    def begin(self) -> None:
        """What the first member of a cluster generates."""
        made = {key: f"First-{key}-1" for key in (*names.PASSWORD_KEYS, names.KEY_BACKUP_KEY)}
        for secret, data in secret_map.by_secret(self._world.name, {**made}, is_split=True).items():
            self._world.api.merge_patch("Secret", secret, {"data": secret_map.encoded(data)})
        self.take_to_clients()

    def values(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for purpose in (secret_map.APP, secret_map.ROOT, secret_map.INTERNAL):
            secret = self._world.find("Secret", secret_map.secret(self._world.name, purpose))
            found |= secret_map.known(purpose, secret_map.texts(secret or {}))
        self.ever |= {value for key, value in found.items() if key.endswith("password")}
        return found

    def take_to_clients(self) -> None:
        """The user gives the applications the password that NAME-app holds."""
        self.clients_have = self.values()[names.KEY_APP_PASSWORD]

    # --- data
    def initialise(self, volume: Volume, memory: dict[str, str]) -> None:
        """A new data directory, with the passwords that its pod has read."""
        known: Passwords = {"root": [""]}
        for line in account_files.init_file(memory, accounts.in_clear).splitlines():
            execute(known, line)
        volume.accounts = OnVolume(known)

    def on(self, volume: Volume) -> Passwords | None:
        """None while it holds no data."""
        found = volume.accounts
        if found is None:
            return None
        if found.applied != len(volume.executed):
            for content in [*volume.executed.content.values()][found.applied :]:
                if content in self._statements:
                    execute(found.known, self._statements[content])
            found.applied = len(volume.executed)
        return found.known

    def accepts(self, server: Mysqld, one: accounts.Account, password: str | None) -> bool:
        known = self.on(server.volume)
        return known is None or (password or "") in known.get(one.user, [])

    def content_of(self, statement: str) -> int:
        """No client's: those count from one on."""
        content = -1 - len(self._statements)
        self._statements[content] = statement
        return content

    def refuses(self, one: Mysqld, other: Mysqld) -> bool:
        """Whether members of a group could not log in at each other: each has the password of its START in memory."""
        to, back = (self.accepts(a, accounts.REPLICATION, b.login) for a, b in ((one, other), (other, one)))
        return not (to and back)

    # --- invariants
    def check(self) -> None:
        """Whoever has a password that is valid by what the user was told gets in, on every member, at every moment."""
        held = self.values()
        for group in self._world.replication.groups:
            inside = [seat.server for seat in group.seats if seat.state == ONLINE and seat.is_running()]
            for server in inside:
                if why := next(self._why_not(server, held, inside), ""):
                    self._violated(why)

    def _why_not(self, server: Mysqld, held: dict[str, str], inside: list[Mysqld]) -> Iterator[str]:
        for one in accounts.ALWAYS:
            if not self.accepts(server, one, held.get(one.key)):
                yield f"{server.pod} refuses {one.user} what the Secret holds"
        if not self.accepts(server, accounts.APP, self.clients_have):
            yield f"{server.pod} refuses the applications"
        for other in inside:
            if not self.accepts(server, accounts.REPLICATION, other.login):
                yield f"{server.pod} refuses {other.pod}, which is ONLINE in its group"

    def check_end(self) -> None:
        """No rotation is open: one password each, the one in the Secrets, on every server and in every pod."""
        self.check()
        self._check_leaks()
        held, world = self.values(), self._world
        if why := self.unfinished():
            self._violated(f"at the end {why}")
        if left := [key for key in held if key.startswith(("next-", "previous-"))]:
            self._violated(f"at the end the Secrets still hold {', '.join(left)}")
        for pod in world.kubelet.pods.values():
            known = self.on(pod.server.volume) or {}
            for one in accounts.ALWAYS:
                if pod.server.is_up and known.get(one.user) != [held[one.key]]:
                    self._violated(f"{one.user} on {pod.name} accepts something else than the Secret's at the end")

    def unfinished(self) -> str:
        """Why this is not the end: a rotation is open, or a pod has not adopted what the Secrets hold."""
        lease = self._world.find("Lease", names.group_lease(self._world.name)) or {"metadata": {}}
        if ordered.is_rotating(lease["metadata"].get("annotations") or {}):
            return "a rotation is open"
        held = credentials.of_agent(self.values())
        pods = [one for one in self._world.kubelet.pods.values() if one.phase == "running"]
        return ", ".join(one.name for one in pods if one.memory != held)

    def _check_leaks(self) -> None:
        """No password is in what anybody printed, logged, ran or wrote, but for the Secrets."""
        world = self._world
        kinds = ("Lease", "Pod", "StatefulSet", "ConfigMap", "Event", "Job", "Service", "PersistentVolumeClaim")
        objects = (json.dumps(one) for kind in kinds for one in world.objects(kind))
        for text in chain((text for _, text in world.trace), objects, (" ".join(one) for one in world.programs.ran)):
            if any(one in text for one in self.ever):
                self._violated(f"a password is in: {text[:200]}")
                return

    def _violated(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._world.say(f"VIOLATION {text}")
            self._world.scheduler.report("passwords", text)
