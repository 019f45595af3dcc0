"""The Job that copies another server, and what its report means. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mysqlops.core import adoption, names, pod_patch, typed
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.objects import pod_template, pods, render


@dataclass(frozen=True)
class Key:
    """One value of a Secret."""

    secret: str
    key: str

    @classmethod
    def parse(cls, text: str, default: str) -> Key:
        """Parses SECRET[:KEY]."""
        secret, _, key = text.partition(":")
        return cls(secret, key or default)

    def __str__(self) -> str:
        return f"{self.secret}:{self.key}"


@dataclass(frozen=True)
class Source:
    """A server to take over: its address, the account and password that may read it, and how its identity is
    verified."""

    host: str
    port: int
    user: str
    password: Key
    ssl_mode: str
    ca: Key | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Request:
    """What one run does: empty `databases` means all; `accounts` are administrative accounts to copy as well."""

    source: Source
    databases: Sequence[str] = ()
    finish: bool = False
    accounts: Sequence[str] = ()


def unfit(source: Source) -> list[Reason]:
    """Why this server is not contacted: the password would go to anybody who answers."""
    if source.ssl_mode in adoption.VERIFYING and source.ca is None:
        text = f"nothing verifies {source}: anybody who answers at that address would get its password and data"
        hint = "--ca SECRET[:KEY] with the source's CA; or --ssl-mode required, if you trust the network between"
        return [Reason("source-unverified", text, hint)]
    if source.ssl_mode not in adoption.VERIFYING and source.ca is not None:
        text = f"--ssl-mode {source.ssl_mode} ignores --ca"
        return [Reason("source-unverified", text, "--ssl-mode verify-identity or verify-ca")]
    return []


def abort_command(name: str, namespace: str, source: Source) -> str:
    """The command that lets the source accept writes again."""
    words = [
        "mysqlops adopt",
        name,
        "--namespace",
        namespace,
        "--from",
        str(source),
        "--user",
        shlex.quote(source.user),
    ]
    words += ["--password-secret", str(source.password), "--ssl-mode", source.ssl_mode]
    return " ".join([*words, *(["--ca", str(source.ca)] if source.ca else []), "--abort"])


def job(base: Json, spec: ClusterSpec, agent_map: str, request: Request, *, seconds: int) -> Json:
    """The Job of one copy; `base` is manifests/adopt/job.yaml. The pod's deadline is earlier than the Job's, so that
    another pod can still undo what the first one began."""
    wanted: Json = render.rename(base, spec.name)
    wanted["metadata"]["namespace"] = spec.namespace
    wanted["spec"]["activeDeadlineSeconds"] = seconds + adoption.GRACE_SECONDS // 2
    pod = wanted["spec"]["template"]["spec"]
    pod["activeDeadlineSeconds"] = seconds
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    volumes["agent"]["configMap"]["name"] = agent_map
    _use(volumes["source"], request.source.password)
    if request.source.ca is not None:
        _use(volumes["source-ca"], request.source.ca)
    else:
        pod["volumes"].remove(volumes["source-ca"])
    for container in (*pod["initContainers"], *pod["containers"]):
        is_copy = container["command"][0] == "sh"
        container["image"] = spec.image if is_copy else spec.agent_image
        if is_copy:
            # Its clients hold a row several times over, and the group takes no row larger than its members allow.
            container["resources"] = {**container["resources"], "limits": {"memory": spec.memory}}
        container["env"] = _environment(spec, request)
        mounts = container["volumeMounts"]
        container["volumeMounts"] = [mount for mount in mounts if request.source.ca or mount["name"] != "source-ca"]
    pod_template.finish(wanted["spec"]["template"], spec, pod_patch.JOBS)
    return wanted


def _use(volume: Json, one: Key) -> None:
    volume["secret"]["secretName"] = one.secret
    volume["secret"]["items"][0]["key"] = one.key


def is_same(left: Json, right: Json) -> bool:
    """Whether two Jobs copy the same in the same way."""
    return _inputs(left) == _inputs(right)


def _inputs(job: Json) -> tuple[Any, Any, Any]:
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    # A corrected password or CA is in another Secret or under another key.
    secrets = {
        volume["name"]: (volume["secret"]["secretName"], _keys(volume["secret"]))
        for volume in pod["volumes"]
        if "secret" in volume and volume["name"] in pod_patch.VOLUMES
    }
    return (
        container["command"],
        {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable},
        secrets,
    )


def _keys(secret: Json) -> list[str]:
    return [item["key"] for item in secret.get("items") or ()]


def finishes(job: Json) -> bool:
    """Whether this Job stops the source's writes."""
    return bool(_inputs(job)[1].get("FINISH") == "yes")


