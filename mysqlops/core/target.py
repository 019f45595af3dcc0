"""Where backups go: one restic repository, described by a Secret of the namespace."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mysqlops.core import names, rotation, typed
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError

DEFAULT_IMAGE = "restic/restic:0.18.1"
KEY_REPOSITORY, KEY_PASSWORD, KEY_AWS, KEY_CA = "repository", "password", "aws-credentials", "ca.crt"
KEY_NEW_PASSWORD, KEY_OLD_PASSWORD = "new-password", "old-password"  # only while the password is rotated
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
# restic's variables for the backends that its image reaches: S3, Azure, B2, Google, Swift and its own REST server.
# Others decide what restic executes, reads or trusts (RESTIC_PASSWORD_COMMAND, PATH, LD_PRELOAD). restic.sh exports the
# same ones. https://restic.readthedocs.io/en/stable/040_backup.html#environment-variables
CREDENTIALS = frozenset(
    "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_DEFAULT_REGION "
    "RESTIC_AWS_ASSUME_ROLE_ARN RESTIC_AWS_ASSUME_ROLE_SESSION_NAME RESTIC_AWS_ASSUME_ROLE_EXTERNAL_ID "
    "RESTIC_AWS_ASSUME_ROLE_POLICY RESTIC_AWS_ASSUME_ROLE_REGION RESTIC_AWS_ASSUME_ROLE_STS_ENDPOINT "
    "AZURE_ACCOUNT_NAME AZURE_ACCOUNT_KEY AZURE_ACCOUNT_SAS AZURE_ENDPOINT_SUFFIX "
    "B2_ACCOUNT_ID B2_ACCOUNT_KEY GOOGLE_PROJECT_ID GOOGLE_ACCESS_TOKEN GOOGLE_APPLICATION_CREDENTIALS "
    "ST_AUTH ST_USER ST_KEY OS_AUTH_URL OS_REGION_NAME OS_USERNAME OS_USER_ID OS_PASSWORD OS_TENANT_ID OS_TENANT_NAME "
    "OS_USER_DOMAIN_NAME OS_USER_DOMAIN_ID OS_PROJECT_NAME OS_PROJECT_DOMAIN_NAME OS_PROJECT_DOMAIN_ID OS_TRUST_ID "
    "OS_APPLICATION_CREDENTIAL_ID OS_APPLICATION_CREDENTIAL_NAME OS_APPLICATION_CREDENTIAL_SECRET OS_STORAGE_URL "
    "OS_AUTH_TOKEN SWIFT_DEFAULT_CONTAINER_POLICY RESTIC_REST_USERNAME RESTIC_REST_PASSWORD".split()
)
_S3_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_CLAIM_PATH = "/repository"


@dataclass(frozen=True)
class Target:
    """`repository` in restic's notation; `claim` holds it if it is a folder on a volume."""

    name: str
    repository: str
    image: str
    claim: str | None = None

    @property
    def secret(self) -> str:
        return secret_name(self.name)

    @property
    def lease(self) -> str:
        """The Lease of the command that changes the Secret or removes something from the repository."""
        return f"{secret_name(self.name)}-lock"

    @property
    def place(self) -> str:
        """The place as people read it."""
        return f"claim {self.claim}, folder {self.repository}" if self.claim else self.repository


def secret_name(target: str) -> str:
    return f"backup-target-{target}"


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--target {name!r}: expected at most 40 of a-z, 0-9 and '-', starting with a letter")
    return name


def repository_of(s3: str | None, claim: str | None, repository: str | None) -> str:
    """One of the three forms, in restic's notation; raises ConfigError."""
    given = [form for form in (s3, claim, repository) if form]
    if len(given) != 1:
        raise ConfigError("give one of --s3 URL, --claim NAME and --repository RESTIC-URL")
    if s3:
        if not typed.is_plain(s3) or not re.fullmatch(r"https?://[^/@\s]+/\S+", s3):
            # What is wrong with it may be that it holds a key.
            raise ConfigError("--s3: expected http(s)://HOST/BUCKET[/FOLDER]; keys belong in --credentials")
        return f"s3:{s3}"
    if claim:
        return _CLAIM_PATH
    return _checked(str(repository))


def _checked(repository: str) -> str:
    """It is shown and stored in an annotation. Only SFTP has user names before the `@`; elsewhere that is a token."""
    if not typed.is_plain(repository) or re.search(r"\s", repository):
        raise ConfigError("--repository: expected restic's notation, without spaces")
    backend, _, rest = repository.partition(":")
    user, at, _ = re.sub(r"^[a-z0-9+]+://|^//", "", rest, flags=re.IGNORECASE).partition("/")[0].rpartition("@")
    if at and (":" in user or backend.lower() != "sftp"):
        raise ConfigError("--repository: holds a password or token before '@'; give it with --credentials instead")
    return repository


