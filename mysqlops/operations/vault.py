"""The CLI's access to a cluster's Secrets: values by our keys, wherever core/secret_map.py places them."""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops.core import names, secret_map, timeline
from mysqlops.core.typed import Json
from mysqlops.kube.client import Client

# Of the Lease, copied to the Secret: by the members, and the timelines by the command that restores in place.
NOTES = (names.ANNOTATION_BOOTSTRAPPED, names.ANNOTATION_GROUP, *timeline.RECORDS)


def place(client: Client, cluster: str, key: str) -> secret_map.Place:
    """The present place of the value of that name."""
    return secret_map.place(cluster, key, is_split=is_split(client, cluster))


def is_split(client: Client, cluster: str) -> bool:
    """Whether each purpose has its Secret."""
    internal = client.find("Secret", secret_map.secret(cluster, secret_map.INTERNAL))
    return secret_map.is_filled(internal) or secret_map.is_split(internal, before(client, cluster))


def read(client: Client, cluster: str, key: str) -> str:
    """One value; empty if it does not exist."""
    where = place(client, cluster, key)
    return secret_map.text(client.get("Secret", where.secret), where.key)


def write(client: Client, cluster: str, key: str, value: str) -> None:
    where = place(client, cluster, key)
    client.patch("Secret", where.secret, {"data": secret_map.encoded({where.key: value})})


def notes(client: Client, cluster: str) -> dict[str, str]:
    """The copy of what the Lease notes of the group, beside the group's name."""
    found = client.find("Secret", place(client, cluster, names.KEY_GROUP_NAME).secret) or {"metadata": {}}
    annotations = found["metadata"].get("annotations") or {}
    return {key: annotations[key] for key in NOTES if key in annotations}


def note(client: Client, cluster: str, group_name: str, changed: Mapping[str, str | None]) -> None:
    """Change the copy, None deletes a note, and the group's name in one call."""
    where = place(client, cluster, names.KEY_GROUP_NAME)
    data = secret_map.encoded({where.key: group_name})
    client.patch("Secret", where.secret, {"metadata": {"annotations": dict(changed)}, "data": data})


def fitting(client: Client, manifest: Json) -> Json:
    """A Job, CronJob, Deployment or pod adapted to its cluster's present Secrets."""
    cluster = _cluster_of(manifest)
    return manifest if not cluster or is_split(client, cluster) else secret_map.as_before(manifest, cluster)


def before(client: Client, cluster: str) -> Json | None:
    """The Secret in which older releases kept everything, None if there is none."""
    return client.find("Secret", names.credentials_secret(cluster))


def _cluster_of(node: Json) -> str:
    """By the label of its pods."""
    if cluster := ((node.get("metadata") or {}).get("labels") or {}).get(names.LABEL_CLIENT):
        return str(cluster)
    inner = node.get("spec") or {}
    below = inner.get("template") or inner.get("jobTemplate")
    return _cluster_of(below) if below else ""
