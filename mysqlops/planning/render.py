"""From the base manifests and a spec to the objects of one cluster. Pure: parsed dicts in, parsed dicts out."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import mysqld_config, names
from mysqlops.core.spec import ClusterSpec

Json = dict[str, Any]
BASE_NAME = "mysql"
AGENT_FILE = "agent.pyz"

# What others need comes first; the StatefulSet last, so that a deploy killed half way never leaves pods without it.
_ORDER = (
    "ServiceAccount Role RoleBinding Secret Lease ConfigMap Service NetworkPolicy PodDisruptionBudget StatefulSet"
).split()


@dataclass(frozen=True)
class Agent:
    """The agent's zipapp and the version that names its content."""

    content: bytes
    version: str


def cluster_objects(base: Sequence[Json], spec: ClusterSpec, agent: Agent) -> list[Json]:
    """The objects that `deploy` applies, in the order in which it does."""
    objects = [_rename(copy.deepcopy(item), spec.name) for item in base]
    for item in objects:
        item["metadata"]["namespace"] = spec.namespace
    _put_agent(_find(objects, "ConfigMap", names.agent_config_map(spec.name)), agent)
    config = _find(objects, "ConfigMap", names.config_map(spec.name))
    config["data"]["my.cnf"] = my_cnf(config["data"]["my.cnf"], spec)
    for binding in (item for item in objects if item["kind"] == "RoleBinding"):
        for subject in binding["subjects"]:
            subject["namespace"] = spec.namespace
    _shape_stateful_set(_find(objects, "StatefulSet", spec.name), spec, agent, _digest(config["data"]))
    return sorted(objects, key=lambda item: _ORDER.index(item["kind"]))


def my_cnf(base_text: str, spec: ClusterSpec) -> str:
    """The base, the sizes over it, and the user's settings over both."""
    base = mysqld_config.parse(base_text, "manifests/base/config/my.cnf")
    return mysqld_config.layer(base, spec.sizing().variables(), spec.mysqld)


def _rename(node: Any, name: str) -> Any:
    """Put the cluster's name wherever the base says `mysql` or `mysql-…`: in the base these strings mean nothing else.

    Images are the exception, and set from the spec anyway.
    """
    if isinstance(node, dict):
        return {key: value if key == "image" else _rename(value, name) for key, value in node.items()}
    if isinstance(node, list):
        return [_rename(value, name) for value in node]
    if isinstance(node, str) and (node == BASE_NAME or node.startswith(f"{BASE_NAME}-")):
        return name + node[len(BASE_NAME) :]
    return node


def _find(objects: Iterable[Json], kind: str, name: str) -> Json:
    return next(item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name)


def _put_agent(config_map: Json, agent: Agent) -> None:
    config_map.pop("data", None)
    config_map["binaryData"] = {AGENT_FILE: base64.b64encode(agent.content).decode()}
    config_map["metadata"].setdefault("annotations", {})[names.ANNOTATION_AGENT] = agent.version


def _shape_stateful_set(stateful_set: Json, spec: ClusterSpec, agent: Agent, config_digest: str) -> None:
    body = stateful_set["spec"]
    body["replicas"] = spec.replicas
    template = body["template"]
    template["metadata"].setdefault("annotations", {}).update(
        {names.ANNOTATION_AGENT: agent.version, names.ANNOTATION_CONFIG: config_digest}
    )
    for container in (*template["spec"]["initContainers"], *template["spec"]["containers"]):
        if container["command"][0] == "sh":
            container["image"] = spec.image
            container["resources"] = {
                "requests": {"cpu": spec.cpu, "memory": spec.memory},
                "limits": {"memory": spec.memory},
            }
        else:
            container["image"] = spec.agent_image
    claim = body["volumeClaimTemplates"][0]["spec"]
    claim["resources"]["requests"]["storage"] = spec.storage_size
    if spec.storage_class is not None:
        claim["storageClassName"] = spec.storage_class


def _digest(data: dict[str, str]) -> str:
    text = "\0".join(f"{key}\0{value}" for key, value in sorted(data.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
