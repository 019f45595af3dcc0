"""Between the documents of a cluster file and what they describe: a spec, a schedule, a receiver of binary logs, a
target. Pure; `of_cluster` is the inverse of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from mysqlops.core import cluster_file, exposure, file_fields, image, mysqld_config, names, pod_patch, retention
from mysqlops.core.cluster_file import Document
from mysqlops.core.spec import ClusterSpec, check_replicas
from mysqlops.core.target import Target, check_transport, is_in_the_clear, repository_of
from mysqlops.core.typed import Json
from mysqlops.objects import binlog, exposed, schedule

# A field of the file -> that of the spec. A running cluster keeps those of the first table where the file is silent.
KEPT = {
    "spec.replicas": "replicas",
    "spec.image": "image",
    "spec.agentImage": "agent_image",
    "spec.memory": "memory",
    "spec.cpu": "cpu",
    "spec.storage.size": "storage_size",
    "spec.storage.class": "storage_class",
    "spec.spread": "spread",
    "spec.failureDetection": "failure_detection",
}
OPTIONAL = {
    "spec.access.clientNamespaces": "client_namespaces",
    "spec.access.metricsNamespaces": "metrics_namespaces",
    "spec.access.limitEgress": "limit_egress",
    "spec.exporterImage": "exporter_image",
    "spec.imagePullSecrets": "pull_secrets",
    "spec.anyUid": "any_uid",
    pod_patch.PATH: "pod",
}
_EXPOSED = {
    "sourceRanges": "ranges",
    "type": "type",
    "role": "role",
    "hostname": "hostname",
    "traffic": "traffic",
    "port": "port",
    "nodePort": "node_port",
    "annotations": "annotations",
}
_IMAGES = ("image", "agent_image")
SCHEDULE, BINLOG = "spec.backup.schedule", "spec.backup.binlog"
_VERIFY_CRON = "0 5 * * 0"
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Receiver:
    """Of binary logs: the target's name, and how often it stores them, in seconds."""

    target: str
    every: float


@dataclass(frozen=True)
class NewTarget:
    """A target, and what is read only when it is added: the names of two Secrets."""

    target: Target
    credentials: str | None
    password: str | None


def spec_of(document: Document, base: ClusterSpec, *, is_running: bool) -> ClusterSpec:
    """The wanted spec; `base` is the running one, or that of a new cluster. Raises ConfigError."""

    def make() -> ClusterSpec:
        given = {field: document.values[path] for path, field in KEPT.items() if path in document.values}
        if is_running:  # a tag does not ask to resolve it again (docs/adr/0038)
            given |= {one: getattr(base, one) for one in _IMAGES if one in given and _is_same(given[one], base, one)}
        if "replicas" in given:
            check_replicas(given["replicas"])
        none = {field.name: field.default for field in fields(ClusterSpec)}
        optional = {field: document.values.get(path, none[field]) for path, field in OPTIONAL.items()}
        if is_running and _is_same(optional["exporter_image"], base, "exporter_image"):
            optional["exporter_image"] = base.exporter_image
        return replace(base, **given, **optional, mysqld=settings)

    lines = document.values.get(file_fields.SETTINGS, ())  # each says itself where it stands
    settings = mysqld_config.check_user_settings(lines, document.source, base.mysqld if is_running else None)
    return document.in_its_words(make)


def _is_same(wanted: str, base: ClusterSpec, field: str) -> bool:
    return image.is_same(wanted, getattr(base, field))


def schedule_of(document: Document, running: schedule.Request | None) -> schedule.Request | None:
    """The wanted schedule, None for none; ages that the file does not name stay while the times do, and else are 0,
    which stands for two periods. Raises ConfigError."""
    if not document.has(SCHEDULE):
        return None
    given = {path.removeprefix(f"{SCHEDULE}."): value for path, value in document.values.items()}
    kept = running or schedule.Request("", _VERIFY_CRON, "")
    verify_cron = given.get("verifyCron", kept.verify_cron)
    ages = (
        kept.max_age if given["cron"] == kept.cron else 0,
        kept.verify_max_age if verify_cron == kept.verify_cron else 0,
    )
    request = schedule.Request(
        cron=given["cron"],
        verify_cron=verify_cron,
        target=given["target"],
        member=given.get("member", ""),
        rate_mib=given.get("rate", 0),
        keep=retention.Policy(**{key: given.get(f"keep.{key}", 0) for key in retention.PERIODS}),
        max_age=int(given.get("maxAge", ages[0])),
        verify_max_age=int(given.get("verifyMaxAge", ages[1])),
    )

    def check() -> None:
        schedule.check_cron("--cron", request.cron, _ANY_DAY)
        schedule.check_cron("--verify-cron", request.verify_cron, _ANY_DAY)

    document.in_its_words(check)
    return request


