"""What `deploy` would do: create missing objects, undo manual changes, refuse what other verbs change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mysqlops.core import names, ownership, secret_map
from mysqlops.core.plan import Plan, Step
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import drift

Key = tuple[str, str]  # kind, name

# These run the members: a change restarts a server, so it is never made in passing.
_GUARDED = {"StatefulSet", "ConfigMap"}
# Secrets that a user may fill; and those with passwords that are stored in the data.
_USERS = (names.tls_secret(""), secret_map.secret("", secret_map.APP))
_OPENING = tuple(secret_map.secret("", purpose) for purpose in (secret_map.INTERNAL, secret_map.ROOT, secret_map.APP))


def plan(
    wanted: Sequence[Json], live: Mapping[Key, Json | None], claims: Sequence[str], knowing: Sequence[str] = ()
) -> Plan:
    """The steps from what is live to what is wanted; raises Refused.

    `live` has an entry for each wanted object, None if it does not exist; `claims` are the names of the cluster's
    existing claims, `knowing` the pods whose agents can fill a missing Secret.
    """
    reasons = [] if knowing else _lost_credentials(live, claims)
    steps: list[Step] = []
    is_running = _is_running(wanted, live)
    for manifest in wanted:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        found = live[kind, name]
        if found is None:
            steps.append(Step("apply", kind, name, "does not exist", manifest))
            continue
        if (reason := ownership.stranger(manifest, found)) is not None:
            reasons.append(reason)
            continue
        if kind == "Secret" and name.endswith(_USERS) and "data" in found:
            continue  # the user's or cert-manager's, or ours: it is filled, and nothing of it is rendered
        different = drift.differences(manifest, found)
        if different and kind in _GUARDED and is_running:
            reasons += [_belongs_to_upgrade(manifest, difference) for difference in _most_telling(different)]
        elif why := _why(manifest, different, is_running=is_running):
            steps.append(Step("apply", kind, name, why, manifest))
    if reasons:
        raise Refused(reasons)
    return Plan(tuple(steps))


def _why(manifest: Json, different: Sequence[drift.Difference], *, is_running: bool) -> str:
    """Why an existing object is applied; empty if it is not. What members are to run is applied even if it seems to be
    there: whoever may create ConfigMaps can have made it before."""
    if different:
        return str(different[0])
    return "is to hold the agent's program" if "binaryData" in manifest and not is_running else ""


def _is_running(wanted: Sequence[Json], live: Mapping[Key, Json | None]) -> bool:
    """Until the StatefulSet exists nothing runs, and everything may still be corrected (a deploy that was killed)."""
    stateful_set = next(item for item in wanted if item["kind"] == "StatefulSet")
    return live["StatefulSet", stateful_set["metadata"]["name"]] is not None


def lost_secrets(live: Mapping[Key, Json | None]) -> list[str]:
    """Secrets with passwords that do not exist. A cluster of an older release has all in one, which counts until they
    are moved."""
    secrets = {name: found for (kind, name), found in live.items() if kind == "Secret"}
    before = [found for name, found in secrets.items() if name.endswith(names.credentials_secret(""))]
    if any(map(secret_map.is_filled, before)):
        return []
    return [name for name, found in secrets.items() if name.endswith(_OPENING) and found is None]


def _lost_credentials(live: Mapping[Key, Json | None], claims: Sequence[str]) -> list[Reason]:
    """Claims without their Secret: new passwords would be generated that do not open the old data."""
    lost = ", ".join(lost_secrets(live))
    if not claims or not lost:
        return []
    return [
        Reason(
            "credentials-lost",
            f"claims {', '.join(sorted(claims))} hold a cluster's data, and its Secret {lost} is gone; "
            "new passwords would not open that data",
            "if members are running, their agents still have it: run this command again in half a minute; else restore "
            f"Secret {lost} from a copy, or choose another NAME; if a delete --purge-data was killed, run that again",
        )
    ]


def _most_telling(different: list[drift.Difference]) -> list[drift.Difference]:
    """One difference for each value: images and sizes appear once per container."""
    seen: dict[str, drift.Difference] = {}
    for difference in different:
        seen.setdefault(f"{difference.path.rsplit('.', 1)[-1]} {difference.wanted}", difference)
    return list(seen.values())


def _belongs_to_upgrade(manifest: Json, one: drift.Difference) -> Reason:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    cluster = manifest["metadata"]["labels"][names.LABEL_INSTANCE]
    text = "my.cnf differs from what these options produce" if one.path == "data.my.cnf" else str(one)
    return Reason("changed-object", f"{kind} {name}: {text}", f"mysqlops upgrade {cluster} applies it, pod by pod")
