"""A mysqld_exporter beside each mysqld: manifests/exporter merged into the members. Pure."""

from __future__ import annotations

import copy

from mysqlops.core.typed import Json


def add(stateful_set: Json, beside: Json) -> None:
    """Merge it into the StatefulSet in place: containers by name, what is new last."""
    pod, added = stateful_set["spec"]["template"]["spec"], copy.deepcopy(beside["spec"]["template"]["spec"])
    for kind in ("initContainers", "containers"):
        known = {container["name"]: container for container in pod[kind]}
        for container in added[kind]:
            if container["name"] in known:
                known[container["name"]]["volumeMounts"] += container["volumeMounts"]
            else:
                pod[kind].append(container)
    pod["volumes"] += added["volumes"]
