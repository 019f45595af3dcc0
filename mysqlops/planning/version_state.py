"""Whether the vendor still fixes what the members run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mysqlops.core import series, version
from mysqlops.planning.status import NOTE, Condition, Member

CODE = "version-ended"


def conditions(cluster: str, members: Sequence[Member], now: datetime) -> list[Condition]:
    """A note about each such version: it is no reason to call the cluster degraded, nor to refuse a verb."""
    found = []
    for running in sorted({known for member in members if (known := version.find(member.version or ""))}):
        if why := series.unsupported_because(running) or series.ended_because(running, f"{now:%Y-%m-%d}"):
            hint = f"mysqlops upgrade {cluster} --image mysql:{series.successor(running)} --dry-run"
            found.append(Condition(CODE, why, hint, NOTE))
    return found
