"""Which pods a restart still has to replace: those that existed when it began, by their UIDs. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mysqlops.core import instant

_GOES_ON_HOURS = 24  # a restart that was asked for later means every member again


def note(pods: Mapping[str, str], now: datetime, settings: Any = None) -> dict[str, Any]:
    """What a run writes down before it begins; `pods` are pod -> UID, `settings` the note of those that no write has
    proved then: this restart takes them back, and not what is set while it is stuck."""
    return {"at": instant.text(now), "pods": dict(pods), "settings": _digest(settings)}


def takes_back(noted: Any, settings: Any) -> bool:
    """Whether every server has started with my.cnf since these settings were noted, once the restart is over."""
    return isinstance(noted, dict) and noted.get("settings") == _digest(settings)


def _digest(settings: Any) -> str:
    """A short hash of the note, the same whichever run sets the values back meanwhile."""
    if isinstance(settings, dict):
        settings = {key: value for key, value in settings.items() if key != "run"}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def left(noted: Any, pods: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The pods that a killed run still has to replace; empty if its note is old or all of them were replaced: the
    command then starts from the beginning."""
    if not isinstance(noted, dict) or not isinstance(noted.get("pods"), dict):
        return {}
    try:
        age = now - datetime.fromisoformat(str(noted.get("at")))
    except (ValueError, TypeError):  # no date, or one without a time zone
        return {}
    if abs(age) > timedelta(hours=_GOES_ON_HOURS):
        return {}
    return {pod: uid for pod, uid in noted["pods"].items() if pods.get(pod) == uid}
