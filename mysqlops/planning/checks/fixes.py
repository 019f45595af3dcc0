"""Which findings `doctor --fix` repairs: objects of the cluster's own that are missing or were changed, and that can be
made again without stopping, moving or granting a user anything. Everything else is somebody's decision. Pure."""

from __future__ import annotations

from collections.abc import Collection

from mysqlops.core.plan import Step
from mysqlops.planning.checks import placement
from mysqlops.planning.checks.model import BUDGET, ROLE, Facts

# Not ConfigMaps and Secrets: their content may be gone with them. `deploy` knows what to do then.
_MADE_AGAIN = ("Service", "ServiceAccount", "RoleBinding", ROLE)
CHECKS = ("objects", "disruption-budget", "rights")


def steps(facts: Facts, checks: Collection[str]) -> list[Step]:
    """What would be applied for these checks, as this release makes it."""
    found: dict[tuple[str, str], str] = {}
    if "objects" in checks:
        for kind, name in (missing.split(" ", 1) for missing in facts.seen.missing):
            if kind in _MADE_AGAIN:
                found[kind, name] = "it does not exist, and members need it to start"
    if "rights" in checks and ROLE not in facts.unread and (wrong := placement.agents_rights(facts)):
        found[ROLE, facts.name] = wrong[0][1]
    if "disruption-budget" in checks and BUDGET not in facts.unread and (wrong := placement.budget(facts)):
        found[BUDGET, facts.name] = wrong[0][1]
    return [Step("apply", kind, name, why) for (kind, name), why in found.items()]
