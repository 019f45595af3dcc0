"""The options that describe a cluster, and those for access to it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from mysqlops import errors
from mysqlops.cli import options
from mysqlops.cli.types import NameList, PodPatch
from mysqlops.core import mysqld_config
from mysqlops.core.spec import (
    DEFAULT_AGENT_IMAGE,
    DEFAULT_IMAGE,
    FAST,
    PREFERRED,
    REQUIRED,
    SAFE,
    ClusterSpec,
    check_replicas,
)

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Access:
    """The surroundings of a cluster: its network and its pods; no database setting. None: the option was not given."""

    client_namespaces: tuple[str, ...] | None
    metrics_namespaces: tuple[str, ...] | None
    limit_egress: bool | None
    pull_secrets: tuple[str, ...] | None
    spread: str | None
    any_uid: bool | None
    pod: str | None
    exporter_image: str | None
    failure_detection: str | None


_ACCESS = (
    click.Option(
        ["--client-namespaces"],
        type=NameList(),
        metavar="NAME,…",
        help="Other namespaces whose labelled pods may connect; '*' for all.",
    ),
    click.Option(
        ["--metrics-namespaces"],
        type=NameList(),
        metavar="NAME,…",
        help="Other namespaces whose pods may read /metrics; '*' for any source.",
    ),
    click.Option(
        ["--limit-egress/--any-egress"],
        default=None,
        help="Let members reach only each other, DNS and ports 443 and 6443.",
    ),
    click.Option(
        ["--image-pull-secrets", "pull_secrets"],
        type=NameList(),
        metavar="NAME,…",
        help="Secrets with the logins of a private registry.",
    ),
    click.Option(
        ["--spread"],
        type=click.Choice([PREFERRED, REQUIRED]),
        help="Whether members must be on different nodes (default: preferred).",
    ),
    click.Option(
        ["--any-uid/--fixed-uid"],
        default=None,
        help="Let the namespace choose the pods' user and group, as OpenShift does.",
    ),
    click.Option(
        ["--pod-patch", "pod"],
        type=PodPatch(),
        metavar="FILE",
        help="Add this to every pod, as `pod` of a cluster file does.",
    ),
    click.Option(
        ["--exporter-image"],
        metavar="IMAGE",
        help="Image of a mysqld_exporter beside each mysqld; '' for none.",
    ),
    click.Option(
        ["--failure-detection"],
        type=click.Choice([SAFE, FAST]),
        help="Who may suspect a silent member: the group (safe, the default), or sooner its agents too (fast).",
    ),
)


def access(function: F) -> F:
    """The options of `Access`, passed as `access`."""

    @functools.wraps(function)
    def wrapper(*words: Any, **given: Any) -> Any:
        found = Access(**{field.name: given.pop(field.name) for field in fields(Access)})
        return function(*words, access=found, **given)

    options.add(wrapper, _ACCESS)
    return cast("F", wrapper)


@dataclass(frozen=True)
class Wanted:
    """The options that describe a cluster. `chosen` has the fields that the user set, on the command line or in the
    environment; `on_the_line` those set on the command line."""

    values: dict[str, Any]
    config_file: str | None
    chosen: frozenset[str]
    on_the_line: frozenset[str]

    def spec(self, name: str, namespace: str, running: Mapping[str, str | None] | None = None) -> ClusterSpec:
        """The cluster that the options describe; `running` has the settings of an existing one. Raises ConfigError."""
        given = {key: value for key, value in self.values.items() if value is not None}
        check_replicas(given.get("replicas", 3))
        return ClusterSpec(name=name, namespace=namespace, mysqld=_read_config(self.config_file, running), **given)


def spec(*, with_defaults: bool = True) -> Callable[[F], F]:
    """The options that describe a cluster, passed as `wanted`; without defaults if another cluster supplies them."""

    def decorate(function: F) -> F:
        described = [*_spec_options(with_defaults=with_defaults), *_ACCESS]
        names_of = [str(option.name) for option in described]

        @functools.wraps(function)
        def wrapper(*words: Any, **given: Any) -> Any:
            values = {name: given.pop(name) for name in names_of}
            line, environment = click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT
            config_file = values.pop("config_file")
            on_the_line, chosen = _given(names_of, {line}), _given(names_of, {line, environment})
            return function(*words, wanted=Wanted(values, config_file, chosen, on_the_line), **given)

        options.add(wrapper, described)
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

    image_text = "Stock image of Python 3.11 or later, which runs the agent."
    config = "A my.cnf file whose [mysqld] settings are added."
    return [
        option("--replicas", 3, "Number of members: 1, 3, 5, 7 or 9.", type=int),
        option("--image", DEFAULT_IMAGE, "Image of MySQL.", envvar="MYSQLOPS_IMAGE", show_envvar=True),
        option("--agent-image", DEFAULT_AGENT_IMAGE, image_text, envvar="MYSQLOPS_AGENT_IMAGE", show_envvar=True),
        option("--storage-size", "10Gi", "Size of each member's volume."),
        click.Option(["--storage-class"], metavar="NAME", help="StorageClass (default: the cluster's default)."),
        option("--memory", "1Gi", "Memory of each mysqld: request and limit."),
        option("--cpu", "500m", "CPU request of each mysqld."),
        click.Option(["--config", "config_file"], type=click.Path(dir_okay=False), help=config),
    ]


def _read_config(path: str | None, running: Mapping[str, str | None] | None) -> dict[str, str | None]:
    if path is None:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"--config {path}: {getattr(error, 'strerror', None) or error}") from error
    return mysqld_config.check_user_settings(mysqld_config.parse(text, path), path, running)
