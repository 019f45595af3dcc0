"""The Job that copies another server, and what its report means. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import names
from mysqlops.core.spec import ClusterSpec
from mysqlops.planning import render

Json = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A server to take over: where it is, who may read it, and the Secret and key of that account's password."""

    host: str
    port: int
    user: str
    secret: str
    key: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Request:
    """What one run does: `databases` empty means all."""

    source: Source
    databases: Sequence[str] = ()
    finish: bool = False


def job(base: Json, spec: ClusterSpec, agent_map: str, request: Request, *, seconds: int) -> Json:
    """The Job of one copy; `base` is manifests/adopt/job.yaml."""
    wanted: Json = render.rename(copy.deepcopy(base), spec.name)
    wanted["metadata"]["namespace"] = spec.namespace
    wanted["spec"]["activeDeadlineSeconds"] = seconds
    pod = wanted["spec"]["template"]["spec"]
    pod["imagePullSecrets"] = spec.pull_references()
    for container in (*pod["initContainers"], *pod["containers"]):
        container["image"] = spec.image if container["command"][0] == "sh" else spec.agent_image
        container["env"] = [{"name": key, "value": value} for key, value in _environment(spec, request).items()]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    volumes["agent"]["configMap"]["name"] = agent_map
    volumes["source"]["secret"]["secretName"] = request.source.secret
    volumes["source"]["secret"]["items"][0]["key"] = request.source.key
    return wanted


def is_same(left: Json, right: Json) -> bool:
    """Whether two Jobs copy the same in the same way."""
    return _deeds(left) == _deeds(right)


def _deeds(job: Json) -> tuple[Any, Any]:
    container = job["spec"]["template"]["spec"]["containers"][0]
    return container["command"], {one["name"]: one["value"] for one in container["env"]}


def release(base: Json, spec: ClusterSpec, agent_map: str, request: Request, *, seconds: int) -> Json:
    """A Job that only lets the source take writes again."""
    wanted = job(base, spec, agent_map, request, seconds=seconds)
    pod = wanted["spec"]["template"]["spec"]
    pod["initContainers"] = []
    pod["containers"][0]["command"] = ["python3", "/agent/agent.pyz", "adopt-release"]
    return wanted


def _environment(spec: ClusterSpec, request: Request) -> dict[str, str]:
    return {
        "SOURCE_HOST": request.source.host,
        "SOURCE_PORT": str(request.source.port),
        "SOURCE_USER": request.source.user,
        "TARGET_HOST": f"{names.primary_service(spec.name)}.{spec.namespace}.svc",
        "TARGET_USER": names.USER_ADOPT,
        "DATABASES": json.dumps(list(request.databases)),
        "FINISH": "yes" if request.finish else "no",
    }


@dataclass(frozen=True)
class Report:
    """What was copied, what differs, and accounts that could not be taken over."""

    databases: list[str]
    tables: int
    rows: int
    different: list[str]
    accounts: list[str]


def read_report(log: str) -> Report | None:
    """Out of the log of the Job's last container; None if it wrote none."""
    for line in reversed(log.splitlines()):
        if line.startswith("{"):
            found = json.loads(line)
            tables = found["tables"]
            return Report(
                databases=found["databases"],
                tables=sum(one["copied"] >= 0 for one in tables),
                rows=sum(max(0, one["copied"]) for one in tables),
                different=[
                    f"{one['name']} ({one['rows']} rows, {one['copied']} copied)" for one in tables if not one["equal"]
                ],
                accounts=found["accounts_refused"],
            )
    return None


def progress(step: str, _: str) -> str:
    """What a step does, in a few words."""
    return {"check": "checking the source", "copy": "copying", "verify": "comparing every row"}.get(step, step)
