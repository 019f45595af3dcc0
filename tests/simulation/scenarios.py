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
class Scenario:
    """Faults and verbs by weight, how many events, and until when they come."""

    name: str
    kinds: Mapping[str, int]
    verbs: Mapping[str, int] = field(default_factory=dict)
    events: tuple[int, int] = (4, 14)
    until: float = 140.0
    since: float = 20.0
    keeps_replicas: bool = False

    def draw(self, seed: int) -> list[Event]:
        chance = random.Random(f"{self.name}/{seed}")  # noqa: S311 (a seed is one world)
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
}
ALL = {
    one.name: one
    for one in (
        Scenario("base", _KINDS),
        Scenario(
            "forming",
            {"trap-agent": 8, "power-cut": 3, "partition": 4, "freeze-node": 3, "kill-agent": 1, "kill-mysqld": 2},
            since=3.0,
            events=(6, 14),
        ),
        Scenario("user", {**_KINDS, **_USER}),
        Scenario("recover", _OUTAGES, {"recover": 5, "rebuild": 1}),
        Scenario("recover-killed", {**_OUTAGES, "trap-cli": 6}, {"recover": 5}),
        Scenario("wipe", {**_OUTAGES, "delete-claim": 5}),
        Scenario("members", {**_OUTAGES, "trap-cli": 4}, {"rebuild": 5, "fence": 1, "unfence": 1, "switchover": 2}),
        Scenario(
            "redeploy", {"kill-mysqld": 1, "kill-agent": 1, "partition": 1}, {"delete-and-deploy": 5, "switchover": 3}
        ),
        Scenario("scale", {**_KINDS, "trap-cli": 3}, {"scale": 4, "scale-and-delete": 3, "switchover": 2}),
        Scenario(
            "rollout",
            {**_OUTAGES, "trap-cli": 3},
            {"upgrade": 3, "upgrade-to-bad": 3, "roll-back": 2, "resume": 2, "resize-by-rebuild": 2, "restart": 1},
        ),
        Scenario(
            "lock",
            {"trap-cli": 8, "stop-agent": 1},
            {"switchover": 3, "rebuild": 3, "restart": 2, "fence": 2, "unfence": 2},
            events=(8, 18),
        ),
        Scenario("all", {**_KINDS, **_USER, "trap-cli": 5}, _VERBS, (4, 18), 170.0),
    )
}
