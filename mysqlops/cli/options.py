"""Options that several commands share. Those for the API server, identity, namespace and output form are also accepted
before the verb; a command gets them as a `Run`, its first parameter."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import click

from mysqlops.cli import complete, context
from mysqlops.cli.types import Duration, Rate
from mysqlops.core import retention

F = TypeVar("F", bound=Callable[..., Any])
FORMS = ("table", "json", "yaml")
_VARIABLES = {"namespace": "MYSQLOPS_NAMESPACE", "context": "MYSQLOPS_CONTEXT"}


def _remember(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Record the value in the `meta` that all contexts of a command line share: the last option on the line wins."""

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
    files = "Kubeconfig files (default: MYSQLOPS_KUBECONFIG, KUBECONFIG)."
    group = "Also act as a member of this group; may be repeated."
    return [
        option("--namespace", "-n", key="namespace", text=where, shell_complete=complete.namespaces),
        option("--context", key="context", text=context_text, shell_complete=complete.contexts),
        option("--kubeconfig", key="kubeconfig", text=files, metavar="FILE"),
        option("--as", key="as_user", text="Act as this user (impersonation).", metavar="USER"),
        option("--as-group", key="as_groups", text=group, metavar="GROUP", multiple=True),
    ]


def _output(forms: Sequence[str], *, default: str | None, hidden: bool = False) -> click.Option:
    text = "Output format." if default is None else f"Output format (default: {default})."
    return _option("--output", "-o", key="output", type=click.Choice(list(forms)), help=text, hidden=hidden)


def anywhere_before(*, is_root: bool) -> list[click.Parameter]:
    """The options that are also accepted before the verb. Only the root command shows them, and reads the variables."""
    found = _connection(with_variables=is_root, hidden=not is_root)
    return [*found, _output((*FORMS, "wide"), default=None, hidden=not is_root)]


def add(function: Callable[..., Any], parameters: Sequence[click.Parameter]) -> None:
    """Add parameters before the existing ones, in this order."""
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
            parameters += [option for option in _connection() if has_as or option.name != "as"]
        if default_timeout is not None:
            text = "Stop waiting then; work in the cluster continues."
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
    """Options and argument of a verb on one cluster: NAME, where it is, how long to wait, and the output form."""
    return _runs(default_timeout, forms, has_cluster=True)


def namespaced(default_timeout: str | None, *, has_as: bool = True) -> Callable[[F], F]:
    """Options of a verb that concerns no single cluster. Without `has_as` the verb has an --as of its own (`restore`),
    and the identity to act as is only accepted before the verb."""
    return _runs(default_timeout, FORMS, has_cluster=False, has_as=has_as)


def offline(*, forms: Sequence[str] = FORMS, default_timeout: str | None = None) -> Callable[[F], F]:
    """Options of a verb that needs no API server."""
    return _runs(default_timeout, forms, has_cluster=False, connects=False)


def optional_cluster(function: F) -> F:
    """The optional NAME of a cluster, passed as `name`; --cluster is its old spelling."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        old = given.pop("cluster")
        if old is not None and given["name"] is not None:
            raise click.UsageError("NAME and --cluster exclude each other")
        if old is not None:
            from mysqlops.cli import output

            output.say(f"warning: --cluster {old} is an old spelling; write just {old}", err=True)
            given["name"] = old
        return function(*words, **given)

    name = click.Argument(["name"], required=False, shell_complete=complete.clusters)
    add(wrapper, [name, click.Option(["--cluster"], metavar="NAME", hidden=True)])
    return cast("F", wrapper)


def dry_run(
    text: str = "Check and show what would be done; change nothing.",
) -> Callable[[F], F]:
    return click.option("--dry-run", is_flag=True, help=text)


def confirmed(what: str, *, metavar: str = "NAME", has_yes: bool = True) -> Callable[[F], F]:
    """--yes and --confirm: the answers to the question that a terminal is asked."""

    def decorate(function: F) -> F:
        parameters = [_option("--yes", "-y", key="yes", is_flag=True, help="Do not ask.")] if has_yes else []
        text = f"Confirm by name instead of at a prompt: {what}."
        parameters.append(_option("--confirm", key="confirm", metavar=metavar, help=text))
        add(function, parameters)
        return function

    return decorate


def wait(text: str) -> Callable[[F], F]:
    """For a verb whose work the agents, a controller or a Job finish; without it the command leads until the end."""
    return click.option("--wait/--no-wait", default=True, show_default=True, help=text)


def show_secrets(function: F) -> F:
    text = "Print it even if a setting in it is a secret, such as a password for LDAP."
    return click.option("--show-secrets", is_flag=True, help=text)(function)


def member(function: F) -> F:
    return click.argument("member", shell_complete=complete.members)(function)


def trust(function: F) -> F:
    """Which backups a command accepts that starts a server on their files or hands them out; passed as `trust`."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        from mysqlops.operations.signing import Trust

        found = Trust(given.pop("accept_unsigned"), given.pop("signed_by"))
        return function(*words, trust=found, **given)

    unsigned = "Accept a backup or files that no key of this namespace sealed."
    key = "Secret with the key that sealed the backup, from a cluster that is lost."
    options = [
        click.Option(["--accept-unsigned"], is_flag=True, help=unsigned),
        click.Option(["--signed-by"], metavar="SECRET", help=key),
    ]
    add(wrapper, options)
    return cast("F", wrapper)


def copied_member(function: F) -> F:
    """For what copies one member's data."""
    text = "Member to copy (default: the replica with the least to apply)."
    return click.option("--member", metavar="POD", default="", shell_complete=complete.members, help=text)(function)


def target(function: F) -> F:
    """--target, where backups are stored."""
    text = "Backup target (default: the only one of the namespace)."
    return click.option("--target", metavar="NAME", shell_complete=complete.targets, help=text)(function)


def backup(function: F) -> F:
    return click.argument("backup", shell_complete=complete.backups)(function)


def rate(function: F) -> F:
    """--rate, passed as `rate_mib`, whole MiB per second; 0 is no limit."""
    text = "Limit of copy and upload per second, such as 50Mi."
    return click.option("--rate", "rate_mib", type=Rate(), default=0, metavar="RATE", help=text)(function)


def member_timeout(pod: str) -> Callable[[F], F]:
    """For verbs that replace or restart one member after another."""
    text = f"{pod} that has not joined the group by then has failed."
    return click.option("--member-timeout", type=Duration(), default="10m", show_default=True, help=text)


_PERIODS = {"last": "", "hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months"}


def keep(function: F) -> F:
    """--keep-…, passed as one retention policy, `policy`."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        policy = retention.Policy(**{period: given.pop(f"keep_{period}") for period in retention.PERIODS})
        return function(*words, policy=policy, **given)

    texts = {
        key: f"Keep the newest backup of each of the last N {unit}." if unit else "Keep the last N backups."
        for key, unit in _PERIODS.items()
    }
    add(wrapper, [click.Option([f"--keep-{key}"], type=int, default=0, metavar="N", help=texts[key]) for key in texts])
    return cast("F", wrapper)
