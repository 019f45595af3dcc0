"""What an agent publishes about its member, as JSON in an annotation on its own pod.

The CLI's status and the other agents read it, so that neither needs SQL access to a member. The pod's UID is part of
it: an annotation on a copied or restored object is not mistaken for this pod's.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter

from mysqlops.core import gtid, names, typed

FORMAT = 1
UNKNOWN = "UNKNOWN"  # the state of a member that reports nothing


@dataclass(frozen=True)
class Publication:
    """One member as its agent saw it at `at` (UTC, ISO 8601); sets are GTID sets in the server's notation."""

    pod_uid: str
    at: str
    beat: int  # grows with each publication, so that a reader needs no common clock
    agent_version: str
    started: str = (
        ""  # when the agent started (UTC, ISO 8601, microseconds), which distinguishes its beats from earlier ones
    )
    server_uuid: str = ""
    server_version: str = ""
    state: str = UNKNOWN  # GR's member state, or DOWN when mysqld does not answer
    role: str = "none"
    writable: bool = False
    read_only: bool = False  # clients without the right to override it cannot write, even if the member is writable
    view_id: str = ""
    online: int = 0  # members that this one sees ONLINE
    group: str = ""  # the pods of all members that this one sees in its group, in any state, separated by commas
    executed: str = ""
    received: str = ""
    held: str = ""  # all that it held, applied or not, when its server last answered; it may hold more
    behind: int = 0  # transactions received and not yet applied
    clone_copied: int = 0  # bytes of a donor's data copied so far
    clone_size: int = 0  # bytes in all, 0 if nothing is being copied
    volume_size: int = 0  # bytes
    volume_used: int = 0  # bytes
    certificate: str = ""  # a hash of the CA and certificate that mysqld has loaded
    certificate_until: str = ""  # when that certificate expires (UTC, ISO 8601)
    ca_until: str = ""  # when the signing CA expires
    config: str = ""  # a hash of the my.cnf that mysqld would start with now
    secrets_trouble: str = ""  # why the member does not adopt the values that the Secrets hold now
    secrets_missing: str = ""  # which values are missing there
    knows_missing: bool = False  # the member's agent has all missing values in memory
    accounts_trouble: str = ""  # which account is wrong and could not be corrected (yet)
    tries: int = 0  # to copy, join or form since the member was last in the group
    applier_failure: str = ""  # why it cannot apply what the group wrote, without any row's values
    beat_seconds: float = 0.0  # within which the next publication follows; 0: an older agent, every five
    waiting_for: str = ""  # why the member is not ONLINE, and what the agent waits for

    def is_same_but_for_time(self, other: Publication) -> bool:
        """True if only time passed: same member, same state. GTIDs and fill levels count as time."""
        return bool(_STEADY(self) == _STEADY(other))


# What changes while a member works, and is no news.
_MOTION = (
    *("at", "beat", "beat_seconds", "executed", "received", "held", "behind"),
    *("volume_used", "view_id", "clone_copied", "tries"),
)
_STEADY = attrgetter(*(field.name for field in fields(Publication) if field.name not in _MOTION))


def config_digest(my_cnf: bytes) -> str:
    """The field `config`: the agent hashes its file, the CLI the text that it waits for."""
    return hashlib.sha256(my_cnf).hexdigest()[:12]


def dump(publication: Publication) -> str:
    return json.dumps({"format": FORMAT, **vars(publication)}, separators=(",", ":"))


@lru_cache(maxsize=16)  # readers look several times at what each of at most nine members published last
def load(text: str | None, pod_uid: str) -> Publication | None:
    """The publication of the pod with that UID, or None: absent, unreadable, of another pod or format, or with
    a field that is not of its type. A member whose sets cannot be read is unknown; it does not hold nothing."""
    if not text:
        return None
    fields = typed.json_of(text)
    if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT or fields.get("pod_uid") != pod_uid:
        return None
    found = typed.make(Publication, fields, plain=False)
    if found is None or not names.is_moment(found.at):
        return None
    return found if all(gtid.is_set(gtids) for gtids in (found.executed, found.received, found.held)) else None
