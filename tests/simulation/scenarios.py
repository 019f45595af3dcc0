"""Mixtures of faults and verbs; each looks where a kind of trouble is near. `all` has everything."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.simulation.faults import Event

# kind -> weight
KINDS: dict[str, int] = {
    "kill-agent": 4,
    "stop-agent": 3,
    "trap-agent": 5,
    "kill-mysqld": 4,
    "stop-mysqld": 2,
    "lose-node": 3,
    "freeze-node": 2,
    "power-cut": 2,
    "cut-agent-off": 2,
    "api-away": 2,
    "stale-cache": 2,
    "partition": 4,
    "hold-applier": 2,
    "skew-clock": 1,
    "fill-volume": 1,
    "delete-pod": 3,
    "drain": 2,
}


_STRIKES = ("kill", "kill-during", "stop", "lose")
_TARGETS = {
    "trap-agent": ("", "START", "SET", "STOP", "PUT Lease"),
    "trap-cli": ("", "DELETE", "PATCH Lease", "EXEC", "PATCH", "APPLY"),
    "trap-exec": ("", "PATCH", "ALTER", "PATCH Secret mysql-internal"),
}


def draw(
    random: random.Random, kinds: dict[str, int], verbs: dict[str, int], count: int, between: tuple[float, float]
) -> list[Event]:
    """A list of events, in the order of their times."""
    chosen = {kind: weight for kind, weight in kinds.items() if random.random() < 0.5} or kinds
    choices = [*chosen, *(["verb"] if verbs else [])]
    weights = [*chosen.values(), *([max(4, sum(chosen.values()) // 2)] if verbs else [])]
    events = []
    for _ in range(count):
        kind = random.choices(choices, weights)[0]
        text = ""
        if kind.startswith("trap"):
            text = f"{random.choice(_STRIKES)} {random.choice(_TARGETS[kind])}".rstrip()
        if kind == "verb":
            text = random.choices([*verbs], [*verbs.values()])[0]
        figure = random.choice((random.uniform(0.5, 6.0), random.uniform(4.0, 30.0)))
        events.append(Event(round(random.uniform(*between), 1), kind, random.randrange(3), round(figure, 1), text))
    return sorted(events, key=lambda event: event.at)


@dataclass(frozen=True)
class Phase:
    """One part of a story: so many of these between two times. A key is `kind:text@whom`, the text being a trap's or a
    verb's name; `focus` is one member in the whole world, `others` are the rest, and without either it is anybody."""

    since: float
    until: float
    kinds: Mapping[str, int]
    events: tuple[int, int] = (1, 1)
    figures: tuple[float, float] = (4.0, 30.0)

    def draw(self, chance: random.Random, focus: int) -> list[Event]:
        return [self._event(chance, focus) for _ in range(chance.randint(*self.events))]

    def _event(self, chance: random.Random, focus: int) -> Event:
        key, _, whom = chance.choices([*self.kinds], [*self.kinds.values()])[0].partition("@")
        kind, _, text = key.partition(":")
        others = [one for one in range(3) if one != focus]
        who = focus if whom == "focus" else chance.choice(others if whom == "others" else range(3))
        at, figure = chance.uniform(self.since, self.until), chance.uniform(*self.figures)
        return Event(round(at, 1), kind, who, round(figure, 1), text)


