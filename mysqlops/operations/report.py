"""What a colleague needs to help with a cluster, as files: whatever may be read, without secrets.

Nothing is changed. What cannot be read is named, with the reason, and does not stop the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mysqlops import errors
from mysqlops.core import instant, known_secrets, names, redaction, secret_map, setting_secrets, typed
from mysqlops.core.typed import Json
from mysqlops.kube.client import Client
from mysqlops.mysql import examination
from mysqlops.objects import pods, secret_users
from mysqlops.operations import doctor
from mysqlops.operations.session import Session
from mysqlops.planning.checks import servers
from mysqlops.planning.checks.model import Facts
from mysqlops.version import __version__

MOST_LINES, MOST_BYTES = 5000, 2 << 20  # of one container's log
_KINDS = (
    "StatefulSet Pod PersistentVolumeClaim Service EndpointSlice ConfigMap Lease NetworkPolicy PodDisruptionBudget "
    "ServiceAccount Role RoleBinding Deployment CronJob Job VolumeSnapshot"
).split()
_PARTS = (*examination.PARTS, "my-cnf", "reach", "growth")


@dataclass
class Report:
    """The files by their paths, and what could not be read: source and reason."""

    files: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)


def collect(session: Session, name: str) -> Report:
    """Raises NotFound if nothing of that name may be seen, Unreachable if the API server does not answer."""
    made, client = Report(), session.client
    client.version()
    found = _objects(made, client, name)
    secrets = _secrets(made, client, name, found)
    facts = _tried(made, "status and doctor", partial(doctor.observe_all, session, name, _PARTS, doctor.checks()))
    if facts is None and not any(found.values()):
        raise errors.NotFound(f"nothing of cluster {name} can be seen in namespace {client.namespace}: {made.unread}")
    session.progress.say("objects and servers are read")
    trees: dict[str, Any] = {f"objects/{kind}.json": items for kind, items in found.items() if items}
    ours = [
        secret for secret in secrets if (secret["metadata"].get("labels") or {}).get(names.LABEL_NAME) == names.APP_NAME
    ]
    trees["objects/Secret.json"] = [redaction.outline(manifest) for manifest in ours]
    trees["events.json"] = _events(made, client, name)
    if facts is not None:
        trees |= dict(_judged(facts))
        made.unread |= {f"servers/{one}": why for one, why in facts.unread.items()}
    logs = dict(_logs(made, client, found["Pod"]))
    known = redaction.values(secrets)
    for path, value in trees.items():
        made.files[path] = json.dumps(redaction.tree(value, known), indent=1, default=str)
    made.files |= {path: redaction.log(text, known) for path, text in logs.items()}
    made.unread = {redaction.text(key, known): redaction.text(why, known) for key, why in made.unread.items()}
    made.files["README.txt"] = _readme(session, name, made)
    # As they are written: also what was split between two texts, and names of pods.
    made.files = {
        _path(known_secrets.without(path, known)): typed.visible(known_secrets.without(text, known), kept="\n\t")
        for path, text in made.files.items()
    }
    return made


def _path(path: str) -> str:
    """A path below the report's folder, whatever a pod is called."""
    parts = [typed.visible(part).replace("\\", "_") for part in path.split("/")]
    return "/".join(part if part.strip(". ") else "_" for part in parts)


def _secrets(made: Report, client: Client, name: str, found: Mapping[str, Any]) -> list[Json]:
    """All Secrets of the namespace; if they may not be listed, those that the cluster's objects name."""
    listed = _tried(made, "Secrets", partial(client.list, "Secret"))
    if listed is not None:
        return list(listed)
    ours = [secret_map.secret(name, purpose) for purpose in secret_map.PURPOSES]
    secrets = list[Json]()
    for secret in sorted({*ours, names.tls_secret(name), *secret_users.named(found)}):
        with suppress(errors.MysqlopsError):
            secrets += filter(None, [client.find("Secret", secret)])
    return secrets


def _tried(made: Report, source: str, read: Callable[[], Any]) -> Any:
    """What was read; None, and a note, if that failed."""
    try:
        return read()
    except errors.MysqlopsError as error:
        made.unread[source] = str(error)
        return None


