"""To which cluster an object belongs: decided by its name and its instance label, never by its name alone; and which
clusters cannot exist side by side, because their objects would have the same names. Pure."""

from __future__ import annotations

import re

from mysqlops.core import names, secret_map
from mysqlops.core.typed import Json
from mysqlops.errors import Reason


def is_of_a_cluster(wanted: Json) -> bool:
    return names.LABEL_INSTANCE in (wanted["metadata"].get("labels") or {})


def stranger(wanted: Json, found: Json) -> Reason | None:
    """Why this manifest must not change an existing object; None if it may. A TLS Secret without our labels belongs to
    the user or to cert-manager: its name was chosen for this cluster."""
    cluster = (wanted["metadata"].get("labels") or {}).get(names.LABEL_INSTANCE)
    if cluster is None:
        return None
    kind, name = wanted["kind"], wanted["metadata"]["name"]
    labels = found["metadata"].get("labels") or {}
    if labels.get(names.LABEL_NAME) != names.APP_NAME:
        is_users_tls = kind == "Secret" and name == names.tls_secret(cluster) and "data" in found
        text = f"{kind} {name} exists and was not created by mysqlops; it was not touched"
        return None if is_users_tls else Reason("foreign-object", text, "choose another NAME")
    owner = labels.get(names.LABEL_INSTANCE, cluster)
    if owner == cluster:
        return None
    text = f"{kind} {name} exists and belongs to cluster {owner}, not to {cluster}; it was not touched"
    return Reason("foreign-object", text, f"one of {owner} and {cluster} needs another name")


def fixed(wanted: Json, found: Json) -> Reason | None:
    """Why a ConfigMap cannot get this content: it is immutable and holds another. It is not deleted in passing: on
    a node where a pod has it mounted, kubelet would keep the old content for every pod that mounts the new one."""
    if (
        wanted["kind"] != "ConfigMap"
        or found.get("immutable") is not True
        or all((found.get(key) or {}) == (wanted.get(key) or {}) for key in ("data", "binaryData"))
    ):
        return None
    name = wanted["metadata"]["name"]
    text = f"ConfigMap {name} is immutable, and holds something else than this mysqlops would put there"
    hint = f"kubectl delete configmap {name}, then run the same command again, and restart pods that started with it"
    return Reason("foreign-object", text, hint)


def may_hold_data_of(claim: Json, cluster: str) -> bool:
    """Whether a claim with the name of one of this cluster's is its own: a StatefulSet's controller puts our labels on
    those that it makes, another application's has others, and one made by hand may have none."""
    labels = claim["metadata"].get("labels") or {}
    return not labels or names.selector(cluster).items() <= labels.items()


def foreign_lease(found: Json, cluster: str) -> Reason | None:
    """Why a Lease that has the name of this cluster's is not; commands ask before they believe it."""
    wanted = {"kind": "Lease", "metadata": {"name": found["metadata"]["name"], "labels": names.selector(cluster)}}
    return stranger(wanted, found)


def label_of(found: Json) -> str:
    """The cluster that an object's label names, as anybody may give to theirs; empty without one."""
    return str((found["metadata"].get("labels") or {}).get(names.LABEL_INSTANCE, ""))


def cluster_of(stateful_set: Json) -> str:
    """The cluster whose members a StatefulSet makes, or for which it is set aside; empty for one that only has our
    label, as anybody may give to theirs."""
    cluster = label_of(stateful_set)
    return cluster if cluster and stateful_set["metadata"]["name"] in (cluster, names.parked(cluster)) else ""


def is_schedule(cron_job: Json) -> bool:
    """Whether a CronJob is the schedule of the cluster and of the kind that its labels name."""
    labels = cron_job["metadata"].get("labels") or {}
    cluster, kind = labels.get(names.LABEL_INSTANCE, ""), labels.get(names.LABEL_STEPS)
    return kind in names.SCHEDULES and cron_job["metadata"]["name"] == names.schedule(cluster, kind)


def taken_by(cluster: str) -> frozenset[str]:
    """The names of a cluster's objects other than its own name; tests compare them with the manifests."""
    given = (
        *(
            names.primary_service,
            names.replicas_service,
            names.credentials_secret,
            names.tls_secret,
            names.config_map,
            names.agent_config_map,
            names.jobs_policy,
        ),
        *(names.group_lease, names.operation_lease, names.adopt_job, names.restore_job, names.receiver),
    )
    return frozenset(
        {
            *(name_of(cluster) for name_of in given),
            *(secret_map.secret(cluster, purpose) for purpose in secret_map.PURPOSES),
            *(names.schedule(cluster, kind) for kind in names.SCHEDULES),
        }
    )


def collide(one: str, other: str) -> bool:
    """Whether two clusters of one namespace would need the same objects: one has the name of an object of the other, or
    of an object that is named after its content or its time."""
    shorter, longer = sorted((one, other), key=len)
    rest = longer.removeprefix(f"{shorter}-")
    if longer in (shorter, rest):
        return False
    return longer in taken_by(shorter) or _NUMBERED.fullmatch(rest) is not None


# ConfigMaps are named after their content, Jobs after their time, pods after their ordinal.
_NUMBERED = re.compile(r"(config|agent)-[0-9a-f]{12}|(backup|verify)-\d{14}(-v)?|\d")
