"""The words that a shell offers for an incomplete one. It never prints an error or waits more than five seconds."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from mysqlops.cli import context
from mysqlops.core import names, ownership

if TYPE_CHECKING:
    from mysqlops.kube.client import Client

_SECONDS = 5.0  # on a busy machine the imports alone take two
# No shell reads more in it than a word: bash puts it into the line as it is.
_WORD = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_:.+@/=-]*")
Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _offers(find: Callable[[click.Context], Iterable[str]]) -> Complete:
    """Search in a separate thread, because a plugin of the kubeconfig or a proxy may hang."""

    @functools.wraps(find)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        found: list[str] = []

        def work() -> None:
            # No error is worth breaking the line that the user is typing.
            with contextlib.suppress(BaseException):
                found.extend(find(ctx))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(_SECONDS)
        return sorted({word for word in list(found) if word.startswith(incomplete) and _WORD.fullmatch(word)})

    return complete


def _client(ctx: click.Context) -> Client:
    return context.access_of(ctx.meta).client("complete", timeout_seconds=1.0)


@_offers
def clusters(ctx: click.Context) -> Iterable[str]:
    found = _client(ctx).list("StatefulSet", names.OURS)
    return filter(None, map(ownership.cluster_of, found))


@_offers
def members(ctx: click.Context) -> Iterable[str]:
    """The pods of the cluster that the line already names, or of all clusters."""
    name = ctx.params.get("name")
    selector = names.selector_text(name) if name else names.OURS
    found = _client(ctx).list("Pod", selector)
    return [pod["metadata"]["name"] for pod in found if not (pod["metadata"].get("labels") or {}).get("job-name")]


@_offers
def targets(ctx: click.Context) -> Iterable[str]:
    from mysqlops.core import target

    found = _client(ctx).list("Secret", names.LABEL_TARGET)
    return [target.of_secret(secret).name for secret in found if target.is_usable(secret)]


@_offers
def backups(ctx: click.Context) -> Iterable[str]:
    """The backups that this user has listed before: asking the repository takes a Job."""
    from mysqlops.cli.backup import seen

    return seen.read(context.access_of(ctx.meta))


@_offers
def namespaces(ctx: click.Context) -> Iterable[str]:
    return [namespace["metadata"]["name"] for namespace in _client(ctx).list("Namespace")]


@_offers
def contexts(ctx: click.Context) -> Iterable[str]:
    import os

    from mysqlops.kube import kubeconfig

    given: Any = ctx.meta.get("kubeconfig") or os.environ.get("MYSQLOPS_KUBECONFIG")
    return kubeconfig.read(kubeconfig.paths(given)).contexts


@_offers
def explained(_: click.Context) -> Iterable[str]:
    """Codes, exit statuses and pages."""
    from mysqlops.operations import carried

    return [*carried.codes(), *(page.path.rpartition("/")[2] for page in carried.pages())]


@_offers
def runbooks(_: click.Context) -> Iterable[str]:
    from mysqlops.operations import carried

    return carried.runbooks()
