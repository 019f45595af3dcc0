"""A rehearsed upgrade: what its Job found, and what the group's Lease keeps of the last one. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from mysqlops.core import duration, image, names, typed

ANNOTATION_LAST = f"{names.DOMAIN}/rehearsed"  # on the group's Lease: JSON, Rehearsal
ANNOTATION_OF = f"{names.DOMAIN}/rehearsal-of"  # on a rehearsal's Job: JSON, what it rehearses
LABEL = f"{names.DOMAIN}/rehearsal"  # on a rehearsal's objects and its pod: the cluster's name
_LONGEST = 600  # of a text in the annotation


def name_for(cluster: str) -> str:
    """The Job, ConfigMap and NetworkPolicy of a rehearsal; no cluster's name, nor its objects', can start like this."""
    return f"0-rehearsal-{cluster}"


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal: `ok` and `why` say what its Job found, `settings` is the digest of the my.cnf, `locked_out` says
    which accounts could not log in any more. Seconds to fetch the backup, until the new version answered, to compare.
    """

    image: str
    settings: str
    backup: str
    at: str
    locked_out: str
    ok: bool
    why: str
    version: str
    fetch_seconds: float
    start_seconds: float
    compare_seconds: float
    tables: int
    rows: int

    @property
    def is_good(self) -> bool:
        return self.ok and not self.locked_out

    def text(self) -> str:
        """As an annotation."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_of(self, wanted_image: str, settings: str) -> bool:
        """Whether it tried that image with that my.cnf."""
        return (self.image, self.settings) == (wanted_image, settings)

    def verdict(self) -> str:
        """The result in a few words."""
        if not self.is_good:
            return f"failed: {'; '.join(reason for reason in (self.why, self.locked_out) if reason)}"
        return f"ok, {self.start_seconds:.0f} s to start and upgrade the data"

    def sentence(self, now: datetime) -> str:
        return (
            f"{image.shown(self.image)} was rehearsed {_ago(self.at, now)} with backup {self.backup}: {self.verdict()}"
        )


def last(annotations: Mapping[str, str]) -> Rehearsal | None:
    """The last rehearsal, from the annotations of the group's Lease; None if there was none, or it is garbled."""
    found = typed.make(Rehearsal, typed.json_of(annotations.get(ANNOTATION_LAST)))
    return found if found is not None and names.is_moment(found.at) else None


def shortened(text: str) -> str:
    """On one line that fits an annotation."""
    return typed.visible(" ".join(text.split()))[:_LONGEST]


def _ago(at: str, now: datetime) -> str:
    passed = now - datetime.fromisoformat(at)
    if passed < timedelta(minutes=1):
        return "just now"
    unit = timedelta(days=1) if passed >= timedelta(days=2) else timedelta(hours=1)
    unit = unit if passed >= timedelta(hours=2) else timedelta(minutes=1)
    return f"{duration.text_of(passed // unit * unit.total_seconds())} ago"
