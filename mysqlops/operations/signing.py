"""The keys with which clusters of this namespace seal their backups: the only place that reads them (adr/0027)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mysqlops.core import facts, names, secret_map
from mysqlops.core.backup import BACKUP, FACTS, SIGNED, UNSIGNED, Backup, Keys
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client
from mysqlops.objects import backup as planning
from mysqlops.objects import pods
from mysqlops.operations import agents, jobs, vault
from mysqlops.operations.session import Session

ACCEPT = "--accept-unsigned"
_PROGRAM = "mysqlops/agent/jobs/sealing.py"


@dataclass(frozen=True)
class Trust:
    """The user's statement about a backup's origin."""

    accept_unsigned: bool = False
    signed_by: str | None = None  # a Secret with the key of a lost cluster


def key_of(client: Client, cluster: str) -> str:
    """A cluster's key; empty if it has none: its agents are older, or the cluster does not exist here."""
    where = vault.place(client, cluster, names.KEY_BACKUP_KEY)
    return _value(client, where.secret)


def _key_in(secrets: Mapping[str, Json], cluster: str) -> str:
    internal = secrets.get(secret_map.secret(cluster, secret_map.INTERNAL))
    is_split = secret_map.is_split(internal, secrets.get(names.credentials_secret(cluster)))
    return _decoded(secrets.get(secret_map.place(cluster, names.KEY_BACKUP_KEY, is_split=is_split).secret))


def of_job(session: Session, pod: Json, cluster: str) -> str:
    """How the backup that this Job has just made is sealed; agents of an older release seal no files."""
    if any(spec["name"] == planning.SEAL[0].name for spec in pods.specs(pod)):
        said = jobs.last_line(session, pod, planning.SEAL[0].name)
        return SIGNED if said.partition(": ")[2].startswith("sealed") else UNSIGNED
    return FACTS if key_of(session.client, cluster) else UNSIGNED


def keys(session: Session, snapshots: Iterable[Json], trusted: str | None = None) -> Keys:
    """The keys of the clusters whose backups are listed, and a key that the user keeps in a separate Secret. One call,
    however many clusters somebody has put into the repository: only those that have Secrets here have a key."""
    listed = {str(entry.get("cluster")) for _, entry in facts.of_kind(list(snapshots), BACKUP)}
    existing = session.client.list("Secret", names.OURS) if listed else []
    secrets = {secret["metadata"]["name"]: secret for secret in existing}
    kept = {str((secret["metadata"].get("labels") or {}).get(names.LABEL_INSTANCE)) for secret in existing}
    found = {cluster: key for cluster in sorted(listed & kept) if (key := _key_in(secrets, cluster))}
    return Keys(session.client.namespace, found, (_must_have(session.client, trusted),) if trusted else ())


def check(chosen: Backup, *, accepted: bool) -> None:
    """Raises Refused for a backup of unknown origin, unless the user accepts it."""
    if chosen.signed == SIGNED or accepted:
        return
    if chosen.signed == FACTS:
        text = (
            f"{chosen.id}: only its record is sealed, not its files, so anybody with the repository's password may "
            "have stored other files: an older release made it, its Job was killed before sealing it, or it is "
            "somebody's copy"
        )
        hint = f"mysqlops backup create {chosen.cluster} makes a sealed backup; if you know its origin: {ACCEPT}"
        raise Refused([Reason("unauthenticated", text, hint)])
    text = (
        f"{chosen.id}: no key available here has sealed it, so anybody with the repository's password may have made "
        "it: an older release, a cluster of another namespace or one whose Secret is lost, or somebody else"
    )
    hint = f"if you know its origin: {ACCEPT}; or --signed-by SECRET with the key {names.KEY_BACKUP_KEY} of its cluster"
    raise Refused([Reason("unauthenticated", text, hint)])


def steps(session: Session, cluster: str, agent_map: str) -> tuple[planning.Step, ...]:
    """The keys for a Job that seals its backup; none while the cluster's agents are of a release that cannot seal."""
    if not agents.lacks(session.client, agent_map, _PROGRAM):
        return planning.SEAL
    text = f"the agents of {cluster} are of an older release: a backup's files are not sealed, and restoring it takes"
    session.progress.warn(f"{text} {ACCEPT}; mysqlops upgrade {cluster} updates them")
    return ()


def _must_have(client: Client, secret: str) -> str:
    if key := _value(client, secret):
        return key
    text = f"--signed-by {secret}: no such Secret in namespace {client.namespace}, or it has no {names.KEY_BACKUP_KEY}"
    raise Refused([Reason("no-such-secret", text, "kubectl create secret generic NAME --from-file=KEY=FILE")])


def _value(client: Client, secret: str) -> str:
    return _decoded(client.find("Secret", secret))


def _decoded(found: Json | None) -> str:
    return secret_map.text(found, names.KEY_BACKUP_KEY).strip()
