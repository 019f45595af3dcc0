"""What the verbs on a cluster file share: the option, the file, and a session for each of its namespaces."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mysqlops import errors
from mysqlops.cli.context import Run
from mysqlops.core.spec import DEFAULT_AGENT_IMAGE, DEFAULT_IMAGE
from mysqlops.core.target import DEFAULT_IMAGE as RESTIC_IMAGE

if TYPE_CHECKING:
    from mysqlops.core.cluster_file import Document
    from mysqlops.operations.cluster_file import File
    from mysqlops.operations.session import Session

F = TypeVar("F", bound=Callable[..., Any])
_STDIN = "-"


def option(function: F) -> F:
    """--file, given as `file`."""
    path = click.Path(dir_okay=False, allow_dash=True)
    text = "A cluster file; - is standard input."
    return click.option("--file", "-f", type=path, required=True, metavar="FILE", help=text)(function)


def read(path: str) -> list[Document]:
    """The documents of a cluster file; raises ConfigError."""
    from mysqlops.core import cluster_file

    try:
        text = sys.stdin.read() if path == _STDIN else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"--file {path}: {getattr(error, 'strerror', None) or error}") from error
    return cluster_file.parse(text, "standard input" if path == _STDIN else path)


def opened(
    run: Run, session: Session, documents: Sequence[Document], pvc: str | None = None, *, redeploy: bool = False
) -> File:
    """Each document with a session of its namespace; raises ConfigError if the command line names another one."""
    from mysqlops.core import cluster_file
    from mysqlops.operations.cluster_file import Entry, File

    sessions = {session.client.namespace: session}
    entries = []
    for document in documents:
        namespace = document.namespace or session.client.namespace
        chosen = run.access.namespace
        if chosen is not None and namespace != chosen:
            raise errors.ConfigError(f"{document.where}: metadata.namespace {namespace}: --namespace is {chosen}")
        if namespace not in sessions:
            elsewhere = replace(run, access=replace(run.access, namespace=namespace))
            sessions[namespace] = replace(session, client=elsewhere.client())
        entries.append(Entry(sessions[namespace], document))
    cluster_file.check_once((entry.session.client.namespace, entry.document) for entry in entries)
    return File(entries, _defaults(), pvc, redeploy)


def _defaults() -> Any:
    from mysqlops.operations.cluster_file import Defaults

    return Defaults(
        os.environ.get("MYSQLOPS_IMAGE") or DEFAULT_IMAGE,
        os.environ.get("MYSQLOPS_AGENT_IMAGE") or DEFAULT_AGENT_IMAGE,
        os.environ.get("MYSQLOPS_RESTIC_IMAGE") or RESTIC_IMAGE,
        click.BOOL.convert(os.environ.get("MYSQLOPS_INSECURE_HTTP") or "0", None, None),
    )
