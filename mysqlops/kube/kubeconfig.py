"""Reads contexts and impersonation from kubeconfig files. The login itself is left to the kubernetes package.

That package ignores `as:` (python#1480) and refuses files without a current context, so both are read here. Files are
merged as in kubectl: the first file that defines something wins.
https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mysqlops import errors

DEFAULT = "~/.kube/config"


@dataclass(frozen=True)
class Identity:
    """The identity that the login impersonates; empty if none."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def headers(self) -> list[tuple[str, str]]:
        """https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/"""
        if not self.user:
            return []
        found = [("Impersonate-User", self.user), *(("Impersonate-Group", group) for group in self.groups)]
        if self.uid:
            found.append(("Impersonate-Uid", self.uid))
        for key, values in self.extra.items():
            found += [(f"Impersonate-Extra-{quote(key, safe='')}", value) for value in values]
        return found


@dataclass(frozen=True)
class Kubeconfig:
    """The merged content of all files."""

    current: str
    contexts: Mapping[str, Mapping[str, Any]]
    users: Mapping[str, Mapping[str, Any]]

    def namespace(self, context: str) -> str | None:
        return self.contexts[context].get("namespace") or None

    def identity(self, context: str) -> Identity:
        user = self.users.get(str(self.contexts[context].get("user")), {})
        if not user.get("as"):
            return Identity()
        groups, extra = user.get("as-groups") or (), user.get("as-user-extra") or {}
        return Identity(str(user["as"]), tuple(map(str, groups)), str(user.get("as-uid") or ""), extra)


def paths(kubeconfig: str | None) -> str:
    """One or more files, as KUBECONFIG separates them; an empty variable counts as unset, as for kubectl."""
    return kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT


def exist(files: str) -> bool:
    """Whether at least one of the files exists."""
    return any(Path(file).expanduser().exists() for file in filter(None, files.split(os.pathsep)))


def read(files: str) -> Kubeconfig:
    """The merged content of the existing files; raises ConfigError for one that cannot be read."""
    current, contexts, users = "", dict[str, Mapping[str, Any]](), dict[str, Mapping[str, Any]]()
    for file in filter(None, files.split(os.pathsep)):
        found = parsed(Path(file).expanduser())
        current = current or str(found.get("current-context") or "")
        for kind, known in (("context", contexts), ("user", users)):
            for entry in found.get(f"{kind}s") or ():
                known.setdefault(str(entry.get("name")), entry.get(kind) or {})
    return Kubeconfig(current, contexts, users)


def parsed(file: Path) -> Mapping[str, Any]:
    """The content of one file, empty if it does not exist; raises ConfigError."""
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise errors.ConfigError(f"kubeconfig {file} cannot be read: {why}") from error
    if found is not None and not isinstance(found, dict):
        raise errors.ConfigError(f"{file} is not a kubeconfig")
    return found or {}
