"""From the base manifests and a spec to the objects of one cluster. Pure: parsed dicts in, parsed dicts out."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import my_cnf as lines
from mysqlops.core import mysqld_config, names, pod_patch, setting_rules, sizing
from mysqlops.core.spec import PREFERRED, REQUIRED, ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError
from mysqlops.objects import claims, exporter, network, pod_template

BASE_NAME = "mysql"
AGENT_FILE = "agent.pyz"

# Objects that others need come first, the StatefulSet last: a deploy killed half-way never leaves pods without them.
_ORDER = (
    "ServiceAccount Role RoleBinding Secret Lease ConfigMap Service NetworkPolicy PodDisruptionBudget StatefulSet"
).split()


_MUST = "DoNotSchedule"
MY_CNF = "my.cnf"  # what mysqld reads
USER_CNF = "user.cnf"  # the user's settings in it
PREVIOUS_CNF = "previous.cnf"  # the user's settings before the last change, for --revert


@dataclass(frozen=True)
class InUse:
    """The names of what a member starts with: two ConfigMaps, and the template of its claims. A change that needs a
    restart gets new ConfigMaps: pods that are not replaced yet, and those of a rollback, keep using the old ones. A
    restore in place gets new claims."""

    config: str
    agent: str
    claims: str = names.CLAIM_TEMPLATE
    reads: bool = True  # whether the pods carry the label that NAME-replicas selects (core/routing.py)


@dataclass(frozen=True)
class Agent:
    """The agent's zipapp and the version that names its content."""

    content: bytes
    version: str


def cluster_objects(
    base: Sequence[Json], spec: ClusterSpec, agent: Agent, in_use: InUse | None = None, *, beside: Json | None = None
) -> list[Json]:
    """The objects that `deploy` applies, in its order. `beside` is what an exporter adds to the members."""
    objects = [rename(item, spec.name) for item in base]
    for item in objects:
        item["metadata"]["namespace"] = spec.namespace
    agent_map = _find(objects, "ConfigMap", names.agent_config_map(spec.name))
    config = _find(objects, "ConfigMap", names.config_map(spec.name))
    _put_agent(agent_map, agent)
    config["data"][MY_CNF] = my_cnf(config["data"][MY_CNF], spec)
    config["data"][USER_CNF] = mysqld_config.layer([], spec.mysqld)
    for binding in (item for item in objects if item["kind"] == "RoleBinding"):
        for subject in binding["subjects"]:
            subject["namespace"] = spec.namespace
    lease = _find(objects, "Lease", names.group_lease(spec.name))
    lease["metadata"]["annotations"][names.ANNOTATION_DETECTION] = spec.failure_detection
    network.shape(_find(objects, "NetworkPolicy", spec.name), spec)
    stateful_set = _find(objects, "StatefulSet", spec.name)
    if spec.exporter_image:
        if beside is None:
            raise ValueError("an exporter needs its part of the members")
        exporter.add(stateful_set, beside)
    _shape_stateful_set(stateful_set, spec, agent)
    if in_use is not None:
        config["metadata"]["name"], agent_map["metadata"]["name"] = in_use.config, in_use.agent
        _volume(stateful_set, "config")["configMap"]["name"] = in_use.config
        _volume(stateful_set, "agent")["configMap"]["name"] = in_use.agent
        name_claims(stateful_set, in_use.claims)
        if not in_use.reads:
            _find(objects, "Service", names.replicas_service(spec.name))["spec"]["selector"] = {
                **names.selector(spec.name),
                names.LABEL_ROLE: names.ROLE_REPLICA,
            }
    return sorted(objects, key=lambda item: _ORDER.index(item["kind"]))


def my_cnf(base_text: str, spec: ClusterSpec) -> str:
    """my.cnf: the base, overridden by the sizes, overridden by the user's settings."""
    base = mysqld_config.parse(base_text, "manifests/base/config/my.cnf")
    return mysqld_config.layer(base, spec.sizing().variables(), _connections(spec), spec.mysqld)


def _connections(spec: ClusterSpec) -> dict[str, str | None]:
    """The share of a user's own max_connections that one account may use. If max_connections is too small, nothing is
    reserved: the replication account needs its own share."""
    number = lines.number(mysqld_config.by_name(spec.mysqld).get("max_connections"))
    if number is None:
        return {}
    rest = number - sizing.KEPT_CONNECTIONS
    return {
        "max_user_connections": "0" if setting_rules.refused_because("max_user_connections", str(rest)) else str(rest)
    }


def rename(node: Any, name: str) -> Any:
    """Replace `mysql` and `mysql-…` in the base with the cluster's name: these strings mean nothing else there.
    The base stays as it is.

    Images are the exception; they are set from the spec anyway.
    """
    if isinstance(node, dict):
        return {key: value if key == "image" else rename(value, name) for key, value in node.items()}
    if isinstance(node, list):
        return [rename(value, name) for value in node]
    if isinstance(node, str) and (node == BASE_NAME or node.startswith(f"{BASE_NAME}-")):
        return name + node[len(BASE_NAME) :]
    return node


