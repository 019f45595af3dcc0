"""The API server and the identity to use: a kubeconfig's context, or the ServiceAccount of a pod."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mysqlops import errors
from mysqlops.kube import kubeconfig as files
from mysqlops.kube import plain_login
from mysqlops.kube.kubeconfig import Identity

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_HINT = "set KUBECONFIG or MYSQLOPS_KUBECONFIG; `mysqlops explain first-cluster` shows how to get a cluster"


@dataclass(frozen=True)
class Login:
    """How to reach the API server: the kubernetes package's Configuration, or a Plain; and the identity to act as."""

    configuration: Any
    context: str
    namespace: str | None
    identity: Identity


def login(kubeconfig: str | None, context: str | None) -> Login:
    """The login of a context, or of the pod if there is no kubeconfig. Raises ConfigError."""
    where = files.paths(kubeconfig)
    found = files.read(where)
    if not found.contexts:
        return _in_cluster(kubeconfig, context, where)
    chosen, known = context or found.current, ", ".join(sorted(found.contexts))
    if not chosen:
        raise errors.ConfigError(
            f"{where} has no current context; it has: {known}", hint="choose one of them with --context"
        )
    if chosen not in found.contexts:
        raise errors.ConfigError(
            f"--context {chosen}: the kubeconfig has no such context; it has: {known}",
            hint="kubectl config get-contexts",
        )
    configuration = plain_login.load(where, chosen) or _load(where, chosen)
    return Login(configuration, chosen, found.namespace(chosen), found.identity(chosen))


def _load(where: str, chosen: str) -> Any:
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        config.load_kube_config(where, chosen, client_configuration=configuration, persist_config=False)
    except (config.ConfigException, OSError, ValueError) as error:
        raise errors.ConfigError(f"--context {chosen}: {error}") from error
    return configuration


def _in_cluster(kubeconfig: str | None, context: str | None, where: str) -> Login:
    """A pod has no kubeconfig: its service account is the login."""
    from kubernetes import client, config

    if kubeconfig or context:
        option = f"--context {context}: " if context else ""
        raise errors.ConfigError(f"{option}kubeconfig {where} {_empty(where)}", hint=_HINT)
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        text = f"no Kubernetes cluster is configured: kubeconfig {where} {_empty(where)}"
        raise errors.ConfigError(text, hint=_HINT) from error
    return Login(configuration, "in-cluster", _OWN_NAMESPACE.read_text(encoding="utf-8").strip(), Identity())


def _empty(where: str) -> str:
    """Why no context was found."""
    return "has no contexts" if files.exist(where) else "does not exist"
