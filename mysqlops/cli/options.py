"""Options that several commands share. What says who asks, where and in which form goes into a `Run`, the first
parameter of every command; it may stand before the verb too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from mysqlops import errors
from mysqlops.cli import complete, context
from mysqlops.cli.types import Duration, NameList
from mysqlops.core import mysqld_config, retention
from mysqlops.core.spec import DEFAULT_AGENT_IMAGE, DEFAULT_IMAGE, ClusterSpec, check_replicas

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]
FORMS = ("table", "json", "yaml")
_VARIABLES = {"namespace": "MYSQLOPS_NAMESPACE", "context": "MYSQLOPS_CONTEXT"}


def _remember(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Into what all contexts of one command line share: the later one on the line wins."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value not in (None, (), False):
            ctx.meta[key] = value

    return callback


def _option(*words: str, key: str, **settings: Any) -> click.Option:
    return click.Option(words, callback=_remember(key), expose_value=False, **settings)


def _connection(*, with_variables: bool = False, hidden: bool = False) -> list[click.Option]:
    variables = _VARIABLES if with_variables else {}

    def option(*words: str, key: str, text: str, metavar: str = "NAME", **settings: Any) -> click.Option:
        return _option(
            *words, key=key, help=text, metavar=metavar, hidden=hidden, envvar=variables.get(key), **settings
        )

    where = "Namespace (default: the context's; MYSQLOPS_NAMESPACE)."
    context_text = "Context of the kubeconfig (default: the current one; MYSQLOPS_CONTEXT)."
    files = "File, or several (default: MYSQLOPS_KUBECONFIG, then KUBECONFIG)."
    group = "Act as a member of this group too; may be repeated."
    return [
        option("--namespace", "-n", key="namespace", text=where, shell_complete=complete.namespaces),
        option("--context", key="context", text=context_text, shell_complete=complete.contexts),
        option("--kubeconfig", key="kubeconfig", text=files, metavar="FILE"),
        option("--as", key="as_user", text="Act as this user (impersonation).", metavar="USER"),
        option("--as-group", key="as_groups", text=group, metavar="GROUP", multiple=True),
    ]


def _output(forms: Sequence[str], *, default: str | None, hidden: bool = False) -> click.Option:
    text = "Format." if default is None else f"Format (default: {default})."
    return _option("--output", "-o", key="output", type=click.Choice(list(forms)), help=text, hidden=hidden)


def anywhere_before(*, is_root: bool) -> list[click.Parameter]:
    """What may stand before the verb as well; shown by the root only, which also reads the variables."""
    found = _connection(with_variables=is_root, hidden=not is_root)
    return [*found, _output((*FORMS, "wide"), default=None, hidden=not is_root)]


def _add(function: Callable[..., Any], parameters: Sequence[click.Parameter]) -> None:
    """Before those that are there, in order."""
    existing = function.__dict__.setdefault("__click_params__", [])
    existing.extend(reversed(parameters))


def _runs(
    default_timeout: str | None, forms: Sequence[str], *, has_cluster: bool, connects: bool = True, has_as: bool = True
) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapper(**given: Any) -> Any:
            name = given.pop("name", "") if has_cluster else ""
            return function(context.current(name, tuple(forms)), **given)

        parameters: list[click.Parameter] = []
        if has_cluster:
            parameters.append(click.Argument(["name"], shell_complete=complete.clusters))
        if connects:
            parameters += [one for one in _connection() if has_as or one.name != "as"]
        if default_timeout is not None:
            text = "Give up after; the work in the cluster goes on."
            parameters.append(
                _option(
                    "--timeout", key="timeout", type=Duration(), default=default_timeout, show_default=True, help=text
                )
            )
        parameters.append(_output(forms, default=forms[0]))
        _add(wrapper, parameters)
        return cast("F", wrapper)

    return decorate


def cluster(default_timeout: str | None, *, forms: Sequence[str] = FORMS) -> Callable[[F], F]:
    """Of a verb on one cluster: NAME, where, how long, and the answer's form."""
    return _runs(default_timeout, forms, has_cluster=True)


def namespaced(default_timeout: str | None, *, has_as: bool = True) -> Callable[[F], F]:
    """Of a verb that concerns no single cluster. Without `has_as` its own --as means something else (`restore`), and
    whom to act as stands before the verb."""
    return _runs(default_timeout, FORMS, has_cluster=False, has_as=has_as)


def offline(*, forms: Sequence[str] = FORMS, default_timeout: str | None = None) -> Callable[[F], F]:
    """Of a verb that asks no API server."""
    return _runs(default_timeout, forms, has_cluster=False, connects=False)


def dry_run(text: str) -> Callable[[F], F]:
    return click.option("--dry-run", is_flag=True, help=text)


def confirmed(what: str, *, metavar: str = "NAME", has_yes: bool = True) -> Callable[[F], F]:
    """--yes and --confirm: what a terminal would ask for."""

    def decorate(function: F) -> F:
        parameters = [_option("--yes", "-y", key="yes", is_flag=True, help="Do not ask.")] if has_yes else []
        text = f"Name it, instead of typing it when asked: {what}."
        parameters.append(_option("--confirm", key="confirm", metavar=metavar, help=text))
        _add(function, parameters)
        return function

    return decorate


def wait(text: str) -> Callable[[F], F]:
    return click.option("--wait/--no-wait", default=True, show_default=True, help=text)