@dataclass(frozen=True)
class Scenario:
    """Faults and verbs by weight, how many events, and until when they come; or phases, one after the other."""

    name: str
    kinds: Mapping[str, int]
    verbs: Mapping[str, int] = field(default_factory=dict)
    events: tuple[int, int] = (4, 14)
    until: float = 140.0
    since: float = 20.0
    phases: tuple[Phase, ...] = ()
    has_passwords: bool = False
    has_repository: bool = False

    def weights(self) -> dict[str, int]:
        """Of its verbs."""
        found = dict(self.verbs)
        for phase in self.phases:
            for key, weight in phase.kinds.items():
                if key.startswith("verb:"):
                    verb = key.partition(":")[2].partition("@")[0]
                    found[verb] = found.get(verb, 0) + weight
        return found

    def draw(self, seed: int) -> list[Event]:
        chance = random.Random(f"{self.name}/{seed}")  # noqa: S311 (a seed is one world)
        if self.phases:
            focus = chance.randrange(3)
            found = [event for phase in self.phases for event in phase.draw(chance, focus)]
            return sorted(found, key=lambda event: event.at)
        count = chance.randint(*self.events)
        between = (self.since, self.until - 20.0)
        return draw(chance, dict(self.kinds), dict(self.verbs), count, between)


