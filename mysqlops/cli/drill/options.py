"""The options of every command that makes a fault."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from mysqlops.cli import options
from mysqlops.drill.model import DEFAULT_NODE_IMAGE

if TYPE_CHECKING:
    from mysqlops.drill.run import Request

F = TypeVar("F", bound=Callable[..., Any])
node_image = click.option(
    "--node-image",
    envvar="MYSQLOPS_NODE_IMAGE",
    default=DEFAULT_NODE_IMAGE,
    show_default=True,
    help="Image of those pods, with nsenter and iptables.",
)


def drilling(count: int) -> Callable[[F], F]:
    """All of these options, passed as `name` and `request`; `count` is the default number of rounds."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapper(*words: Any, **given: Any) -> Any:
            return function(*words, request=_request(given), **given)

        own = _own(count)
        decorated: Any = wrapper
        for option in reversed(own[:-1]):
            decorated = option(decorated)
        return cast("F", own[-1](decorated))

    return decorate


def _own(count: int) -> tuple[Callable[[Any], Any], ...]:
    """Decorators, in the order of the help."""
    return (
        options.optional_cluster,
        click.option("--count", type=int, default=count, show_default=True, metavar="N", help="Number of rounds."),
        click.option(
            "--clients",
            type=click.IntRange(1, 64),
            default=4,
            show_default=True,
            help="Number of clients that write at once.",
        ),
        click.option(
            "--slo", default="", metavar="LIMITS", help="Limits that every round must meet, such as rto=10s,lost=0."
        ),
        click.option("--seed", type=int, metavar="N", help="Seed that repeats a drill's choices (default: a new one)."),
        click.option(
            "--report",
            "folder",
            type=click.Path(path_type=Path, file_okay=False),
            default="drills",
            show_default=True,
            metavar="DIR",
            help="Folder in which the report's folder is created.",
        ),
        options.target,
        click.option(
            "--force",
            metavar="REASON",
            default="",
            help="Run without a fresh verified backup; REASON is recorded in the report.",
        ),
        click.option("--lab/--no-lab", default=True, help="Use the lab's nodes if the cluster runs on them."),
        click.option("--node-pods", metavar="NAMESPACE", help="Reach nodes through privileged pods in this namespace."),
        node_image,
        options.confirmed("the drill breaks the cluster"),
        options.dry_run("Check everything and show which members would be hit; change nothing."),
        options.namespaced("30m"),
    )


def _request(given: dict[str, Any]) -> Request:
    """Take the options out of `given`; raises ConfigError."""
    from mysqlops.drill.plan import choice
    from mysqlops.drill.reach.node_pods import Way
    from mysqlops.drill.report import slo
    from mysqlops.drill.run import Request

    choice.check_count(given["count"])
    return Request(
        count=given.pop("count"),
        clients=given.pop("clients"),
        slo=slo.parse(given.pop("slo")),
        seed=given.pop("seed"),
        force=given.pop("force"),
        target=given.pop("target"),
        folder=given.pop("folder"),
        uses_lab=given.pop("lab"),
        way=Way(given.pop("node_pods") or "", given.pop("node_image")),
    )
