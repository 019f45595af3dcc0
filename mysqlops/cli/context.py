"""From options to what operations need."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mysqlops import errors
from mysqlops.core import mysqld_config, names
from mysqlops.core.spec import ClusterSpec, check_replicas

if TYPE_CHECKING:
    from mysqlops.kube.client import Client
    from mysqlops.operations.session import Session


def client(context: str | None, namespace: str | None) -> Client:
    """A client of the chosen cluster; MYSQLOPS_KUBECONFIG goes before KUBECONFIG."""
    from mysqlops.kube.client import Client

    return Client(kubeconfig=os.environ.get("MYSQLOPS_KUBECONFIG") or None, context=context, namespace=namespace)


@contextmanager
def changing(name: str, verb: str, given: dict[str, Any]) -> Iterator[Session]:
    """A session that alone changes the cluster."""
    from mysqlops.operations import lock

    with reading(name, given) as session, lock.held(session, name, verb):
        yield session


@contextmanager
def reading(name: str, given: dict[str, Any]) -> Iterator[Session]:
    """A session that waits for nobody."""
    names.check_cluster_name(name)
    with anywhere(given) as session:
        yield session


@contextmanager
def anywhere(given: dict[str, Any]) -> Iterator[Session]:
    """A session of no cluster; takes context, namespace and timeout out of the options given."""
    from mysqlops.cli import output
    from mysqlops.clock import SystemClock
    from mysqlops.operations.session import Session

    cluster = client(given.pop("context"), given.pop("namespace"))
    with output.progress() as progress:
        yield Session(cluster, SystemClock(), progress, given.pop("timeout"))


def make_spec(
    name: str,
    namespace: str,
    config_file: str | None,
    options: dict[str, Any],
    running: Mapping[str, str | None] | None = None,
) -> ClusterSpec:
    """The spec that the options describe; raises ConfigError. `running` are the settings of the cluster as it is."""
    check_replicas(options["replicas"])
    chosen = {key: value for key, value in options.items() if value is not None}
    return ClusterSpec(name=name, namespace=namespace, mysqld=_read_config(config_file, running), **chosen)


def _read_config(path: str | None, running: Mapping[str, str | None] | None) -> dict[str, str | None]:
    if path is None:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"--config {path}: {getattr(error, 'strerror', None) or error}") from error
    return mysqld_config.check_user_settings(mysqld_config.parse(text, path), path, running)
