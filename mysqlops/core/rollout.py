"""A rollout under way: recorded on the StatefulSet, in the same call as the new pod template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mysqlops.core import gtid, names, typed


@dataclass(frozen=True)
class Rollout:
    """What is being changed, since when (UTC, ISO 8601), and the pod template to go back to.

    `failure` is why it goes back, and `after` the template that it came from; both are empty while it goes forward, and
    `after` also in records of older releases.
    """

    why: str
    since: str
    before: dict[str, Any]
    version_before: str
    version_after: str
    failure: str = ""
    after: dict[str, Any] = field(default_factory=dict)

    def changes_version(self) -> bool:
        """Whether the server version changes: an older server cannot open data that a newer one has touched."""
        return self.version_before != self.version_after


@dataclass(frozen=True)
class Replaced:
    """What a claim held when the rollout that began at `since` replaced its member's pod, which served until then.

    A new server that never comes up cannot be asked. Anything that it acknowledges later, it acknowledges as a member
    of the group, whose majority then has it: so the group has everything if it has this. That no longer holds if the
    group continued without what a member may hold, and so under another name than `history`.
    """

    since: str
    executed: str
    history: str = ""


def goes_back(rollout: Rollout | None) -> bool:
    return rollout is not None and bool(rollout.failure)


def read_replaced(claim: Mapping[str, Any], rollout: Rollout, history: str) -> str | None:
    """The GTID set that the claim held, if this rollout recorded it and the history still has the same name."""
    found = _replaced(claim)
    is_of = found is not None and (found.since, found.history) == (rollout.since, history)
    return found.executed if found is not None and is_of else None


def was_replaced(claim: Mapping[str, Any], rollout: Rollout) -> bool:
    """Whether this rollout started its new server on the claim."""
    found = _replaced(claim)
    return found is not None and found.since == rollout.since


def _replaced(claim: Mapping[str, Any]) -> Replaced | None:
    text = (claim["metadata"].get("annotations") or {}).get(names.ANNOTATION_REPLACED)
    found = typed.make(Replaced, typed.json_of(text))
    return found if found is not None and gtid.is_set(found.executed) else None


def dump(rollout: Rollout | Replaced) -> str:
    return json.dumps(asdict(rollout), sort_keys=True, separators=(",", ":"))


def read(stateful_set: Mapping[str, Any]) -> Rollout | None:
    """The rollout that the StatefulSet's annotation records; None if it has none or it cannot be read."""
    text = (stateful_set["metadata"].get("annotations") or {}).get(names.ANNOTATION_ROLLOUT)
    found = typed.make(Rollout, typed.json_of(text), plain=False)
    is_whole = found is not None and isinstance(found.before, dict) and isinstance(found.after, dict)
    return found if is_whole else None
