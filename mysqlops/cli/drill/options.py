"""The options of everything that makes a fault."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mysqlops import errors
from mysqlops.cli import options
from mysqlops.drill.model import DEFAULT_NODE_IMAGE

if TYPE_CHECKING:
    from mysqlops.drill.run import Wish

F = TypeVar("F", bound=Callable[..., Any])
node_image = click.option(
    "--node-image",
    envvar="MYSQLOPS_NODE_IMAGE",
    default=DEFAULT_NODE_IMAGE,
    show_default=True,
    help="Of those pods: with nsenter and iptables.",
)


def drilling(count: int) -> Callable[[F], F]:
    """All of them; `count` is the default number of rounds."""

    def decorate(function: F) -> F:
        own = (
            click.option("--cluster", "name", metavar="NAME", help="Which (default: the namespace's only one)."),
            click.option("--count", type=int, default=count, show_default=True, metavar="N", help="Rounds."),
            click.option(
                "--clients", type=click.IntRange(1, 64), default=4, show_default=True, help="That write at once."
            ),
            click.option("--slo", default="", metavar="LIMITS", help="What every round must keep: rto=10s,lost=0."),
            click.option("--seed", type=int, metavar="N", help="Makes the same choices again (default: a new one)."),
            click.option(
                "--report",
                "folder",
                type=click.Path(path_type=Path, file_okay=False),
                default="drills",
                show_default=True,
                metavar="DIR",
                help="Where the report's folder is made.",
            ),
            click.option("--target", metavar="NAME", help="Of backups, for the faults that need one."),
            click.option("--force", metavar="REASON", default="", help="Without a fresh verified backup, because."),
            click.option("--lab/--no-lab", default=True, help="Use the lab's nodes if the cluster runs on them."),
            click.option("--node-pods", metavar="NAMESPACE", help="Reach nodes by privileged pods made there."),
            node_image,
            click.option("--confirm", metavar="NAME", help="The cluster's name, instead of typing it when asked."),
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option("--dry-run", is_flag=True, help="Check everything and show whom it would hit; break nothing."),
            options.connection,
            options.timeout("30m"),
            options.output("table", "json", "yaml"),
        )
        for option in reversed(own):
            function = option(function)
        return function

    return decorate


def wish(given: dict[str, Any]) -> Wish:
    """Takes its options out of those that were given; raises ConfigError."""
    from mysqlops.drill.plan import choice
    from mysqlops.drill.reach.node_pods import Way
    from mysqlops.drill.report import slo
    from mysqlops.drill.run import Wish

    choice.check_count(given["count"])
    return Wish(
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


def check_confirmed(name: str, confirmed: str | None, *, yes: bool) -> None:
    """A fault is made only if that was agreed to; raises Refused."""
    if yes or confirmed == name:
        return
    if confirmed is None and sys.stdin.isatty():
        confirmed = str(click.prompt(f"Type the name of the cluster to break it ({name})", err=True))
        if confirmed == name:
            return
    text = f"a drill breaks {name}, and its name was not confirmed"
    hint = f"type the name when asked, or give --confirm {name}; --dry-run shows what would be hit"
    raise errors.Refused([errors.Reason("not-confirmed", text, hint)])