def member(function: F) -> F:
    return click.argument("member", shell_complete=complete.members)(function)


def target(function: F) -> F:
    """--target, where backups go."""
    text = "Where (default: the only target of the namespace)."
    return click.option("--target", metavar="NAME", shell_complete=complete.targets, help=text)(function)


def backup(function: F) -> F:
    return click.argument("backup", shell_complete=complete.backups)(function)


_PERIODS = {"last": "", "hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months"}


def keep(function: F) -> F:
    """--keep-…, given as one retention policy, `policy`."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        policy = retention.Policy(**{period: given.pop(f"keep_{period}") for period in retention.PERIODS})
        return function(*words, policy=policy, **given)

    texts = {
        key: f"Keep the newest of each of N {unit}." if unit else "Keep the last N." for key, unit in _PERIODS.items()
    }
    _add(wrapper, [click.Option([f"--keep-{key}"], type=int, default=0, metavar="N", help=texts[key]) for key in texts])
    return cast("F", wrapper)


@dataclass(frozen=True)
class Access:
    """What surrounds a cluster; none of it changes its database. None: not given."""

    client_namespaces: tuple[str, ...] | None
    metrics_namespaces: tuple[str, ...] | None
    limit_egress: bool | None
    pull_secrets: tuple[str, ...] | None


_ACCESS = (
    click.Option(
        ["--client-namespaces"],
        type=NameList(),
        metavar="NAME,…",
        help="Other namespaces whose labelled pods may connect; '*': all.",
    ),
    click.Option(
        ["--metrics-namespaces"],
        type=NameList(),
        metavar="NAME,…",
        help="Other namespaces whose pods may read /metrics; '*': anybody.",
    ),
    click.Option(
        ["--limit-egress/--any-egress"],
        default=None,
        help="Members reach each other, DNS and the API server (ports 443 and 6443) only.",
    ),
    click.Option(
        ["--image-pull-secrets", "pull_secrets"],
        type=NameList(),
        metavar="NAME,…",
        help="Secrets of a private registry.",
    ),
)


def access(function: F) -> F:
    """The options of `Access`, given as `access`."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        found = Access(**{one.name: given.pop(one.name) for one in fields(Access)})
        return function(*words, access=found, **given)

    _add(wrapper, _ACCESS)
    return cast("F", wrapper)


@dataclass(frozen=True)
class Wanted:
    """The options that describe a cluster. `chosen` names the fields that the user set, on the command line or in the
    environment; `on_the_line` those on the command line."""

    values: dict[str, Any]
    config_file: str | None
    chosen: frozenset[str]
    on_the_line: frozenset[str]

    def spec(self, name: str, namespace: str) -> ClusterSpec:
        """Raises ConfigError."""
        given = {key: value for key, value in self.values.items() if value is not None}
        check_replicas(given.get("replicas", 3))
        return ClusterSpec(name=name, namespace=namespace, mysqld=_read_config(self.config_file), **given)


def spec(*, with_defaults: bool = True) -> Callable[[F], F]:
    """The options that describe a cluster, given as `wanted`; without defaults where another cluster has them."""

    def decorate(function: F) -> F:
        options = [*_spec_options(with_defaults=with_defaults), *_ACCESS]
        names_of = [str(option.name) for option in options]

        @functools.wraps(function)
        def wrapper(*words: Any, **given: Any) -> Any:
            values = {name: given.pop(name) for name in names_of}
            line, environment = click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT
            config_file = values.pop("config_file")
            on_the_line, chosen = _given(names_of, {line}), _given(names_of, {line, environment})
            return function(*words, wanted=Wanted(values, config_file, chosen, on_the_line), **given)

        _add(wrapper, options)
        return cast("F", wrapper)

    return decorate


def _given(known: Sequence[str], sources: set[Any]) -> frozenset[str]:
    found = click.get_current_context()
    given = {name for name in known if found.get_parameter_source(name) in sources}
    return frozenset(given | ({"mysqld"} if "config_file" in given else set()))


def _spec_options(*, with_defaults: bool) -> list[click.Option]:
    def option(name: str, default: Any, text: str, **settings: Any) -> click.Option:
        shown = {"default": default, "show_default": True} if with_defaults else {"default": None}
        return click.Option([name], **shown, help=text, **settings)

    image_text = "A stock image of Python 3.11 or later; the agent itself is in a ConfigMap."
    config = "A my.cnf whose [mysqld] settings are added."
    return [
        option("--replicas", 3, "Members: 1, 3, 5, 7 or 9.", type=int),
        option("--image", DEFAULT_IMAGE, "An image of MySQL.", envvar="MYSQLOPS_IMAGE", show_envvar=True),
        option("--agent-image", DEFAULT_AGENT_IMAGE, image_text, envvar="MYSQLOPS_AGENT_IMAGE", show_envvar=True),
        option("--storage-size", "10Gi", "Of each member's volume."),
        click.Option(["--storage-class"], metavar="NAME", help="StorageClass (default: the cluster's default)."),
        option("--memory", "1Gi", "Of each mysqld; request and limit."),
        option("--cpu", "500m", "Request of each mysqld."),
        click.Option(["--config", "config_file"], type=click.Path(dir_okay=False), help=config),
    ]


def _read_config(path: str | None) -> dict[str, str | None]:
    if path is None:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"--config {path}: {getattr(error, 'strerror', None) or error}") from error
    return mysqld_config.check_user_settings(mysqld_config.parse(text, path), path)
