"""What `deploy` would do: create what lacks, restore what was changed by hand, refuse what belongs to other verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mysqlops.core import names, secret_map
from mysqlops.core.plan import Plan, Step
from mysqlops.errors import Reason, Refused
from mysqlops.planning import drift

Json = dict[str, Any]
Key = tuple[str, str]  # kind, name

# These run the members: a change restarts a server, so it is never made in passing.
_GUARDED = {"StatefulSet", "ConfigMap"}
# Secrets that a user may fill; and those without which no data can be opened: of this release, and of older ones.
_USERS = (names.tls_secret(""), secret_map.secret("", secret_map.APP))
_OPENING = (secret_map.secret("", secret_map.INTERNAL), names.credentials_secret(""))


def plan(wanted: Sequence[Json], live: Mapping[Key, Json | None], claims: Sequence[str]) -> Plan:
    """The steps from what is live to what is wanted; raises Refused.

    `live` has an entry for each wanted object, None if it does not exist; `claims` are the names of the cluster's
    existing claims.
    """
    reasons = _lost_credentials(live, claims)
    steps: list[Step] = []
    for manifest in wanted:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        found = live[kind, name]
        if found is None:
            steps.append(Step("apply", kind, name, "does not exist", manifest))
            continue
        if kind == "Secret" and name.endswith(_USERS) and "data" in found:
            continue  # the user's or cert-manager's, or ours: it is filled, and nothing of it is rendered
        reasons += _foreign(kind, name, found)
        different = drift.differences(manifest, found)
        if different and kind in _GUARDED and _is_running(wanted, live):
            reasons += [_belongs_to_upgrade(kind, name, one) for one in _most_telling(different)]
        elif different:
            steps.append(Step("apply", kind, name, str(different[0]), manifest))
    if reasons:
        raise Refused(reasons)
    return Plan(tuple(steps))


def _is_running(wanted: Sequence[Json], live: Mapping[Key, Json | None]) -> bool:
    """Until the StatefulSet exists nothing runs, and everything may still be put right (a deploy that was killed)."""
    stateful_set = next(item for item in wanted if item["kind"] == "StatefulSet")
    return live["StatefulSet", stateful_set["metadata"]["name"]] is not None


def _lost_credentials(live: Mapping[Key, Json | None], claims: Sequence[str]) -> list[Reason]:
    """Claims without their Secret: new passwords would be generated that do not open the old data."""
    opening = {name: found for (kind, name), found in live.items() if kind == "Secret" and name.endswith(_OPENING)}
    secret = next(iter(opening), "")
    if not claims or any(found is not None for found in opening.values()):
        return []
    return [
        Reason(
            "credentials-lost",
            f"claims {', '.join(sorted(claims))} hold a cluster's data, and its Secret {secret} is gone; "
            "new passwords would not open that data",
            f"restore Secret {secret}, or choose another NAME, or delete these claims if nobody needs the data",
        )
    ]


def _foreign(kind: str, name: str, found: Json) -> list[Reason]:
    labels = found["metadata"].get("labels") or {}
    if labels.get(names.LABEL_NAME) == names.APP_NAME:
        return []
    return [
        Reason(
            "foreign-object", f"{kind} {name} exists and is not of mysqlops; it was not touched", "choose another NAME"
        )
    ]


def _most_telling(different: list[drift.Difference]) -> list[drift.Difference]:
    """A changed my.cnf changes its hash in the pod template too; images and sizes appear once per container."""
    seen: dict[str, drift.Difference] = {}
    for one in different:
        if names.ANNOTATION_CONFIG in one.path:
            continue
        seen.setdefault(f"{one.path.rsplit('.', 1)[-1]} {one.wanted}", one)
    return list(seen.values()) or different[:1]


def _belongs_to_upgrade(kind: str, name: str, one: drift.Difference) -> Reason:
    text = "my.cnf is not what these options make" if one.path == "data.my.cnf" else str(one)
    return Reason("changed-object", f"{kind} {name}: {text}", "mysqlops upgrade NAME brings it in line, pod by pod")
