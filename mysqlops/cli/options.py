"""Options that several commands share, and the values they check."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mysqlops.core.spec import DEFAULT_AGENT_IMAGE, DEFAULT_IMAGE

if TYPE_CHECKING:
    SecondsType = click.ParamType[float]
    NamesType = click.ParamType[tuple[str, ...]]
else:
    SecondsType = NamesType = click.ParamType  # takes a type only since click 8.4

F = TypeVar("F", bound=Callable[..., Any])
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class Duration(SecondsType):
    """Seconds, from 90, 90s, 10m or 1h30m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        match = _DURATION.fullmatch(value)
        if not match or not any(match.groups()):
            self.fail(f"{value!r} is not a duration such as 90s, 10m or 1h30m", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return float(hours * 3600 + minutes * 60 + seconds)


class NameList(NamesType):
    """Names with commas between them; empty: none."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(sorted({one for one in value.split(",") if one}))


_ACCESS_OPTIONS = (
    click.option(
        "--client-namespaces",
        type=NameList(),
        metavar="NAME,…",
        help="Namespaces, beside the own, whose labelled pods may connect; '*': all.",
    ),
    click.option(
        "--metrics-namespaces",
        type=NameList(),
        metavar="NAME,…",
        help="Namespaces, beside the own, whose pods may read /metrics; '*': anybody.",
    ),
    click.option(
        "--limit-egress/--any-egress",
        default=None,
        help="Members reach each other, DNS and the API server (ports 443 and 6443) only.",
    ),
    click.option(
        "--image-pull-secrets",
        "pull_secrets",
        type=NameList(),
        metavar="NAME,…",
        help="Secrets of a private registry.",
    ),
)


def access(function: F) -> F:
    """The options of what surrounds a cluster; none of them changes its database."""
    for option in reversed(_ACCESS_OPTIONS):
        function = option(function)
    return function


def connection(function: F) -> F:
    """--context and --namespace."""
    function = click.option(
        "--namespace", "-n", envvar="MYSQLOPS_NAMESPACE", metavar="NAME", help="Namespace (default: the context's)."
    )(function)
    return click.option(
        "--context",
        envvar="MYSQLOPS_CONTEXT",
        metavar="NAME",
        help="Context of the kubeconfig (default: the current one).",
    )(function)


def output(*formats: str) -> Callable[[F], F]:
    return click.option(
        "--output", "-o", type=click.Choice(formats), default=formats[0], show_default=True, help="Format."
    )


def timeout(default: str) -> Callable[[F], F]:
    return click.option("--timeout", type=Duration(), default=default, show_default=True, help="Give up after.")


def changing(default_timeout: str) -> Callable[[F], F]:
    """The options of every verb that changes a running cluster: NAME, where, how long, and the answer's form."""

    def decorate(function: F) -> F:
        for option in (output("table", "json", "yaml"), timeout(default_timeout), connection, click.argument("name")):
            function = option(function)
        return function

    return decorate


def namespaced(default_timeout: str) -> Callable[[F], F]:
    """The options of a verb that concerns no single cluster."""

    def decorate(function: F) -> F:
        for option in (output("table", "json", "yaml"), timeout(default_timeout), connection):
            function = option(function)
        return function

    return decorate


def trust(function: F) -> F:
    """Of a command that gives the files of a backup to a server, or to somebody."""
    text = "With the key that sealed it, from a cluster that is lost."
    function = click.option("--signed-by", metavar="SECRET", help=text)(function)
    text = "Although no key that is here has sealed the backup and its files."
    return click.option("--accept-unsigned", is_flag=True, help=text)(function)


def target(function: F) -> F:
    """--target, where backups go."""
    return click.option("--target", metavar="NAME", help="Where (default: the only target of the namespace).")(function)


def keep(function: F) -> F:
    """--keep-…, a retention policy."""
    for name in ("monthly", "weekly", "daily", "hourly"):
        text = f"Keep the newest of so many {_PERIODS[name]}."
        function = click.option(f"--keep-{name}", type=int, default=0, metavar="N", help=text)(function)
    return click.option("--keep-last", type=int, default=0, metavar="N", help="Keep the last N.")(function)


_PERIODS = {"hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months"}


_SPEC_OPTIONS = (
    click.option("--replicas", type=int, default=3, show_default=True, help="Members: 1, 3, 5, 7 or 9."),
    click.option(
        "--image", envvar="MYSQLOPS_IMAGE", default=DEFAULT_IMAGE, show_default=True, help="An image of MySQL."
    ),
    click.option(
        "--agent-image",
        envvar="MYSQLOPS_AGENT_IMAGE",
        default=DEFAULT_AGENT_IMAGE,
        show_default=True,
        help="A stock image of Python 3.11 or later; the agent itself is in a ConfigMap.",
    ),
    click.option("--storage-size", default="10Gi", show_default=True, help="Of each member's volume."),
    click.option("--storage-class", metavar="NAME", help="StorageClass (default: the cluster's default)."),
    click.option("--memory", default="1Gi", show_default=True, help="Of each mysqld; request and limit."),
    click.option("--cpu", default="500m", show_default=True, help="Request of each mysqld."),
    click.option(
        "--config", "config_file", type=click.Path(dir_okay=False), help="A my.cnf whose [mysqld] settings are added."
    ),
)


def spec(function: F) -> F:
    """The options that describe a cluster; the same for `deploy` and `render`."""
    function = access(function)
    for option in reversed(_SPEC_OPTIONS):
        function = option(function)
    return function


def chosen() -> set[str]:
    """The fields of the spec that the user set, on the command line or in the environment."""
    context = click.get_current_context()
    given = {click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT}
    found = {name for name in context.params if context.get_parameter_source(name) in given}
    return found | ({"mysqld"} if "config_file" in found else set())
