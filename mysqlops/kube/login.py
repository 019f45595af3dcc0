"""Which API server, and who asks: a kubeconfig's context, or the ServiceAccount of a pod."""

from __future__ import annotations

from typing import Any

from mysqlops import errors


def login(kubeconfig: str | None, context: str | None) -> tuple[Any, str, str | None]:
    """An ApiClient, the context's name and its namespace; raises ConfigError."""
    from kubernetes import config

    try:
        contexts, active = config.list_kube_config_contexts(kubeconfig)
    except config.ConfigException as error:
        return _in_cluster(kubeconfig, context, error)
    known = {entry["name"]: entry for entry in contexts}
    chosen = str(context or (active or {}).get("name"))
    if chosen not in known:
        raise errors.ConfigError(
            f"--context {chosen}: the kubeconfig has no such context; it has: {', '.join(sorted(known)) or 'none'}",
            hint="kubectl config get-contexts",
        )
    try:
        api = config.new_client_from_config(kubeconfig, chosen, persist_config=False)
    except (config.ConfigException, OSError, ValueError) as error:
        raise errors.ConfigError(f"--context {chosen}: {error}") from error
    return api, chosen, known[chosen].get("context", {}).get("namespace")


def _in_cluster(kubeconfig: str | None, context: str | None, why: Exception) -> tuple[Any, str, str | None]:
    """Inside a pod there is no kubeconfig: its service account is the login."""
    from pathlib import Path

    from kubernetes import client, config

    try:
        config.load_incluster_config()
    except config.ConfigException:
        raise errors.ConfigError(
            f"no cluster to talk to: {why}",
            hint="set KUBECONFIG or MYSQLOPS_KUBECONFIG; `mysqlops explain quickstart` shows how to get a cluster",
        ) from why
    if kubeconfig or context:
        raise errors.ConfigError(f"--context {context or kubeconfig}: {why}") from why
    own = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text().strip()
    return client.ApiClient(), "in-cluster", own
