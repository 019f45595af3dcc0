"""The objects of a drill, from manifests/drill: pods of clients, and the Job that undoes a full volume. Pure."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from mysqlops.core import names, pod_patch, secret_map
from mysqlops.core.typed import Json
from mysqlops.drill.ledger import figures, journal
from mysqlops.drill.plan import choice
from mysqlops.objects import pod_template

_LABELS = {names.LABEL_MANAGED_BY: names.APP_NAME, "app.kubernetes.io/component": "drill"}
MAIN, BESIDE = figures.MAIN, figures.BESIDE
_MINORITY_CLIENTS = 2
_MINORITY_TIMEOUT = 20.0  # long enough for the final answer of an isolated primary


@dataclass(frozen=True)
class Cluster:
    """What the clients need to know about the cluster."""

    name: str
    namespace: str
    members: tuple[str, ...]
    agent_image: str
    agent_config_map: str
    pull_secrets: tuple[str, ...] = ()
    pod: str = ""
    any_uid: bool = False

    def pull_references(self) -> list[dict[str, str]]:
        return [{"name": secret} for secret in self.pull_secrets]


@dataclass(frozen=True)
class Clients:
    """One pod of clients: on a node, or away from one; `observes` adds readers, a poll of the members, and a client
    that knows the members' names."""

    name: str
    host: str
    count: int
    node: str = ""
    away_from: str = ""
    timeout_seconds: float = 2.0
    observes: bool = False
    deadline_seconds: int = 7200
    ssl_mode: str = ""


def main_clients(cluster: Cluster, count: int, away_from: str, *, observes: bool = True) -> Clients:
    """Clients that use the Service, as an application does."""
    host = f"{names.primary_service(cluster.name)}.{cluster.namespace}.svc"
    return Clients(MAIN, host, count, away_from=away_from, observes=observes)


def clients_beside(cluster: Cluster, member: str, node: str) -> Clients:
    """Clients on a member's own node that connect to it directly: the clients of a minority."""
    return Clients(BESIDE, _host(cluster, member), _MINORITY_CLIENTS, node=node, timeout_seconds=_MINORITY_TIMEOUT)


def _host(cluster: Cluster, member: str) -> str:
    return names.member_host(cluster.name, names.ordinal_of(member), cluster.namespace)


def config_map(cluster: Cluster, program: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names_of(cluster.name), "labels": _LABELS},
        "data": {"client.py": program},
    }


def is_of_drill(found: Json) -> bool:
    """Whether a drill made this object, of whatever cluster."""
    return _LABELS.items() <= (found["metadata"].get("labels") or {}).items()


def selector(cluster: str) -> str:
    """The selector of the clients' pods."""
    return f"app.kubernetes.io/component=drill,{names.LABEL_CLIENT}={cluster}"


def names_of(cluster: str, what: str = "") -> str:
    return f"{cluster}-drill-{what}" if what else f"{cluster}-drill"


def pod(base: Json, cluster: Cluster, request: Clients, name: str) -> Json:
    """The pod of these clients."""
    made = copy.deepcopy(base)
    made["metadata"]["name"] = name
    made["metadata"]["labels"][names.LABEL_CLIENT] = cluster.name
    spec = made["spec"]
    spec["activeDeadlineSeconds"] = request.deadline_seconds
    _place(spec, cluster, request)
    container = spec["containers"][0]
    container["image"] = cluster.agent_image
    container["command"] = [*container["command"], *_words(cluster, request)]
    for volume in spec["volumes"]:
        match volume["name"]:
            case "program":
                volume["configMap"]["name"] = names_of(cluster.name)
            case "agent":
                volume["configMap"]["name"] = cluster.agent_config_map
            case "secret":
                volume["secret"]["secretName"] = secret_map.secret(cluster.name, secret_map.APP)
            case "ca":
                volume["secret"]["secretName"] = names.tls_secret(cluster.name)
    pod_template.finish(made, cluster, pod_patch.DRILL)
    return made


def _place(spec: Json, cluster: Cluster, request: Clients) -> None:
    affinity = spec["affinity"]
    near = affinity["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]
    near["labelSelector"]["matchLabels"] = names.selector(cluster.name)
    if request.node:
        spec["nodeName"] = request.node
        del spec["affinity"]
    elif request.away_from:
        required = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        required["nodeSelectorTerms"][0]["matchFields"][0]["values"] = [request.away_from]
    else:
        del affinity["nodeAffinity"]


def _words(cluster: Cluster, request: Clients) -> list[str]:
    words = ["--host", request.host, "--name", request.name, "--table", choice.TABLE, "--clients", str(request.count)]
    words += ["--timeout", str(request.timeout_seconds), "--for", str(request.deadline_seconds)]
    words += ["--ssl-mode", request.ssl_mode] if request.ssl_mode else []
    if not request.observes:
        return words
    replicas = f"{names.replicas_service(cluster.name)}.{cluster.namespace}.svc"
    reads = [f"{journal.READ_PRIMARY}={request.host}", f"{journal.READ_REPLICAS}={replicas}"]
    members = [_host(cluster, member) for member in cluster.members]
    return [*words, "--by-name", *members, "--poll", *members, "--read", *reads]


def node_pod(base: Json, owner: str, name: str, image: str, node: str) -> Json:
    """The pod that reaches a node; `owner` is the value of its label."""
    made = copy.deepcopy(base)
    made["metadata"]["name"] = name
    made["metadata"]["labels"][names.LABEL_DRILL] = owner
    made["spec"]["nodeName"] = node
    made["spec"]["containers"][0]["image"] = image
    return made


@dataclass(frozen=True)
class Undo:
    """The Job that deletes a file from a claim after some seconds, on the node where the claim is mounted."""

    node: str
    claim: str
    file: str
    seconds: int


def undo_job(base: Json, cluster: Cluster, undo: Undo) -> Json:
    made = copy.deepcopy(base)
    made["metadata"]["name"] = names_of(cluster.name, "undo")
    spec = made["spec"]["template"]["spec"]
    spec["nodeName"] = undo.node
    spec["containers"][0]["image"] = cluster.agent_image
    spec["containers"][0]["command"] += [str(undo.seconds), undo.file]
    spec["volumes"][0]["persistentVolumeClaim"]["claimName"] = undo.claim
    pod_template.finish(made["spec"]["template"], cluster, pod_patch.DRILL)
    return made
