"""Where backups go: one restic repository, as a Secret of the namespace describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mysqlops.core import names
from mysqlops.errors import ConfigError

Json = dict[str, Any]
DEFAULT_IMAGE = "restic/restic:0.18.1"
KEY_REPOSITORY, KEY_PASSWORD, KEY_AWS, KEY_CA = "repository", "password", "aws-credentials", "ca.crt"
KEY_NEW_PASSWORD, KEY_OLD_PASSWORD = "new-password", "old-password"  # only while the password is rotated
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_CREDENTIAL = re.compile(r"[A-Z][A-Z0-9_]*")
_CLAIM_PATH = "/repository"


@dataclass(frozen=True)
class Target:
    """`repository` as restic writes it; `claim` holds it if it is a folder on a volume."""

    name: str
    repository: str
    image: str
    claim: str | None = None

    @property
    def secret(self) -> str:
        return secret_name(self.name)

    @property
    def place(self) -> str:
        """For people."""
        return f"claim {self.claim}, folder {self.repository}" if self.claim else self.repository


def secret_name(target: str) -> str:
    return f"backup-target-{target}"


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--target {name!r}: expected at most 40 of a-z, 0-9 and '-', beginning with a letter")
    return name


def repository_of(s3: str | None, claim: str | None, repository: str | None) -> str:
    """One of the three forms, as restic writes it; raises ConfigError."""
    given = [one for one in (s3, claim, repository) if one]
    if len(given) != 1:
        raise ConfigError("give one of --s3 URL, --claim NAME and --repository RESTIC-URL")
    if s3:
        if not re.fullmatch(r"https?://[^/@]+/.+", s3):
            raise ConfigError(f"--s3 {s3!r}: expected http(s)://HOST/BUCKET[/FOLDER]; keys belong in --credentials")
        return f"s3:{s3}"
    if claim:
        return _CLAIM_PATH
    if repository and re.match(r"[a-z0-9]+:(https?://)?[^/]*:[^/]*@", repository):
        raise ConfigError("--repository: holds a password; give it with --credentials instead")
    return str(repository)


def check_credentials(keys: Mapping[str, str], secret: str) -> None:
    """Only names of environment variables (docs/backup.md), and ca.crt."""
    wrong = [key for key in keys if key != KEY_CA and not _CREDENTIAL.fullmatch(key)]
    if wrong:
        text = f"--credentials {secret}: key {wrong[0]!r} is not the name of an environment variable of restic"
        raise ConfigError(f"{text}, such as AWS_ACCESS_KEY_ID")


def make_secret(target: Target, password: str, credentials: Mapping[str, str]) -> Json:
    """The Secret; keys of S3 go into a file, so that no process has them in its environment."""
    values = {KEY_REPOSITORY: target.repository, KEY_PASSWORD: password, **credentials}
    if "AWS_ACCESS_KEY_ID" in values and "AWS_SECRET_ACCESS_KEY" in values:
        lines = ["[default]"]
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
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


def of_secret(secret: Json) -> Target:
    """The inverse; its values are not read."""
    annotations = secret["metadata"].get("annotations") or {}
    return Target(
        secret["metadata"]["labels"][names.LABEL_TARGET],
        annotations.get(names.ANNOTATION_REPOSITORY, "?"),
        annotations.get(names.ANNOTATION_RESTIC, DEFAULT_IMAGE),
        annotations.get(names.ANNOTATION_CLAIM),
    )
