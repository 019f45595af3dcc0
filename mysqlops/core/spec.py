"""What a user wants: one cluster, as the options of `deploy` describe it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mysqlops.core import names, pod_patch, quantity, sizing, view
from mysqlops.errors import ConfigError

DEFAULT_IMAGE = "mysql:9.7"
DEFAULT_AGENT_IMAGE = "python:3.13-slim"
ANY_NAMESPACE = "*"
FAST, SAFE = view.FAST, "safe"  # failure detection: by the agents too, or by the group alone (docs/adr/0061)
PREFERRED, REQUIRED = "preferred", "required"  # whether members may share a node where no other has room
# Properties of this Kubernetes cluster, not of the database: no backup carries them.
SURROUNDINGS = frozenset(
    "client_namespaces metrics_namespaces limit_egress pull_secrets pod spread any_uid exporter_image "
    "failure_detection".split()
)


@dataclass(frozen=True)
class ClusterSpec:
    """The wanted cluster; quantities are kept as the user wrote them. Raises ConfigError for bad values.

    Any number of replicas is valid here: a cluster may be stopped, or half-way through scaling (`check_replicas`).
    """

    name: str
    namespace: str
    replicas: int = 3
    image: str = DEFAULT_IMAGE
    agent_image: str = DEFAULT_AGENT_IMAGE
    storage_size: str = "10Gi"
    storage_class: str | None = None
    memory: str = "1Gi"
    cpu: str = "500m"
    mysqld: dict[str, str | None] = field(default_factory=dict)
    client_namespaces: tuple[str, ...] = ()  # besides the cluster's own
    metrics_namespaces: tuple[str, ...] = ()
    limit_egress: bool = False
    pull_secrets: tuple[str, ...] = ()
    spread: str = PREFERRED
    any_uid: bool = False  # the namespace chooses the pods' user and group
    exporter_image: str = ""  # of the mysqld_exporter beside each mysqld; empty for none
    failure_detection: str = SAFE
    pod: str = ""  # what the user adds to every pod (core/pod_patch.py)

    def __post_init__(self) -> None:
        names.check_cluster_name(self.name)
        names.check_namespace(self.namespace)
        for option, image in (
            ("--image", self.image),
            ("--agent-image", self.agent_image),
            ("--exporter-image", self.exporter_image or DEFAULT_IMAGE),
        ):
            if not image or any(character.isspace() for character in image):
                raise ConfigError(f"{option} {image!r}: expected an image reference such as {DEFAULT_IMAGE}")
        _check_quantity("--cpu", self.cpu, smallest="50m")
        for option, chosen in (
            ("--client-namespaces", self.client_namespaces),
            ("--metrics-namespaces", self.metrics_namespaces),
        ):
            for text in chosen:
                if text != ANY_NAMESPACE:
                    names.check_namespace(text, option)
        for secret in self.pull_secrets:
            names.check_object_name(secret, "--image-pull-secrets")
        _check_choice("--spread", self.spread, (PREFERRED, REQUIRED))
        _check_choice("--failure-detection", self.failure_detection, (FAST, SAFE))
        pod_patch.load(self.pod)
        self.sizing()

    def pull_references(self) -> list[dict[str, str]]:
        """For every pod that runs the cluster's images."""
        return [{"name": secret} for secret in self.pull_secrets]

    def sizing(self) -> sizing.Sizing:
        return sizing.size_for(_bytes("--memory", self.memory), _bytes("--storage-size", self.storage_size))


def check_replicas(replicas: int) -> None:
    """Raises ConfigError unless a group of that size is both possible and sensible."""
    if not 1 <= replicas <= names.MAX_MEMBERS:
        raise ConfigError(
            f"--replicas {replicas}: expected 1, 3, 5, 7 or 9; Group Replication allows {names.MAX_MEMBERS} members"
        )
    if replicas % 2 == 0:
        raise ConfigError(
            f"--replicas {replicas}: an even group survives no more failures than {replicas - 1} members do, "
            "and a split into halves stops both",
            hint=f"use --replicas {replicas - 1} or {replicas + 1}",
        )


def _check_choice(option: str, text: str, among: tuple[str, str]) -> None:
    if text not in among:
        raise ConfigError(f"{option} {text}: expected {' or '.join(among)}")


def _bytes(option: str, text: str) -> int:
    try:
        return quantity.parse_bytes(text)
    except ConfigError as error:
        raise ConfigError(f"{option} {error}") from error


def _check_quantity(option: str, text: str, *, smallest: str) -> None:
    try:
        if quantity.parse(text) < quantity.parse(smallest):
            raise ConfigError(f"{option} {text}: expected at least {smallest}")
    except ConfigError as error:
        raise ConfigError(str(error) if option in str(error) else f"{option} {error}") from error
