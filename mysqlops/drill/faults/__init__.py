"""Every fault, by family: each in the file of its family, and under its name in FAULTS."""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops.drill.faults import control_plane, network, nodes, pods, processes, verbs, volumes
from mysqlops.drill.scene import Fault
from mysqlops.errors import ConfigError

FAULTS: Mapping[str, Fault] = {
    fault.about.name: fault
    for fault in (
        *pods.FAULTS,
        *processes.FAULTS,
        *network.FAULTS,
        *nodes.FAULTS,
        *volumes.FAULTS,
        *control_plane.FAULTS,
        *verbs.FAULTS,
    )
}


def find(name: str) -> Fault:
    """The fault of that name; raises ConfigError if there is none."""
    if name not in FAULTS:
        raise ConfigError(f"no fault {name!r}; the faults are: {', '.join(FAULTS)}", hint="mysqlops drill list")
    return FAULTS[name]
