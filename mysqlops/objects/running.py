"""The spec of a running cluster, read from its StatefulSet and its settings. Pure; the inverse of render."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from mysqlops.core import image, mysqld_config, names, quantity
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError, Reason
from mysqlops.objects import network, pod_template, render
from mysqlops.objects.render import USER_CNF

# A field of the spec -> its option of `deploy`, and the verb that changes it on a running cluster.
_VERBS = {
    "replicas": ("--replicas", "scale {name} --replicas {wanted}"),
    "image": ("--image", "upgrade {name} --image {wanted}"),
    "agent_image": ("--agent-image", "upgrade {name} --agent-image {wanted}"),
    "storage_size": ("--storage-size", "storage resize {name} --size {wanted}"),
    "storage_class": ("--storage-class", ""),
    "memory": ("--memory", "upgrade {name} --memory {wanted}"),
    "cpu": ("--cpu", "upgrade {name} --cpu {wanted}"),
    "mysqld": ("--config", "config set {name} KEY=VALUE"),
    "client_namespaces": ("--client-namespaces", "upgrade {name} --client-namespaces {wanted}"),
    "metrics_namespaces": ("--metrics-namespaces", "upgrade {name} --metrics-namespaces {wanted}"),
    "limit_egress": ("--limit-egress", "upgrade {name} --limit-egress"),
    "exporter_image": ("--exporter-image", "upgrade {name} --exporter-image {wanted}"),
    "spread": ("--spread", "upgrade {name} --spread {wanted}"),
    "failure_detection": ("--failure-detection", "upgrade {name} --failure-detection {wanted}"),
    "any_uid": ("--any-uid", "upgrade {name} --any-uid"),
    "pod": ("--pod-patch", "upgrade {name} --pod-patch FILE"),
    "pull_secrets": ("--image-pull-secrets", "upgrade {name} --image-pull-secrets {wanted}"),
}


def spec_of(stateful_set: Json, settings: Json, policy: Json | None) -> ClusterSpec:
    """The spec that would produce this StatefulSet; `settings` is the ConfigMap's data, `policy` the NetworkPolicy.
    Raises ConfigError for values that mysqlops never writes."""
    access = network.access_of(policy)
    containers = {container["name"]: container for container in stateful_set["spec"]["template"]["spec"]["containers"]}
    name, noted = stateful_set["metadata"]["name"], pod_template.noted(stateful_set)
    source = f"ConfigMap of {name}, {USER_CNF}"

    def of(container: str, *path: str) -> str:
        return _text(f"StatefulSet {name}: container {container}", containers.get(container, {}), path)

    claim = (stateful_set["spec"].get("volumeClaimTemplates") or [{}])[0].get("spec") or {}
    mysqld = names.CONTAINER_MYSQLD
    return ClusterSpec(
        name=name,
        namespace=stateful_set["metadata"]["namespace"],
        replicas=int(stateful_set["spec"]["replicas"]),
        image=of(mysqld, "image"),
        agent_image=of(names.CONTAINER_AGENT, "image"),
        exporter_image=containers.get(names.CONTAINER_EXPORTER, {}).get("image", ""),
        storage_size=_text(f"StatefulSet {name}: claim template", claim, ("resources", "requests", "storage")),
        storage_class=claim.get("storageClassName"),
        memory=of(mysqld, "resources", "limits", "memory"),
        cpu=of(mysqld, "resources", "requests", "cpu"),
        client_namespaces=access.client_namespaces,
        metrics_namespaces=access.metrics_namespaces,
        limit_egress=access.limit_egress,
        pull_secrets=noted.pull_secrets,
        spread=render.spread_of(stateful_set["spec"]["template"]),
        failure_detection=access.failure_detection,
        any_uid=noted.any_uid,
        pod=noted.pod,
        mysqld=mysqld_config.read(mysqld_config.parse(settings.get(USER_CNF, ""), source)),
    )


def _text(what: str, found: Json, path: Sequence[str]) -> str:
    """A text within an object; raises ConfigError if somebody has removed it."""
    value: Any = found
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise ConfigError(f"{what} has no {'.'.join(path)}: somebody removed it", hint=render.HISTORY)
    return value


def differences(wanted: ClusterSpec, running: ClusterSpec, chosen: Collection[str] | None = None) -> list[Reason]:
    """For each (chosen) option that differs from the running cluster, the command that changes it."""
    return [
        _reason(field.name, wanted, running)
        for field in fields(ClusterSpec)
        if (chosen is None or field.name in chosen) and differs(field.name, wanted, running)
    ]


def differs(field: str, wanted: ClusterSpec, running: ClusterSpec) -> bool:
    """Whether a field asks for something else than what runs, however each of them writes it."""
    left, right = getattr(wanted, field), getattr(running, field)
    if field in ("storage_size", "memory", "cpu"):
        return not quantity.is_same(left, right)
    if field in ("image", "agent_image", "exporter_image"):
        return not image.is_same(left, right)
    if field == "storage_class" and left is None:
        return False  # the default class, whichever that was
    if isinstance(left, tuple):
        return sorted(left) != sorted(right)
    return bool(left != right)


def _reason(field: str, wanted: ClusterSpec, running: ClusterSpec) -> Reason:
    option, verb = _VERBS[field]
    value, present = (_words(getattr(spec, field)) for spec in (wanted, running))
    if field == "mysqld":
        text = "--config: the settings differ from the running ones: " + ", ".join(_settings(wanted, running))
    elif field == "pod":
        text = f"--pod-patch: {running.name} runs with another patch, or with none"
    else:
        text = f"{option} {value}: {running.name} runs with {present}"
    hint = f"mysqlops {verb.format(name=running.name, wanted=value)}" if verb else "a running cluster keeps its class"
    return Reason("changed-option", text, hint)


def _words(value: Any) -> Any:
    if isinstance(value, tuple):
        return ",".join(value) or "''"
    return "''" if value == "" else value


def _settings(wanted: ClusterSpec, running: ClusterSpec) -> list[str]:
    keys = sorted({*wanted.mysqld, *running.mysqld})
    return [key for key in keys if wanted.mysqld.get(key, "") != running.mysqld.get(key, "")]