def _objects(made: Report, client: Client, name: str) -> dict[str, list[Json]]:
    selector = names.selector_text(name)
    reads = [partial(_tried, made, kind, partial(client.list, kind, selector)) for kind in _KINDS]
    found = dict(zip(_KINDS, client.together(reads), strict=True))
    kept = {kind: [_without_programs(item) for item in items or []] for kind, items in found.items()}
    nodes = _tried(made, "Node", partial(client.list, "Node")) or []
    about = ("conditions", "nodeInfo", "allocatable")
    kept["Node"] = [
        {"name": node["metadata"]["name"], **{key: node.get("status", {}).get(key) for key in about}} for node in nodes
    ]
    return kept


def _without_programs(found: Json) -> Json:
    """The agent's program is large and known by its version. Files in ConfigMaps: without settings that are secrets."""
    kept = {key: value for key, value in found.items() if key != "binaryData"}
    if isinstance(data := found.get("data"), Mapping):
        kept["data"] = {key: setting_secrets.without_values(str(value)) for key, value in data.items()}
    return kept


def _events(made: Report, client: Client, name: str) -> list[Json]:
    found = _tried(made, "Event", partial(client.list, "Event")) or []
    about = [(event.get("involvedObject") or {}).get("name", "") for event in found]
    return [one for one, of in zip(found, about, strict=True) if of == name or f"-{of}-".find(f"-{name}-") >= 0]


def _judged(facts: Facts) -> Iterator[tuple[str, Any]]:
    """What `status` and `doctor` say, and each server's answer."""
    yield "status.json", facts.now.as_json()
    yield "doctor.json", doctor.judge(facts, doctor.checks()).as_json()
    for pod, one in facts.answers.items():
        yield f"servers/{pod}.json", _shown(one.parts)
        drift = servers.shown(servers.differences(one.parts.get("my-cnf", ""), one.parts.get("variables", {})))
        yield f"servers/{pod}-differs-from-my-cnf.json", {key: list(both) for key, both in drift.items()}


def _shown(parts: Mapping[str, Any]) -> Json:
    """A server's answer without values of settings that are secrets."""
    variables = {key: setting_secrets.shown(key, value) for key, value in (parts.get("variables") or {}).items()}
    found = {"variables": variables, "my-cnf": setting_secrets.without_values(parts.get("my-cnf") or "")}
    return {**parts, **{key: value for key, value in found.items() if key in parts}}


def _logs(made: Report, client: Client, found: list[Json]) -> Iterator[tuple[str, str]]:
    """The logs of every container that has run, and of the one before it if it was restarted."""
    asked = []
    for pod in found:
        for spec in pods.containers(pod):
            asked.append((pod["metadata"]["name"], spec["name"], False))
            if spec.get("restartCount"):
                asked.append((pod["metadata"]["name"], spec["name"], True))
    paths = [f"logs/{pod}/{container}{'.previous' if before else ''}.log" for pod, container, before in asked]
    reads = [
        partial(client.timed_logs, pod, container, lines=MOST_LINES, previous=before)
        for pod, container, before in asked
    ]
    texts = client.together([partial(_tried, made, path, read) for path, read in zip(paths, reads, strict=True)])
    yield from ((path, text[-MOST_BYTES:]) for path, text in zip(paths, texts, strict=True) if text is not None)


def _readme(session: Session, name: str, made: Report) -> str:
    client = session.client
    lines = [
        f"Cluster {name} in namespace {client.namespace}, read {instant.text(session.clock.now())} by mysqlops",
        f"{__version__}. Begin with doctor.json and status.json. Logs: the last {MOST_LINES} lines of each container.",
        f"Secrets are left out: of Secrets there are names and keys, elsewhere {redaction.MARK} is in their place.",
        "Names of databases, tables, accounts, hosts and nodes are not left out, and programs may log anything:",
        "look through it before it leaves your organisation.",
        "",
        *(_unread(made.unread) or ["Everything could be read."]),
    ]
    return "\n".join(lines) + "\n"


def _unread(unread: Mapping[str, str]) -> list[str]:
    return (
        ["Not read:", *(f"  {source}: {' '.join(why.split())}" for source, why in sorted(unread.items()))]
        if unread
        else []
    )