def receiver_of(document: Document, running: Receiver | None) -> Receiver | None:
    """The wanted receiver of binary logs, None for none; raises ConfigError."""
    if not document.has(BINLOG):
        return None
    every = document.values.get(f"{BINLOG}.every", running.every if running else binlog.DEFAULT_SECONDS)
    document.in_its_words(lambda: binlog.check_every(every))
    return Receiver(document.values[f"{BINLOG}.target"], every)


def target_of(document: Document, restic: str, *, accepted: bool = False) -> NewTarget:
    """`restic` is the image where the file names none, `accepted` whether http:// is; raises ConfigError."""

    def make() -> NewTarget:
        given = {path.removeprefix("spec."): value for path, value in document.values.items()}
        repository = repository_of(given.get("s3"), given.get("claim"), given.get("repository"))
        check_transport(repository, accepted=given.get("insecureHttp", accepted))
        made = Target(document.name, repository, given.get("resticImage", restic), given.get("claim"))
        return NewTarget(made, given.get("credentials"), given.get("passwordSecret"))

    return document.in_its_words(make)


def exposed_of(document: Document) -> tuple[exposed.Request, ...] | None:
    """The wanted Services for clients from outside; None if the file does not say. Raises ConfigError."""
    chosen = document.values.get(file_fields.EXPOSE)
    return None if chosen is None else tuple(_exposed(document, name) for name in sorted(chosen))


def _exposed(document: Document, name: str) -> exposed.Request:
    def make() -> exposed.Request:
        given = {
            field: document.values[path]
            for key, field in _EXPOSED.items()
            if (path := f"{file_fields.EXPOSE}.{name}.{key}") in document.values
        }
        return exposed.Request(name, **{"type": exposure.TYPES[0], "role": names.ROLE_PRIMARY, **given}).check(
            document.name
        )

    return document.in_its_words(make, name)


def exposed_facts(request: exposed.Request) -> dict[str, Any]:
    """By the file's names; None is the default."""
    facts = {key: getattr(request, field) for key, field in _EXPOSED.items()}
    is_usual = request.traffic_policy == replace(request, traffic="").traffic_policy
    traffic = None if is_usual else request.traffic_policy
    port = None if request.port == names.PORT_MYSQL else request.port
    chosen = {"sourceRanges": tuple(sorted(request.ranges)), "traffic": traffic, "port": port}
    return {key: value or None for key, value in (facts | chosen).items()}


def of_cluster(
    spec: ClusterSpec,
    request: schedule.Request | None,
    receiver: Receiver | None,
    opened: Iterable[exposed.Request] = (),
) -> Json:
    """The document that describes all that. Without a Service it does not say that there is none."""
    values: dict[str, Any] = {path: getattr(spec, field) for path, field in KEPT.items()}
    values |= {path: getattr(spec, field) or None for path, field in OPTIONAL.items()}
    values[file_fields.SETTINGS] = dict(sorted(spec.mysqld.items())) or None
    values |= _of_schedule(request) if request is not None else {}
    if receiver is not None:
        values |= {f"{BINLOG}.target": receiver.target, f"{BINLOG}.every": receiver.every}
    for one in opened:
        values[file_fields.EXPOSE] = (*values.get(file_fields.EXPOSE, ()), one.service)
        values |= {f"{file_fields.EXPOSE}.{one.service}.{key}": fact for key, fact in exposed_facts(one).items()}
    return cluster_file.document(file_fields.CLUSTER, spec.name, spec.namespace, values)


def _of_schedule(request: schedule.Request) -> dict[str, Any]:
    values: Mapping[str, Any] = {
        "target": request.target,
        "cron": request.cron,
        "verifyCron": request.verify_cron,
        "member": request.member or None,
        "rate": request.rate_mib or None,
        "maxAge": request.max_age or None,
        "verifyMaxAge": request.verify_max_age or None,
        **{f"keep.{key}": getattr(request.keep, key) or None for key in retention.PERIODS},
    }
    return {f"{SCHEDULE}.{key}": value for key, value in values.items()}


def of_target(target: Target, namespace: str) -> Json:
    """Without its Secrets: nobody notes from which ones they were read."""
    values: dict[str, Any] = {"spec.claim": target.claim, "spec.resticImage": target.image}
    if target.claim is None and target.repository.startswith("s3:http"):
        values["spec.s3"] = target.repository.removeprefix("s3:")
    elif target.claim is None:
        values["spec.repository"] = target.repository
    values["spec.insecureHttp"] = is_in_the_clear(target.repository) or None
    return cluster_file.document(file_fields.TARGET, target.name, namespace, values)
