"""Where backups go: add a target, test it, list targets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.core import names, rotation, secret_map, target
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client
from mysqlops.objects import backup as planning
from mysqlops.operations import jobs, lock, restic
from mysqlops.operations.session import Session

_STAGES = 4  # of a rotation: an earlier one may have left both passwords, then a new one is prepared and switched to


def find(client: Client, name: str | None) -> Target:
    """The target of that name; without a name the only existing target. Raises Refused."""
    existing = {known.name: known for known in everything(client)}
    if name in existing:
        return existing[name]
    hint = "mysqlops backup target add NAME --s3 URL --credentials SECRET, or --claim NAME"
    if name is not None:
        text = (
            f"--target {name}: no such target; namespace {client.namespace} has {', '.join(sorted(existing)) or 'none'}"
        )
        raise Refused([Reason("no-such-target", text, hint)])
    if len(existing) != 1:
        text = f"--target: which of {', '.join(sorted(existing))}?" if existing else "no target for backups exists"
        raise Refused([Reason("no-such-target", text, None if existing else hint)])
    return next(iter(existing.values()))


def everything(client: Client) -> list[Target]:
    """Without those whose `add` has not finished."""
    return [
        target.of_secret(secret) for secret in client.list("Secret", names.LABEL_TARGET) if target.is_usable(secret)
    ]


@dataclass(frozen=True)
class Request:
    """The options of `target add`; the Secrets' names, not their values."""

    target: Target
    credentials: str | None
    password: str | None


def add(session: Session, request: Request) -> bool:
    """Make the Secret, the repository if it does not exist, and test it; True if a repository was made.

    A second run with the same name tests the existing target. Raises Refused for another repository under the same
    name. A failed run leaves no target; only where it may have made a repository, the Secret stays for the next run,
    since it has the password, and no other command uses it.
    """
    _prepared(session.client, request)  # refused before anything is changed
    with lock.holding(session, lock.of_target(request.target), "backup target add"):
        return _add(session, request)


def _add(session: Session, request: Request) -> bool:
    client, wanted = session.client, request.target
    found, made = _prepared(client, request)
    if found is None:
        found = client.create("Secret", made)
    uid = found["metadata"]["uid"]
    try:
        printed = restic.steps(session, wanted, planning.INIT, "init").split()
    except errors.MysqlopsError as error:
        if target.is_pending(found) and (request.password is not None or str(error).startswith("init: ")):
            client.delete("Secret", wanted.secret, uid=uid)
        raise
    change = {"metadata": {"uid": uid, "annotations": {names.ANNOTATION_PENDING: None}}}
    client.patch("Secret", wanted.secret, change)
    return "made" in printed


def _prepared(client: Client, request: Request) -> tuple[Json | None, Json]:
    """The target's Secret if there is one, else what to create; raises Refused, ConfigError."""
    wanted = request.target
    if wanted.claim:
        check_claim(client, wanted.claim)
    if (found := client.find("Secret", wanted.secret)) is not None:
        if not target.is_one(found):
            text = f"Secret {wanted.secret} exists and was not created by mysqlops; it was not touched"
            raise Refused([Reason("foreign-object", text, "choose another name, or delete it if nothing uses it")])
        existing = target.of_secret(found)
        if existing.repository != wanted.repository or existing.claim != wanted.claim:
            text = f"target {wanted.name} is {existing.place}, not {wanted.place}"
            hint = f"choose another name, or kubectl delete secret {wanted.secret}"
            raise Refused([Reason("other-target", text, hint)])
        return found, {}
    credentials = _values(client, request.credentials, "--credentials") if request.credentials else {}
    target.check_credentials(credentials, request.credentials or "")
    made = target.make_secret(wanted, _password(client, request.password), credentials)
    made["metadata"]["annotations"][names.ANNOTATION_PENDING] = "true"
    return None, made


def missing(client: Client, request: Request) -> bool:
    """Whether `add` has to add it, and could; raises Refused, ConfigError, before anything is changed."""
    found, _ = _prepared(client, request)
    if found is None or target.is_pending(found):
        return True
    wanted = request.target
    if (image := target.of_secret(found).image) != wanted.image:
        text = f"target {wanted.name} runs restic of {image}, not of {wanted.image}"
        hint = f"kubectl annotate secret {wanted.secret} {names.ANNOTATION_RESTIC}={wanted.image} --overwrite"
        raise Refused([Reason("changed-option", text, hint)])
    return False