def _find(objects: Iterable[Json], kind: str, name: str) -> Json:
    return next(item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name)


def _put_agent(config_map: Json, agent: Agent) -> None:
    config_map.pop("data", None)
    config_map["binaryData"] = {AGENT_FILE: base64.b64encode(agent.content).decode()}
    config_map["metadata"].setdefault("annotations", {})[names.ANNOTATION_AGENT] = agent.version


def _shape_stateful_set(stateful_set: Json, spec: ClusterSpec, agent: Agent) -> None:
    body = stateful_set["spec"]
    body["replicas"] = spec.replicas
    template = body["template"]
    template["metadata"].setdefault("annotations", {}).update({names.ANNOTATION_AGENT: agent.version})
    for container in (*template["spec"]["initContainers"], *template["spec"]["containers"]):
        if container["name"] == names.CONTAINER_EXPORTER:
            container["image"] = spec.exporter_image
        elif container["command"][0] == "sh":
            container["image"] = spec.image
            container["resources"] = {
                "requests": {"cpu": spec.cpu, "memory": spec.memory},
                "limits": {"memory": spec.memory},
            }
        else:
            container["image"] = spec.agent_image
    if spec.spread == REQUIRED:
        _spread_of(template)["whenUnsatisfiable"] = _MUST
    pod_template.finish(template, spec, pod_patch.MEMBERS)
    if spec.pod:
        template["metadata"]["annotations"][pod_patch.ANNOTATION] = spec.pod
    claim = body["volumeClaimTemplates"][0]["spec"]
    claim["resources"]["requests"]["storage"] = spec.storage_size
    if spec.storage_class is not None:
        claim["storageClassName"] = spec.storage_class


def _spread_of(template: Json) -> Json:
    """The constraint that keeps members on different nodes."""
    found: list[Json] = template["spec"]["topologySpreadConstraints"]
    return next(constraint for constraint in found if constraint["topologyKey"] == "kubernetes.io/hostname")


def spread_of(template: Json) -> str:
    """What a StatefulSet's template says of members that would share a node; one of an older release has no say."""
    try:
        return REQUIRED if _spread_of(template)["whenUnsatisfiable"] == _MUST else PREFERRED
    except (KeyError, StopIteration):
        return PREFERRED


# What to do about a part of a StatefulSet that somebody removed.
HISTORY = "kubectl edit statefulset; `kubectl rollout history statefulset` shows what it had"


def _volume(stateful_set: Json, name: str) -> Json:
    volumes: list[Json] = stateful_set["spec"]["template"]["spec"].get("volumes") or []
    found = next((volume for volume in volumes if volume["name"] == name and "configMap" in volume), None)
    if found is None:
        where = f"StatefulSet {stateful_set['metadata']['name']}"
        raise ConfigError(f"{where} has no volume {name} of a ConfigMap: somebody removed it", hint=HISTORY)
    return found


def config_of(stateful_set: Json) -> str | None:
    """The ConfigMap with the pods' settings; None if none is mounted."""
    volumes = stateful_set["spec"]["template"].get("spec", {}).get("volumes", [])
    return next((volume["configMap"]["name"] for volume in volumes if volume["name"] == "config"), None)


def in_use_of(stateful_set: Json) -> InUse:
    """The names that the StatefulSet's pods start with."""
    return InUse(
        _volume(stateful_set, "config")["configMap"]["name"],
        _volume(stateful_set, "agent")["configMap"]["name"],
        claims.template_of(stateful_set),
    )


def superseded(existing: Iterable[Json], cluster: str, used: InUse) -> list[Json]:
    """The metadata of the ConfigMaps that deploy or a rollout made and no member starts with any more. Not any others
    with the cluster's labels, which may be copies; and not the agent's plain one, which applications use."""
    made = "|".join(map(re.escape, (names.config_map(cluster), names.agent_config_map(cluster))))
    kept = (used.config, used.agent, names.agent_config_map(cluster))
    found = [
        one["metadata"] for one in existing if re.fullmatch(rf"({made})(-[0-9a-f]{{12}})?", one["metadata"]["name"])
    ]
    return [one for one in found if one["name"] not in kept]


def name_claims(stateful_set: Json, template: str) -> None:
    """Give the members claims of that template, in place: a pod's volume has the name of its claim's template."""
    old = claims.template_of(stateful_set)
    stateful_set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] = template
    pod = stateful_set["spec"]["template"]["spec"]
    for container in (*pod["initContainers"], *pod["containers"]):
        for mount in container.get("volumeMounts", []):
            if mount["name"] == old:
                mount["name"] = template


def renamed(config_map: Json, name: str) -> Json:
    """The same content under another name, without what the API server added."""
    kept = {key: config_map["metadata"].get(key) or {} for key in ("labels", "annotations")}
    metadata = {"name": name, "namespace": config_map["metadata"]["namespace"], **kept}
    data: Json = {key: config_map[key] for key in ("data", "binaryData", "immutable") if key in config_map}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **data}


def digest(data: dict[str, str]) -> str:
    """A short hash that names the content of a ConfigMap."""
    text = "\0".join(f"{key}\0{value}" for key, value in sorted(data.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
