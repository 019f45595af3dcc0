"""Options that several commands share. What says who asks, where and in which form goes into a `Run`, the first
parameter of every command; it may stand before the verb too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import click

from mysqlops.cli import complete, context
from mysqlops.cli.types import Duration
from mysqlops.core import retention

F = TypeVar("F", bound=Callable[..., Any])
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


def add(function: Callable[..., Any], parameters: Sequence[click.Parameter]) -> None:
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
        add(wrapper, parameters)
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


def optional_cluster(function: F) -> F:
    """NAME of a verb that does not need one, given as `name`; --cluster is its old spelling."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        old = given.pop("cluster")
        if old is not None and given["name"] is not None:
            raise click.UsageError("NAME and --cluster: one of them only")
        if old is not None:
            from mysqlops.cli import output

            output.say(f"warning: --cluster {old} is an old spelling: give the name alone", err=True)
            given["name"] = old
        return function(*words, **given)

    name = click.Argument(["name"], required=False, shell_complete=complete.clusters)
    add(wrapper, [name, click.Option(["--cluster"], metavar="NAME", hidden=True)])
    return cast("F", wrapper)


def dry_run(text: str = "Check what can be read, say what would be done; change nothing.") -> Callable[[F], F]:
    return click.option("--dry-run", is_flag=True, help=text)


def confirmed(what: str, *, metavar: str = "NAME", has_yes: bool = True) -> Callable[[F], F]:
    """--yes and --confirm: what a terminal would ask for."""

    def decorate(function: F) -> F:
        parameters = [_option("--yes", "-y", key="yes", is_flag=True, help="Do not ask.")] if has_yes else []
        text = f"Name it, instead of typing it when asked: {what}."
        parameters.append(_option("--confirm", key="confirm", metavar=metavar, help=text))
        add(function, parameters)
        return function

    return decorate


def wait(text: str) -> Callable[[F], F]:
    return click.option("--wait/--no-wait", default=True, show_default=True, help=text)


def member(function: F) -> F:
    return click.argument("member", shell_complete=complete.members)(function)


def trust(function: F) -> F:
    """Of a command that gives the files of a backup to a server, or to somebody; given as `trust`."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        from mysqlops.operations.signing import Trust

        found = Trust(given.pop("accept_unsigned"), given.pop("signed_by"))
        return function(*words, trust=found, **given)

    unsigned = "Although no key that is here has sealed the backup and its files."
    key = "With the key that sealed it, from a cluster that is lost."
    options = [
        click.Option(["--accept-unsigned"], is_flag=True, help=unsigned),
        click.Option(["--signed-by"], metavar="SECRET", help=key),
    ]
    add(wrapper, options)
    return cast("F", wrapper)


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
    add(wrapper, [click.Option([f"--keep-{key}"], type=int, default=0, metavar="N", help=texts[key]) for key in texts])
    return cast("F", wrapper)