def copies(job: Json) -> bool:
    """Whether this Job copies; the other kind releases the source."""
    init = job["spec"]["template"]["spec"].get("initContainers") or []
    return any(pod_patch.is_ours(container["name"]) for container in init)


def release(base: Json, spec: ClusterSpec, agent_map: str, request: Request, *, seconds: int) -> Json:
    """A Job that only lets the source accept writes again, whatever the cluster's state."""
    return _of_one(job(base, spec, agent_map, request, seconds=seconds), "adopt-give-back")


def confirmation(base: Json, spec: ClusterSpec, agent_map: str, request: Request, *, seconds: int) -> Json:
    """A Job that only asks the source whether it still accepts no writes."""
    return _of_one(job(base, spec, agent_map, request, seconds=seconds), "adopt-confirm")


def _of_one(wanted: Json, program: str) -> Json:
    pod = wanted["spec"]["template"]["spec"]
    pod["initContainers"] = [one for one in pod["initContainers"] if not pod_patch.is_ours(one["name"])]
    pod["containers"][0]["command"] = ["python3", "/agent/agent.pyz", program]
    next(volume for volume in pod["volumes"] if volume["name"] == "target")["secret"]["optional"] = True
    del wanted["spec"]["podFailurePolicy"]  # it names containers that this Job does not have
    return wanted


def _environment(spec: ClusterSpec, request: Request) -> list[Json]:
    values = {
        "SOURCE_HOST": request.source.host,
        "SOURCE_PORT": str(request.source.port),
        "SOURCE_USER": request.source.user,
        "SOURCE_SSL_MODE": request.source.ssl_mode,
        "TARGET_HOST": f"{names.primary_service(spec.name)}.{spec.namespace}.svc",
        "TARGET_USER": names.USER_ADOPT,
        "DATABASES": json.dumps(list(request.databases)),
        "ACCOUNTS": json.dumps(list(request.accounts)),
        "FINISH": "yes" if request.finish else "no",
    }
    field = {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']"}}
    return [*pods.environment(values), {"name": "JOB", "valueFrom": field}]


@dataclass(frozen=True)
class SourceStanding:
    """What a Job (its UID) found on the source, and when: whether it accepts no writes, and how far it has written."""

    job: str
    at: str
    read_only: bool
    position: str


@dataclass(frozen=True)
class Report:
    """What was copied, what differs, which accounts were copied, and why others were not."""

    databases: list[str]
    tables: int
    rows: int
    different: list[str]
    accounts: list[str]
    accounts_refused: list[str]
    # Named time zones of the source that the cluster does not know, or whose time differs there.
    zones: list[str] = field(default_factory=list)
    source: SourceStanding | None = None  # after a last copy: at the hand-over


def read_report(log: str) -> Report | None:
    """The report from the log of the Job's last container; None if it wrote none that can be read."""
    found = _printed(log)
    try:
        tables = found["tables"]
        return Report(
            databases=_shown(found["databases"]),
            tables=sum(table["copied"] >= 0 for table in tables),
            rows=sum(max(0, table["copied"]) for table in tables),
            different=_shown(_difference(table) for table in tables if not table["equal"]),
            accounts=_shown(found["accounts"]),
            accounts_refused=_shown(found["accounts_refused"]),
            zones=_shown(found.get("zones", [])),
            source=typed.make(SourceStanding, found.get("source")),
        )
    except (KeyError, TypeError, AttributeError):
        return None


def read_standing(log: str) -> SourceStanding | None:
    """What the Job of a confirmation found; None if it wrote nothing."""
    return typed.make(SourceStanding, _printed(log))


def _printed(log: str) -> Json:
    """What the last line of JSON says; empty if there is none that can be read."""
    return typed.object_of(next((line for line in reversed(log.splitlines()) if line.startswith("{")), ""))


def unproven(compared: SourceStanding | None, job: str, now: SourceStanding | None) -> str:
    """Why the copy of that Job is not known to be all that the source holds now; empty if it is."""
    if compared is None or compared.job != job:
        return "the report is not of the Job that made the last copy"
    if now is None:
        return f"nothing is known of the source since {compared.at}"
    if not now.read_only:
        return f"it accepts writes again, although it accepted none at {compared.at}"
    if now.position != compared.position:
        return f"it has executed transactions since {compared.at}, which the copy does not have"
    return ""


def _difference(table: Json) -> str:
    if not table["rows"] and table["copied"] < 0:
        return f"{table['name']} is missing"
    return f"{table['name']} ({table['rows']} rows, {max(0, table['copied'])} copied)"


def _shown(names_there: Iterable[str]) -> list[str]:
    """Names from the source without control characters, because they are shown on a terminal."""
    return [
        "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
        for text in names_there
    ]


def progress(step: str, _: str) -> str:
    """The progress text of a step."""
    return {"prepare": "checking the source", "copy": "copying", "conclude": "comparing every row"}.get(step, step)
