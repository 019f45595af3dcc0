"""Move from one Secret for everything, as in older releases, to one Secret for each purpose.

Old and new agents run side by side while `upgrade` replaces pods: until the last one is new, both use everything in
NAME-credentials. Then NAME-app, NAME-root and NAME-ca are filled, and NAME-internal last, in one call with the notes:
from that call on, it counts. If the command is killed before it, the next run does the same again.
"""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import names, ordered, rotation, secret_map
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.objects import secret_users
from mysqlops.operations import bundle, followers, leases, lock, vault
from mysqlops.operations.session import Session
from mysqlops.planning import status

_TRIES = 5


def check(client: Client, cluster: str) -> None:
    """Raises Refused while a rotation is open: its passwords would be in both the old and the new Secrets."""
    before = vault.before(client, cluster)
    if before is None or vault.is_split(client, cluster):
        return
    lease = leases.find(client, cluster)
    is_noted = ordered.is_rotating(status.annotations_of(lease))
    if not is_noted and rotation.stage_of(before.get("data") or {}) == rotation.NONE:
        return
    text = f"a password rotation of {cluster} is open, and this release moves them to other Secrets"
    hint = f"mysqlops users rotate {cluster} --finish, with the release that began it"
    raise errors.Refused([Reason("rotation-open", text, hint)])


def split(session: Session, cluster: str) -> None:
    """Give each purpose its Secret, once every member runs this release; then delete NAME-credentials, except for the
    application's password while pods still use that. Does nothing if that is done. Raises Refused."""
    client = session.client
    for _ in range(_TRIES):
        before = vault.before(client, cluster)
        if before is None or not _all_new(client, cluster):
            return
        if not vault.is_split(client, cluster):
            check(client, cluster)
            if not _fill(session, cluster, before):
                continue
            session.progress.say(f"moved the passwords to Secrets of their own: applications use {cluster}-app")
        followers.refresh(session, cluster)
        try:
            _clear(session, cluster, before)
            return
        except errors.Conflict:
            continue  # an agent wrote its last note
    raise errors.Conflict(f"Secret {names.credentials_secret(cluster)} kept changing")


def split_kept(session: Session, cluster: str) -> None:
    """The same after a deploy of a cluster of an older release that was deleted and kept its data."""
    if vault.before(session.client, cluster) is not None:
        with lock.held(session, cluster, "deploy"):
            split(session, cluster)


def _all_new(client: Client, cluster: str) -> bool:
    """Whether every pod has the agent of this release: only that agent knows where to look."""
    pods = client.list("Pod", names.selector_text(cluster))
    metadata = [pod["metadata"] for pod in pods if names.is_member(pod["metadata"]["name"], cluster)]
    metadata.append(client.get("StatefulSet", cluster)["spec"]["template"]["metadata"])
    version = bundle.build().version
    return all((name.get("annotations") or {}).get(names.ANNOTATION_AGENT) == version for name in metadata)


def _fill(session: Session, cluster: str, before: Json) -> bool:
    """Copy the content of NAME-credentials to its new places, NAME-internal last; False if it changed meanwhile."""
    client = session.client
    values: dict[str, str | None] = dict(before["data"])
    tls = client.find("Secret", names.tls_secret(cluster)) or {}
    password = secret_map.text(before, names.KEY_APP_PASSWORD)
    application = secret_map.for_applications(cluster, client.namespace, password)
    more = secret_map.encoded(application)
    more |= {key: value for key, value in (tls.get("data") or {}).items() if key == "ca.crt"}
    annotations = before["metadata"].get("annotations") or {}
    for secret, data in secret_map.by_secret(cluster, values, is_split=True).items():
        change: Json = {"data": data}
        if secret == secret_map.secret(cluster, secret_map.APP):
            change["data"] = {**data, **more}
        elif secret == secret_map.secret(cluster, secret_map.INTERNAL):
            change["metadata"] = {"annotations": {key: annotations[key] for key in vault.NOTES if key in annotations}}
            now = vault.before(client, cluster)
            if now is None or now["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
                return False
        client.patch("Secret", secret, change)
    return True


def _makers(client: Client) -> list[Json]:
    """Objects whose pods may not exist now: a CronJob between two runs, a Deployment scaled to zero."""
    found: list[Json] = []
    for kind in ("Deployment", "StatefulSet", "CronJob"):
        found += client.list(kind)
    return found


def _clear(session: Session, cluster: str, before: Json) -> None:
    """Raises Conflict if the Secret has changed since it was copied."""
    name = names.credentials_secret(cluster)
    users = secret_users.of([*session.client.list("Pod"), *_makers(session.client)], name, cluster)
    if not users:
        session.client.delete_unchanged("Secret", before)
        session.progress.say(f"deleted Secret {name}")
        return
    gone = dict.fromkeys(key for key in before.get("data") or {} if key != names.KEY_APP_PASSWORD)
    if gone:
        metadata = {"resourceVersion": before["metadata"]["resourceVersion"]}
        session.client.patch("Secret", name, {"metadata": metadata, "data": gone})
    text = f"{', '.join(users)} use Secret {name}: it keeps the application's password, which `users rotate` will"
    session.progress.warn(f"{text} not change there; let them use {cluster}-app, then run mysqlops upgrade {cluster}")