def is_in_the_clear(repository: str) -> bool:
    """Anybody on the network path sees the keys of S3 requests and the names and sizes of files, and can forge answers;
    restic encrypts only the contents of the files."""
    return re.match(r"[a-z0-9]+:http://", repository, re.IGNORECASE) is not None


def check_transport(repository: str, *, accepted: bool) -> None:
    """Raises ConfigError for HTTP without TLS, unless the user wants it."""
    if is_in_the_clear(repository) and not accepted:
        text = f"{repository}: without TLS, anybody on the network path sees the credentials and can delete all backups"
        raise ConfigError(
            text, hint="use https://…, with key ca.crt in --credentials for a private CA; or give --insecure-http"
        )


def check_credentials(keys: Mapping[str, str], secret: str) -> None:
    """Allows only restic's variables for credentials (docs/how-to/backup.md), and ca.crt."""
    if wrong := sorted(keys.keys() - CREDENTIALS - {KEY_CA}):
        text = f"--credentials {secret}: key {wrong[0]!r} is not one of restic's variables for credentials"
        raise ConfigError(f"{text}, such as AWS_ACCESS_KEY_ID")
    # They become lines of a file, in which a line of its own could name a program to execute.
    for key in _S3_KEYS:
        if not typed.is_plain(keys.get(key, "").strip()):
            raise ConfigError(f"--credentials {secret}: the value of {key} has control characters")


def make_secret(target: Target, password: str, credentials: Mapping[str, str]) -> Json:
    """The Secret; S3 keys go into a file, so that no process has them in its environment."""
    values = {KEY_REPOSITORY: target.repository, KEY_PASSWORD: password, **credentials}
    if "AWS_ACCESS_KEY_ID" in values and "AWS_SECRET_ACCESS_KEY" in values:
        lines = ["[default]"]
        for key in _S3_KEYS:
            if key in values:
                lines.append(f"{key.lower()} = {values.pop(key).strip()}")
        values[KEY_AWS] = "\n".join(lines) + "\n"
    annotations = {names.ANNOTATION_REPOSITORY: target.repository, names.ANNOTATION_RESTIC: target.image}
    if target.claim:
        annotations[names.ANNOTATION_CLAIM] = target.claim
    labels = {names.LABEL_MANAGED_BY: names.APP_NAME, names.LABEL_TARGET: target.name}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": target.secret, "labels": labels, "annotations": annotations},
        "type": "Opaque",
        "stringData": values,
    }


def stage_of(keys: Collection[str]) -> str:
    """The stage of the rotation of the repository's password, by the keys of the Secret. While the old password is
    there, its key is to be removed before anything else."""
    if KEY_OLD_PASSWORD in keys:
        return rotation.SWITCHED
    return rotation.PREPARED if KEY_NEW_PASSWORD in keys else rotation.NONE


def switched(values: Mapping[str, str]) -> dict[str, str | None]:
    """The change of a Secret whose new password opens the repository: in one write, so that no password is lost."""
    return {
        KEY_PASSWORD: values[KEY_NEW_PASSWORD],
        KEY_OLD_PASSWORD: values[KEY_PASSWORD],
        KEY_NEW_PASSWORD: None,
    }


def is_one(secret: Json) -> bool:
    """Whether it is the Secret of a target, which has the name that follows from its label. Under another name, whoever
    may create Secrets, and read none, would name the image and the claim with which Jobs use the target's own Secret.
    """
    metadata = secret["metadata"]
    name = str((metadata.get("labels") or {}).get(names.LABEL_TARGET, ""))
    return bool(name) and metadata["name"] == secret_name(name)


def is_usable(secret: Json) -> bool:
    """The same, and its `add` has finished."""
    return is_one(secret) and not is_pending(secret)


def is_pending(secret: Json) -> bool:
    return names.ANNOTATION_PENDING in (secret["metadata"].get("annotations") or {})


def of_secret(secret: Json) -> Target:
    """The inverse of `make_secret`; the Secret's values are not read."""
    annotations = secret["metadata"].get("annotations") or {}
    return Target(
        secret["metadata"]["labels"][names.LABEL_TARGET],
        annotations.get(names.ANNOTATION_REPOSITORY, "?"),
        annotations.get(names.ANNOTATION_RESTIC, DEFAULT_IMAGE),
        annotations.get(names.ANNOTATION_CLAIM),
    )