def check_claim(client: Client, claim: str) -> None:
    """Raises Refused if the namespace has no such claim."""
    if client.find("PersistentVolumeClaim", claim) is None:
        text = f"--claim {claim}: no such claim in namespace {client.namespace}"
        hint = f"create it first, or give one of: kubectl get pvc -n {client.namespace}"
        raise Refused([Reason("no-such-claim", text, hint)])


def check(session: Session, wanted: Target) -> None:
    """Write, read and delete a small snapshot; raises StorageError."""
    restic.steps(session, wanted, planning.PROBE, "read")


def unlock(session: Session, wanted: Target) -> Target:
    """Remove locks whose holders stopped renewing them (restic considers them stale after 30 minutes)."""
    restic.run(session, wanted, "unlock")
    return wanted


def rotate(session: Session, wanted: Target) -> Target:
    """Give the repository another password; raises Refused, StorageError, WaitTimeout, OperationLocked, Conflict.

    The Secret changes only by compare-and-swap, and an old key goes only once restic has opened the repository with the
    password that the Secret in the cluster holds. So whatever else runs or is killed, that password opens it, and the
    next run continues with what the Secret says.
    """
    check_idle(session, wanted)
    with lock.holding(session, lock.of_target(wanted), "backup target rotate"):
        found = session.client.get("Secret", wanted.secret)
        if target.stage_of(secret_map.texts(found)) == rotation.NONE:
            found = _swapped(session.client, found, {target.KEY_NEW_PASSWORD: secrets.token_urlsafe(32)})
        for _ in range(_STAGES):
            # A running Job would use the old password in its next step; a killed run's Job may still be at work.
            check_idle(session, wanted)
            match target.stage_of(values := secret_map.texts(found)):
                case rotation.PREPARED:
                    restic.steps(session, wanted, planning.ADD_KEY, planning.ADD_KEY[0].name)
                    found = _swapped(session.client, found, target.switched(values))
                case rotation.SWITCHED:
                    _check_unchanged(session.client, wanted, values)
                    restic.steps(session, wanted, planning.REMOVE_KEY, planning.REMOVE_KEY[0].name)
                    found = _swapped(session.client, found, {target.KEY_OLD_PASSWORD: None})
                case _:
                    break
    return wanted


def check_idle(session: Session, wanted: Target) -> None:
    """Raises Refused while a Job uses the target."""
    if running := [job["metadata"]["name"] for job in jobs_of(session.client, wanted)]:
        text = f"Job {', '.join(running)} is using target {wanted.name}"
        raise Refused([Reason("target-in-use", text, "wait until it has ended: kubectl get jobs")])


def jobs_of(client: Client, wanted: Target) -> list[Json]:
    """The Jobs that use the target and are not over."""
    return [
        job
        for job in client.list("Job")
        if not jobs.is_over(job)
        and any(
            volume.get("secret", {}).get("secretName") == wanted.secret
            for volume in job["spec"]["template"]["spec"].get("volumes", [])
        )
    ]


def _check_unchanged(client: Client, wanted: Target, values: Mapping[str, str]) -> None:
    """Reads the Secret back: raises Conflict unless the cluster keeps the passwords that this run goes by."""
    if secret_map.texts(client.get("Secret", wanted.secret)) != values:
        raise _changed_meanwhile(wanted.secret)


def _swapped(client: Client, found: Json, values: Mapping[str, str | None]) -> Json:
    """Set and delete keys in one call, if the Secret is still what was found; raises Conflict."""
    metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
    name = found["metadata"]["name"]
    try:
        return client.patch("Secret", name, {"metadata": metadata, "data": secret_map.encoded(values)})
    except errors.Conflict as error:
        raise _changed_meanwhile(name) from error


def _changed_meanwhile(secret: str) -> errors.Conflict:
    text = f"Secret {secret} was changed by somebody else while its password was rotated"
    return errors.Conflict(text, hint="run the same command again: it continues with what the Secret holds now")


def _password(client: Client, secret: str | None) -> str:
    if secret is None:
        return secrets.token_urlsafe(32)
    values = _values(client, secret, "--password-secret")
    if "password" not in values:
        raise Refused([Reason("no-password", f"--password-secret {secret}: it has no key password")])
    return values["password"].rstrip("\n")


def _values(client: Client, name: str, option: str) -> dict[str, str]:
    found = client.find("Secret", name)
    if found is None:
        text = f"{option} {name}: no such Secret in namespace {client.namespace}"
        raise Refused([Reason("no-such-secret", text, "kubectl create secret generic NAME --from-file=KEY=FILE")])
    return secret_map.texts(found)
