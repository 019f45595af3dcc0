"""The receiver of a cluster's binary logs, from manifests/binlog, and the meaning of its report. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mysqlops.core import binlog, instant, names, pod_patch, typed
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError, Reason, Refused
from mysqlops.objects import backup, pod_template, pods, render

DEFAULT_SECONDS = 15.0
_LEAST_SECONDS, _MOST_SECONDS = 5.0, 300.0
CHUNK_SECONDS, CHUNK_MIB = 3600, 256
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Request:
    """The options of `backup binlog start`."""

    target: Target
    every: float = DEFAULT_SECONDS


def check_every(seconds: float) -> float:
    if not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        text = f"--every {seconds:g}s: expected {_LEAST_SECONDS:g}s to {_MOST_SECONDS / 60:g}m"
        raise ConfigError(f"{text}: anything not stored yet is lost with the cluster, and each store adds a snapshot")
    return seconds


@dataclass(frozen=True)
class Source:
    """What the Deployment is built from: the cluster's spec, its agent's ConfigMap, and its origin."""

    spec: ClusterSpec
    agent_map: str
    origin: str


def objects(templates: Sequence[Json], scripts: Mapping[str, str], request: Request, source: Source) -> list[Json]:
    """What `backup binlog start` applies, in that order."""
    made: list[Json] = [render.rename(template, source.spec.name) for template in templates]
    for item in made:
        item["metadata"]["namespace"] = source.spec.namespace
    for subject in next(manifest for manifest in made if manifest["kind"] == "RoleBinding")["subjects"]:
        subject["namespace"] = source.spec.namespace
    _fill(next(manifest for manifest in made if manifest["kind"] == "Deployment"), scripts, request, source)
    return made


def _fill(deployment: Json, scripts: Mapping[str, str], request: Request, source: Source) -> None:
    deployment["metadata"]["annotations"] = {names.ANNOTATION_BINLOG: json.dumps(_noted(request), sort_keys=True)}
    pod = deployment["spec"]["template"]["spec"]
    containers = {container["name"]: container for container in (*pod["initContainers"], *pod["containers"])}
    images = {"mysqld": source.spec.image, "restic": request.target.image, "ship": source.spec.agent_image}
    for name, container in containers.items():
        container["image"] = images[name]
        if name != "ship":
            _, file, *words = container["command"]
            container["command"] = ["sh", "-c", scripts[file], file, *words]
    settings = {"ORIGIN": source.origin, "TARGET": request.target.name, "EVERY": f"{request.every:g}"}
    settings |= {"CHUNK_SECONDS": str(CHUNK_SECONDS), "CHUNK_MIB": str(CHUNK_MIB)}
    containers["ship"]["env"] += pods.environment(settings)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    volumes["agent"]["configMap"]["name"] = source.agent_map
    volumes["target"]["secret"]["secretName"] = request.target.secret
    if request.target.claim:
        volumes["repository"] = {"name": "repository", "persistentVolumeClaim": {"claimName": request.target.claim}}
    pod["volumes"] = list(volumes.values())
    backup.stay_together(deployment["spec"]["template"], request.target)
    pod_template.finish(deployment["spec"]["template"], source.spec, pod_patch.RECEIVER)


def selector_text(name: str) -> str:
    """The selector of the receiver's pods, as in manifests/binlog/deployment.yaml."""
    return f"app.kubernetes.io/component=binlog,{names.LABEL_CLIENT}={name}"


def _noted(request: Request) -> Json:
    return {"target": request.target.name, "every": request.every}


def noted(deployment: Json) -> tuple[str, float]:
    """The target's name and the interval in seconds of a receiver's Deployment; raises Refused if somebody made them
    unreadable."""
    annotations = deployment["metadata"].get("annotations") or {}
    found = typed.make(_Noted, typed.json_of(annotations.get(names.ANNOTATION_BINLOG)))
    if found is not None and typed.is_plain(found.target) and found.every > 0:
        return found.target, float(found.every)
    name, labels = deployment["metadata"]["name"], deployment["metadata"].get("labels") or {}
    text = f"Deployment {name}: its annotation {names.ANNOTATION_BINLOG} does not hold the options of a receiver"
    hint = f"mysqlops backup binlog stop {labels.get(names.LABEL_INSTANCE, 'NAME')}, then start it again"
    raise Refused([Reason("options-unreadable", text, hint)])


@dataclass(frozen=True)
class _Noted:
    target: str
    every: float


def late_because(report: binlog.Report | None, since: datetime, now: datetime) -> str:
    """Why recent writes are not stored yet; empty if they are. `since` is when the receiver was created."""
    known = report.until if report is not None else ""
    at = datetime.fromisoformat(known) if known else since
    age = (now - at).total_seconds()
    if abs(age) <= (2 * report.every if report is not None else DEFAULT_SECONDS) + _PATIENCE_SECONDS:
        return ""
    if age < 0:
        return f"the stored binary logs end at {instant.text(at)}, {-age:.0f} s from now: a clock is wrong"
    why = f": {report.trouble}" if report is not None and report.trouble else ""
    return f"writes of the last {age:.0f} s are not stored in any target{why}"