_KINDS = KINDS
_USER = {"delete-claim": 2, "delete-lease": 1, "replicas": 2}
_OUTAGES = {
    "power-cut": 4,
    "lose-node": 4,
    "kill-mysqld": 3,
    "kill-agent": 2,
    "cut-agent-off": 2,
    "delete-pod": 1,
    "drain": 4,
}
_VERBS = {
    "scale": 2,
    "scale-and-delete": 1,
    "recover": 2,
    "rebuild": 3,
    "rebuild-with-loss": 1,
    "fence": 1,
    "unfence": 1,
    "switchover": 3,
    "stop": 1,
    "start": 1,
    "restart": 2,
    "upgrade": 2,
    "upgrade-to-bad": 2,
    "resume": 1,
    "roll-back": 1,
    "resize-by-rebuild": 1,
    "delete-and-deploy": 1,
    "deploy": 1,
    "config-set": 1,
    "config-set-static": 1,
    "config-shut-out": 1,
    "config-revert": 1,
    "rotate-certificate": 1,
    "new-ca": 1,
    "drop-old-ca": 1,
    "expose": 1,
    "unexpose": 1,
    "resize": 1,
    "schedule": 1,
    "apply": 1,
    "restore-member": 1,
}
_STRIKES_USERS = {
    "trap-cli": 9,
    "kill-agent": 2,
    "kill-mysqld": 3,
    "cut-agent-off": 2,
    "api-away": 1,
    "lose-node": 1,
    "partition": 1,
}
_SETTINGS = {
    "config-set": 4,
    "config-set-static": 2,
    "config-shut-out": 3,
    "config-shut-out-static": 2,
    "config-revert": 2,
    "config-settle": 1,
    "resize": 2,
    "restart": 1,
    "switchover": 1,
}
_CERTIFICATES = {
    "rotate-certificate": 3,
    "new-ca": 3,
    "drop-old-ca": 3,
    "expose": 4,
    "unexpose": 2,
    "restart": 1,
    "rebuild": 1,
}
_PASSWORDS = {
    **{"trap-cli": 6, "trap-exec": 9, "trap-agent": 2, "kill-mysqld": 3, "kill-agent": 2, "stop-agent": 2},
    **{"lose-node": 2, "freeze-node": 3, "partition": 1, "cut-agent-off": 1, "delete-pod": 1, "power-cut": 1},
}
_ROTATIONS = {"rotate-users": 7, "finish-users": 6, "restart": 2, "switchover": 2, "rebuild": 1, "scale": 1}
_FILE = {
    "apply": 6,
    "config-set": 1,
    "config-shut-out": 1,
    "schedule": 2,
    "unschedule": 1,
    "scale": 1,
    "resize": 1,
    "upgrade": 1,
    "stop": 1,
    "start": 1,
}
_FALLS_ALONE = {"drain@others": 6, "kill-mysqld@others": 1, "lose-node@others": 1, "verb:switchover": 1}
_DIES_FORMING = {
    "trap-agent:kill-during START": 4,
    "trap-agent:kill START": 1,
    "trap-agent:kill SET": 2,
    "kill-agent": 1,
}
_PARTED = {"freeze-node": 4, "partition": 4, "stop-mysqld": 2, "kill-mysqld": 1, "kill-agent": 1}
# Agents that die while they form the group, and members that are parted from it later.
_FORMING = (
    Phase(3.0, 8.0, _DIES_FORMING, (1, 3)),
    Phase(25.0, 60.0, _PARTED, (2, 4)),
    Phase(55.0, 65.0, {**_DIES_FORMING, "power-cut": 3}, (0, 3)),
    Phase(65.0, 115.0, _PARTED, (1, 4)),
)
_DIES_CATCHING_UP = {
    "trap-agent:kill CHANGE": 2,
    "trap-agent:kill START REPLICA": 3,
    "trap-agent:kill-during STOP REPLICA": 2,
    "trap-agent:kill RESET": 2,
    "trap-agent:stop RESET": 1,
    "kill-agent": 1,
}
# Members that come back under writes, and whoever is involved in that dies.
_COMES_BACK = (
    Phase(15.0, 30.0, {"kill-mysqld": 3, "lose-node": 2, "drain": 2, "freeze-node": 1}, (1, 2)),
    Phase(20.0, 55.0, {**_DIES_CATCHING_UP, "hold-applier": 2, "api-away": 1}, (2, 4)),
    Phase(35.0, 75.0, {"power-cut": 3, "kill-mysqld": 3, "partition": 2, "drain": 1, "fill-volume": 1}, (1, 3)),
    Phase(60.0, 110.0, {**_DIES_CATCHING_UP, "lose-node": 3, "kill-mysqld": 3}, (1, 4)),
)
# A run that is killed between its note and the deletion; later the member leads, perhaps alone; then the same again.
_REBUILD_KILLED = (
    Phase(15.0, 17.0, {"trap-cli:kill DELETE": 4, "trap-cli:stop DELETE": 1, "trap-cli:kill": 1}),
    Phase(17.0, 24.0, {"verb:rebuild@focus": 1}),
    Phase(42.0, 75.0, _FALLS_ALONE, (2, 4)),
    Phase(70.0, 115.0, {"verb:rebuild@focus": 4, "verb:rebuild-with-loss@others": 1, "verb:recover": 1}, (1, 3)),
)
# An outage whose order is left behind, and a second one in which the member that was given up holds the newest.
_RECOVER_KILLED = (
    Phase(16.0, 19.0, {"drain@focus": 5, "verb:switchover": 1}),
    Phase(19.0, 23.0, {"power-cut@focus": 4, "lose-node@others": 1}),
    Phase(23.0, 28.0, {f"trap-cli:kill PATCH Lease mysql-{one}": 1 for one in ("group", "operation")}),
    Phase(40.0, 50.0, {"verb:recover": 1}, (1, 2)),
    Phase(110.0, 138.0, {"drain@others": 1}, (3, 4)),
    Phase(138.0, 155.0, {"power-cut@focus": 4, "lose-node@focus": 1}),
    Phase(150.0, 185.0, {"verb:recover": 1, "kill-agent": 2, "cut-agent-off": 1}, (0, 1)),
)
# A member that acknowledged alone is back, and its mysqld does not start.
_DOWN = (
    Phase(18.0, 40.0, _FALLS_ALONE, (2, 3)),
    Phase(40.0, 48.0, {"break-mysqld@focus": 4, "break-mysqld": 1}),
    Phase(48.0, 58.0, {"power-cut@focus": 3, "kill-mysqld@focus": 1, "lose-node@focus": 1}),
    Phase(
        62.0, 135.0, {"verb:recover": 3, "verb:rebuild@focus": 4, "kill-agent": 1, "verb:scale-and-delete": 1}, (3, 5)
    ),
)
_LONG_VERBS = {"verb:restart": 3, "verb:upgrade": 2, "verb:rebuild": 3, "verb:switchover": 1}
# A command that is stopped for longer than its lock lasts, and others that begin meanwhile.
_LOCK = (
    Phase(15.0, 18.0, {"trap-cli:stop": 3, "trap-cli:stop DELETE": 2, "trap-cli:lose": 1}, (1, 2)),
    Phase(18.0, 24.0, _LONG_VERBS),
    Phase(36.0, 55.0, _LONG_VERBS, (1, 3)),
    Phase(55.0, 60.0, {"trap-cli:stop": 3, "stop-agent": 1, "kill-agent": 1, "unlock": 2}),
    Phase(58.0, 90.0, _LONG_VERBS, (1, 3)),
)
# A backup on its way onto a member's claim, by a run that is killed; then the others fall, and somebody goes on.
_RESTORE_KILLED = (
    Phase(
        36.0,
        38.0,
        {"trap-cli:kill DELETE": 2, "trap-cli:kill CREATE Job": 2, "trap-cli:kill PATCH Lease mysql-group": 2},
    ),
    Phase(38.0, 44.0, {"verb:restore-member@focus": 1}),
    Phase(55.0, 85.0, {**_FALLS_ALONE, "power-cut@focus": 2}, (1, 3)),
    Phase(75.0, 115.0, {"verb:restore-member@focus": 3, "verb:rebuild@focus": 2, "verb:recover": 1}, (1, 3)),
)
_STOPS_LATE = {f"trap-exec:stop {one}".rstrip(): 1 for one in ("", "ALTER", "PATCH Secret")}
# A program of a rotation that is paused until its command was given up and run again, and the next rotation is open.
_ROTATED_LATE = (
    Phase(18.0, 22.0, {"verb:rotate-users": 1}),
    Phase(30.0, 34.0, {"verb:restart": 3, "verb:finish-users": 1}),
    Phase(80.0, 86.0, _STOPS_LATE, figures=(70.0, 130.0)),
    Phase(86.0, 90.0, {"verb:finish-users": 4, "verb:rotate-users": 1}),
    Phase(150.0, 158.0, {"verb:finish-users": 4, "verb:rotate-users": 1}),
    Phase(160.0, 200.0, {"verb:rotate-users": 5, "verb:finish-users": 1, "verb:switchover": 1}, (1, 4)),
)
# The Lease of the group as it was up to a minute and a half ago, after whatever has happened since.
_OLD_LEASE = (
    Phase(12.0, 50.0, {"old-lease": 1}, (1, 2), figures=(5.0, 90.0)),
    Phase(
        15.0,
        80.0,
        {
            **{
                "power-cut": 3,
                "drain": 3,
                "kill-mysqld": 3,
                "lose-node": 3,
                "partition": 1,
                "kill-agent": 1,
                "delete-lease": 1,
            },
            **{f"verb:{one}": 1 for one in ("rebuild", "switchover", "scale", "stop", "fence", "restart")},
            "verb:recover": 3,
        },
        (1, 4),
    ),
    Phase(
        50.0,
        130.0,
        {
            **{"kill-agent": 3, "power-cut": 2, "drain": 2, "kill-mysqld": 2, "cut-agent-off": 2, "stop-agent": 1},
            **{f"verb:{one}": 1 for one in ("rebuild", "scale", "start", "unfence", "switchover")},
            "verb:recover": 2,
        },
        (1, 4),
    ),
)
# One member acknowledges alone and falls; the others go on without it, and then the Lease is as it was before.
_OLD_ORDER = (
    Phase(15.0, 24.0, {"drain@others": 1}, (3, 4)),
    Phase(30.0, 38.0, {"power-cut@focus": 3, "lose-node@focus": 2}),
    Phase(34.0, 60.0, {"old-lease": 1}, figures=(25.0, 80.0)),
    Phase(48.0, 70.0, {"verb:recover": 1}, (1, 2)),
    Phase(75.0, 140.0, {"kill-agent": 3, "power-cut": 3, "drain": 1, "lose-node": 1, "cut-agent-off": 1}, (1, 4)),
)
# The data of a backup, and perhaps the way back, under whatever strikes the members, the command and the Lease.
_STRIKES_RESTORE = {
    **{"trap-cli:kill": 3, "trap-cli:kill PATCH": 3, "trap-cli:kill DELETE": 2, "trap-cli:stop": 1, "trap-cli:lose": 1},
    **{"kill-agent": 2, "kill-mysqld": 2, "lose-node": 2, "power-cut": 2, "cut-agent-off": 2, "partition": 1},
    **{"trap-agent:stop PUT Lease": 2, "trap-agent:stop START": 2, "freeze-node": 2, "stop-agent": 1, "api-away": 1},
}
_IN_PLACE = (
    Phase(22.0, 34.0, {"drain": 1, "kill-mysqld": 1, "verb:switchover": 2, "old-lease": 1}, (0, 1), (10.0, 60.0)),
    Phase(33.0, 42.0, {"verb:restore-in-place": 1}),
    Phase(34.0, 75.0, _STRIKES_RESTORE, (1, 4)),
    Phase(
        75.0,
        110.0,
        {"verb:revert": 5, "verb:restore-in-place": 1, "verb:rebuild": 1, "verb:scale": 1, "verb:recover": 1},
        (1, 2),
    ),
    Phase(75.0, 160.0, {**_STRIKES_RESTORE, "drain": 2, "delete-lease": 1}, (1, 4)),
    Phase(130.0, 165.0, {"verb:revert": 1, "verb:restore-in-place": 1, "verb:recover": 1, "verb:rebuild": 1}, (0, 1)),
)
# The same beside a Lease that is set back or lost, while members leave one after another and the command is killed.
_IN_PLACE_LEASE = (
    Phase(
        14.0,
        31.0,
        {"drain@others": 4, "kill-mysqld@others": 2, "verb:switchover": 2, "lose-node@others": 1, "old-lease": 2},
        (2, 4),
        (8.0, 40.0),
    ),
    Phase(31.5, 36.0, {"verb:restore-in-place": 1}),
    Phase(
        33.0,
        36.0,
        {
            **{"trap-cli:kill PATCH Lease mysql-group": 3, "trap-cli:kill PATCH Secret": 2, "trap-cli:kill DELETE": 2},
            **{"trap-cli:kill APPLY": 1, "trap-cli:stop": 1, "old-lease": 3},
        },
        (1, 2),
        (5.0, 30.0),
    ),
    Phase(
        45.0,
        80.0,
        {
            **{"old-lease": 2, "delete-lease": 1, "kill-agent": 1, "power-cut": 2, "drain@others": 2},
            **{"verb:start": 2, "verb:deploy": 1, "verb:restore-in-place": 2, "verb:revert": 3},
        },
        (1, 4),
        (5.0, 40.0),
    ),
    Phase(
        80.0,
        130.0,
        {
            **{"verb:revert": 4, "verb:restore-in-place": 1, "verb:delete-and-deploy": 1, "old-lease": 1},
            **{"power-cut": 2, "drain@others": 2, "kill-mysqld": 2, "cut-agent-off": 1},
            **{"trap-cli:kill PATCH Lease mysql-group": 2},
        },
        (2, 4),
        (5.0, 40.0),
    ),
)
_STOPS_RESTORING = {
    f"trap-cli:{then} {call}".rstrip(): 1
    for then in ("kill", "stop", "lose")
    for call in ("", "PATCH Lease mysql-group", "PATCH Secret", "PATCH StatefulSet", "DELETE", "APPLY", "CREATE")
}
# A restore in place that is killed or stopped anywhere, with outages; then it goes on, or back, perhaps twice.
_IN_PLACE_KILLED = (
    Phase(34.0, 38.0, _STOPS_RESTORING, (1, 2)),
    Phase(36.0, 42.0, {"verb:restore-in-place": 1}),
    Phase(42.0, 90.0, {**_FALLS_ALONE, "power-cut": 2, "kill-agent": 1, **_STOPS_RESTORING}, (0, 3)),
    Phase(60.0, 120.0, {"verb:restore-in-place": 2, "verb:revert": 3}, (1, 3)),
    Phase(100.0, 170.0, {**_STOPS_RESTORING, "verb:restore-in-place": 12, "verb:revert": 12, "kill-mysqld": 4}, (0, 3)),
)
_STOPS_PURGE = {
    f"trap-cli:{then} {call}": 1
    for then in ("kill", "stop", "lose")
    for call in (
        *("DELETE StatefulSet", "DELETE Lease mysql-group", "DELETE Secret", "DELETE PersistentVolumeClaim", "DELETE"),
        *("CREATE PersistentVolumeClaim", "CREATE Job mysql-restore", "DELETE Job mysql-restore", "APPLY"),
        *("PATCH PersistentVolumeClaim", "APPLY StatefulSet", "PATCH Lease mysql-group"),
    )
}
# A cluster that is deleted with its data, and made again under its name: empty, or from a backup; by two users at once.
_PURGED = (
    Phase(30.0, 36.0, _STOPS_PURGE, (0, 2)),
    Phase(34.0, 42.0, {"verb:purge": 5, "verb:lose-everything": 1}),
    Phase(46.0, 66.0, {"verb:restore-as": 7, "verb:deploy-whole": 2, "verb:purge": 1}, (1, 2)),
    Phase(45.0, 95.0, {**_STOPS_PURGE, "power-cut": 2, "kill-agent": 2, "lose-node": 2, "api-away": 1}, (0, 3)),
    Phase(70.0, 120.0, {"verb:restore-as": 4, "verb:purge": 3, "verb:deploy-whole": 2, "verb:revert": 1}, (1, 3)),
    Phase(100.0, 170.0, {**_STOPS_PURGE, "verb:restore-as": 9, "verb:purge": 6, "verb:deploy-whole": 3}, (0, 4)),
)
_STOPS_REPOSITORY = {
    f"trap-cli:{then} {call}": 1
    for then in ("kill", "stop", "lose")
    for call in (
        *("CREATE Job restic-", "DELETE Job restic-", "CREATE Job 0-rehearsal", "CREATE ConfigMap", "DELETE Job 0-"),
        *("CREATE Job mysql-backup", "DELETE Job mysql-backup"),
        *("PATCH Lease mysql-group", "APPLY", "PATCH Secret", "CREATE Lease backup-target"),
    )
}
_REPOSITORY = {
    f"trap-cli:{then} {call}".rstrip(): 1
    for then in ("kill", "stop", "lose")
    for call in ("", "CREATE Job", "DELETE Job", "PATCH", "PATCH Lease mysql-group", "APPLY")
}
_REPOSITORY = {
    **{"verb:backup-delete": 5, "verb:backup-prune": 4, "verb:rehearse": 3, "verb:doctor-fix": 2},
    **{"verb:backup-create": 3, "verb:backup-verify": 3},
    **{"verb:restore-in-place": 2, "verb:revert": 1, "verb:restore-member": 2, "verb:switchover": 1, "verb:recover": 1},
}
_STRIKES_MEMBERS = {"kill-mysqld": 2, "kill-agent": 2, "lose-node": 2, "power-cut": 1, "drain": 1, "api-away": 1}
# Backups are removed, rehearsed and restored at once, and objects of the cluster go by hand.
_BACKUPS = (
    Phase(24.0, 34.0, {**_STOPS_REPOSITORY, "delete-object": 12}, (1, 3)),
    Phase(34.0, 60.0, _REPOSITORY, (2, 4)),
    Phase(40.0, 90.0, {**_STOPS_REPOSITORY, **_STRIKES_MEMBERS, "delete-object": 6}, (1, 4)),
    Phase(75.0, 130.0, _REPOSITORY, (2, 4)),
    Phase(
        90.0, 165.0, {**_STOPS_REPOSITORY, **_STRIKES_MEMBERS, "verb:doctor-fix": 4, "verb:backup-delete": 4}, (0, 4)
    ),
)
# Who is cut off from whom, one connection at a time: agents from the API server or from each other, users, servers.
_LINKS = {
    **{"cut-agent-off": 3, "cut-heartbeats": 5, "cut-cli": 3, "partition": 3, "api-away": 1, "stale-cache": 2},
    **{"kill-mysqld": 2, "stop-mysqld": 2, "stop-agent": 1, "lose-node": 1},
}
ALL = {
    one.name: one
    for one in (
        Scenario("base", _KINDS),
        Scenario("forming", {}, phases=_FORMING),
        Scenario("comes-back", {}, phases=_COMES_BACK),
        Scenario("user", {**_KINDS, **_USER}),
        Scenario("recover", _OUTAGES, {"recover": 5, "rebuild": 1}),
        Scenario("wipe", {**_OUTAGES, "delete-claim": 5}),
        Scenario("members", {**_OUTAGES, "trap-cli": 4}, {"rebuild": 5, "fence": 1, "unfence": 1, "switchover": 2}),
        Scenario("recover-killed", {}, until=210.0, phases=_RECOVER_KILLED),
        Scenario("rebuild-killed", {}, phases=_REBUILD_KILLED),
        Scenario("down", {}, until=160.0, phases=_DOWN),
        Scenario(
            "redeploy", {"kill-mysqld": 1, "kill-agent": 1, "partition": 1}, {"delete-and-deploy": 5, "switchover": 3}
        ),
        Scenario("scale", {**_KINDS, "trap-cli": 3}, {"scale": 4, "scale-and-delete": 3, "switchover": 2}),
        Scenario(
            "rollout",
            {**_OUTAGES, "trap-cli": 3},
            {"upgrade": 3, "upgrade-to-bad": 3, "roll-back": 2, "resume": 2, "resize-by-rebuild": 2, "restart": 1},
        ),
        Scenario("lock", {}, phases=_LOCK),
        Scenario("settings", {**_STRIKES_USERS, "replicas": 1}, _SETTINGS),
        Scenario("certificates", {**_STRIKES_USERS, "stop-agent": 4, "delete-pod": 3}, _CERTIFICATES),
        Scenario("restored", {**_OUTAGES, "trap-cli": 6}, {"restore-member": 5, "rebuild": 2, "switchover": 1}),
        Scenario("restore-killed", {}, phases=_RESTORE_KILLED),
        Scenario("file", {**_STRIKES_USERS, "replicas": 1}, _FILE),
        Scenario("passwords", _PASSWORDS, _ROTATIONS, (5, 14), 170.0, has_passwords=True),
        Scenario("rotated-late", {}, until=250.0, phases=_ROTATED_LATE, has_passwords=True),
        Scenario("old-lease", {}, until=150.0, phases=_OLD_LEASE),
        Scenario("old-order", {}, until=170.0, phases=_OLD_ORDER),
        Scenario("in-place-killed", {}, until=200.0, phases=_IN_PLACE_KILLED),
        Scenario("in-place", {}, until=190.0, phases=_IN_PLACE),
        Scenario("in-place-lease", {}, until=190.0, phases=_IN_PLACE_LEASE),
        Scenario("purged", {}, until=190.0, phases=_PURGED, has_repository=True),
        Scenario("backups", {}, until=190.0, phases=_BACKUPS, has_repository=True),
        Scenario("links", _LINKS, {"switchover": 3, "rebuild": 2, "restart": 1, "scale": 1, "recover": 1}),
        Scenario("applier", {**_OUTAGES, "break-applier": 9}, {"rebuild": 3, "switchover": 1}),
        Scenario("all", {**_KINDS, **_USER, "trap-cli": 5}, _VERBS, (4, 18), 170.0),
    )
}
