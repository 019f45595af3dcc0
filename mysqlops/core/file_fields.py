"""Every field of a cluster file: how it is read, how it is written, and what it means. The parser, the JSON schema and
docs/reference/cluster-file.md are made of this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mysqlops.core import duration, names, pod_patch, quantity, retention, typed
from mysqlops.core.spec import DEFAULT_AGENT_IMAGE, DEFAULT_IMAGE, PREFERRED, SAFE
from mysqlops.core.target import DEFAULT_IMAGE as RESTIC_IMAGE
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError

API_VERSION = "mysqlops/v1"
CLUSTER, TARGET = "Cluster", "BackupTarget"
SETTINGS = "spec.settings"
EXPOSE = "spec.expose"
ANY = "*"  # in a path: a name that the user chooses


@dataclass(frozen=True)
class Kind:
    """A kind of value: from the text in the file and back, and as JSON schema. `read` raises ConfigError; of a list it
    reads each entry."""

    read: Callable[[str], Any]
    write: Callable[[Any], Any]
    schema: Json
    shape: type[str] | type[list[Any]] | type[dict[str, Any]] = str


@dataclass(frozen=True)
class Field:
    """One field. `default`: what a new cluster gets where the file does not name it; a running one keeps what it has.
    Without a default the field is one of those that a cluster may have: not named means none. `required`: wherever its
    section is given."""

    path: str
    kind: Kind
    text: str
    default: str = ""
    required: bool = False
    option: str = ""  # of the command line, as errors of the spec name it


def _text(text: str) -> str:
    if not text or not typed.is_plain(text):
        raise ConfigError(f"expected a text, found {typed.visible(text)!r}")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ConfigError(f"expected a whole number, found {text!r}")
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ConfigError(f"expected true or false, found {text!r}")
    return text == "true"


def _size(text: str) -> str:
    quantity.parse(text)
    return text


def _same(value: Any) -> Any:
    return value


_STRING: Json = {"type": "string"}
TEXT = Kind(_text, _same, _STRING)
COUNT = Kind(_count, _same, {"type": "integer", "minimum": 0})
FLAG = Kind(_flag, _same, {"type": "boolean"})
SIZE = Kind(_size, _same, {"type": ["string", "integer"], "pattern": r"^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?|Ki)?$"})
SECONDS = Kind(duration.parse, duration.text_of, {"type": ["string", "integer"], "pattern": "^([0-9]+(d|h|ms|m|s)?)+$"})
RATE = Kind(quantity.parse_mib, lambda mib: f"{mib}Mi", {"type": ["string", "integer"]})
NAMES = Kind(_text, list, {"type": "array", "items": _STRING, "uniqueItems": True}, list)
_SCALARS = ["string", "number", "boolean", "null"]
VALUES = Kind(_same, dict, {"type": "object", "additionalProperties": {"type": _SCALARS}}, dict)
TEXTS = Kind(_same, dict, {"type": "object", "additionalProperties": _STRING}, dict)
# Read as a tree of nodes, kept as JSON.
PATCH = Kind(_same, pod_patch.load, {"type": "object"}, dict)

_SCHEDULE, _BINLOG = "spec.backup.schedule", "spec.backup.binlog"
_PERIODS = {"last": "backups", **{key: f"{key} backups" for key in ("hourly", "daily", "weekly", "monthly")}}
_REPLICAS = "Members: 1, 3, 5, 7 or 9."
_AGENT = "A stock image of Python 3.11 or later, for the agents."
_EXPORTER = "mysqld_exporter beside each mysqld: [monitoring](../how-to/monitoring.md#mysqld_exporter)."
_DETECTION = (
    "How soon a silent member is removed: `safe`, or `fast`: [failure-detection.md](../how-to/failure-detection.md)."
)
_RATE = "Limit of copy and upload, per second: `50Mi`."
_SERVICE = f"{EXPOSE}.{ANY}"
_EXPOSE = (
    Field(f"{_SERVICE}.sourceRanges", NAMES, "Who may connect.", required=True, option="--source-ranges"),
    Field(f"{_SERVICE}.type", TEXT, "`LoadBalancer` or `NodePort`.", "LoadBalancer", option="--type"),
    Field(f"{_SERVICE}.role", TEXT, "Members that it leads to: `primary` or `replica`.", "primary", option="--role"),
    Field(f"{_SERVICE}.hostname", TEXT, "A name for the certificate.", option="--hostname"),
    Field(
        f"{_SERVICE}.traffic",
        TEXT,
        "`Local` or `Cluster`.",
        "`Cluster` with NodePort, else `Local`",
        False,
        "--traffic",
    ),
    Field(f"{_SERVICE}.port", COUNT, "Port of the Service.", "3306", option="--port"),
    Field(f"{_SERVICE}.nodePort", COUNT, "Port of the nodes, with NodePort.", "any free one", option="--node-port"),
    Field(f"{_SERVICE}.annotations", TEXTS, "Annotations of the Service.", option="--annotation"),
)
CLUSTER_FIELDS = (
    Field("spec.replicas", COUNT, _REPLICAS, "3", option="--replicas"),
    Field("spec.image", TEXT, "An image of MySQL.", DEFAULT_IMAGE, option="--image"),
    Field("spec.agentImage", TEXT, _AGENT, DEFAULT_AGENT_IMAGE, option="--agent-image"),
    Field("spec.memory", SIZE, "Of each mysqld; request and limit.", "1Gi", option="--memory"),
    Field("spec.cpu", SIZE, "Request of each mysqld.", "500m", option="--cpu"),
    Field("spec.storage.size", SIZE, "Of each member's volume. It never shrinks.", "10Gi", option="--storage-size"),
    Field("spec.storage.class", TEXT, "StorageClass. It stays.", "the default class", option="--storage-class"),
    Field(SETTINGS, VALUES, "Settings of my.cnf, each as `name: value`; null is a bare flag.", option="--config"),
    Field(
        "spec.access.clientNamespaces",
        NAMES,
        "Other namespaces whose labelled pods may connect; `*`: all.",
        option="--client-namespaces",
    ),
    Field(
        "spec.access.metricsNamespaces",
        NAMES,
        "Other namespaces whose pods may read /metrics; `*`: anybody.",
        option="--metrics-namespaces",
    ),
    Field(
        "spec.access.limitEgress",
        FLAG,
        "Members reach each other, DNS and the API server only.",
        option="--limit-egress",
    ),
    Field("spec.exporterImage", TEXT, _EXPORTER, option="--exporter-image"),
    Field("spec.imagePullSecrets", NAMES, "Secrets of a private registry.", option="--image-pull-secrets"),
    Field("spec.spread", TEXT, "Members on different nodes: `preferred`, or `required`.", PREFERRED, option="--spread"),
    Field("spec.failureDetection", TEXT, _DETECTION, SAFE, option="--failure-detection"),
    Field("spec.anyUid", FLAG, "The namespace chooses the pods' user and group.", option="--any-uid"),
    Field(pod_patch.PATH, PATCH, "What is added to every pod: [pods.md](pods.md).", option="--pod-patch"),
    Field(f"{_SCHEDULE}.target", TEXT, "Where the backups go.", required=True),
    Field(f"{_SCHEDULE}.cron", TEXT, "When to back up (UTC).", required=True, option="--cron"),
    Field(f"{_SCHEDULE}.verifyCron", TEXT, "When to restore and compare.", "0 5 * * 0", option="--verify-cron"),
    Field(f"{_SCHEDULE}.member", TEXT, "Copy this one; else the replica with the least to apply."),
    Field(f"{_SCHEDULE}.rate", RATE, _RATE, option="--rate"),
    Field(f"{_SCHEDULE}.maxAge", SECONDS, "Of the newest backup, before `status` complains.", "two periods"),
    Field(f"{_SCHEDULE}.verifyMaxAge", SECONDS, "Of the newest verified one.", "two periods"),
    *(
        Field(f"{_SCHEDULE}.keep.{key}", COUNT, f"How many {_PERIODS[key]} to keep.", option=f"--keep-{key}")
        for key in retention.PERIODS
    ),
    Field(f"{_BINLOG}.target", TEXT, "Where the binary logs go.", required=True),
    Field(f"{_BINLOG}.every", SECONDS, "How often they are stored: 5s to 5m.", "15s", option="--every"),
    *_EXPOSE,
)
TARGET_FIELDS = (
    Field("spec.s3", TEXT, "`https://HOST/BUCKET[/FOLDER]`", option="--s3"),
    Field("spec.claim", TEXT, "An existing claim of the namespace.", option="--claim"),
    Field("spec.repository", TEXT, "Any other repository, as restic writes it.", option="--repository"),
    Field("spec.credentials", TEXT, "Secret whose keys are restic's variables.", option="--credentials"),
    Field("spec.passwordSecret", TEXT, "Secret whose key `password` opens it.", option="--password-secret"),
    Field("spec.resticImage", TEXT, "restic.", RESTIC_IMAGE, option="--restic-image"),
    Field("spec.insecureHttp", FLAG, "Take an http:// server.", option="--insecure-http"),
)
FIELDS: Mapping[str, tuple[Field, ...]] = {CLUSTER: CLUSTER_FIELDS, TARGET: TARGET_FIELDS}
_NAME: Json = {"type": "string", "maxLength": names.MAX_NAME_LENGTH}


def schema() -> Json:
    """The JSON schema of one document of a cluster file (draft 7, which editors read)."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A document of mysqlops' cluster file",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"enum": list(FIELDS)}},
        "oneOf": [_schema_of(kind) for kind in FIELDS],
    }


def _schema_of(kind: str) -> Json:
    metadata = _object({"name": _NAME, "namespace": _STRING}, ["name"])
    made = _object({"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}, "metadata": metadata}, [])
    for field in FIELDS[kind]:
        *sections, last = field.path.split(".")
        found = made
        for section in sections:
            found = _inside(found, section)
        default = {"default": field.default} if field.default else {}
        found["properties"][last] = {**field.kind.schema, "description": field.text, **default}
        if field.required:
            found["required"].append(last)
    return made


def _inside(found: Json, section: str) -> Json:
    """The schema of a section, which is made with the first field in it."""
    if section != ANY:
        inside: Json = found["properties"].setdefault(section, _object({}, []))
        return inside
    if found["additionalProperties"] is False:
        found["additionalProperties"] = _object({}, [])
    named: Json = found["additionalProperties"]
    return named


def _object(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}
