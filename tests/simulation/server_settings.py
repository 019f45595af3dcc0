"""What my.cnf and SET GLOBAL say on one server: defaults, which variables take a restart, which values are refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.core import names
from mysqlops.objects import render
from mysqlops.planning import settings

if TYPE_CHECKING:
    from tests.simulation.world import World

# What the verbs of worlds set. Clients without privileges run init_connect, and with a broken one cannot do anything.
LIVE, ALSO_LIVE, SHUTS_OUT, STATIC = "long_query_time", "wait_timeout", "init_connect", "innodb_read_io_threads"
BROKEN, REFUSED = "broken", "nonsense"
USERS = {LIVE: "10", ALSO_LIVE: "28800", SHUTS_OUT: "", STATIC: "4"}
_values = lru_cache(maxsize=512)(settings.values)


def of_text(my_cnf: str) -> Mapping[str, str]:
    """The variables that a file sets."""
    return _values(my_cnf) if my_cnf else {}


class Settings:
    """Of one mysqld, from its start on."""

    def __init__(self, my_cnf: str) -> None:
        self._values = {**USERS, **of_text(my_cnf)}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def set(self, name: str, value: str) -> None:
        """SET GLOBAL; raises what the server says."""
        if name == STATIC:
            raise errors.StatementFailed(f"{name} failed with MySQL error 1238: is a read only variable", errno=1238)
        if value.startswith("@@"):
            return
        if value == REFUSED:
            raise errors.StatementFailed(f"{name} failed with MySQL error 1231: can't be set to that", errno=1231)
        self._values[name] = USERS.get(name, "") if value == "DEFAULT" else value

    def shuts_clients_out(self) -> bool:
        return self._values[SHUTS_OUT] == BROKEN


def differences(world: World) -> str:
    """A server that runs with other values than its my.cnf says, with no note that they are being tried."""
    lease = world.find("Lease", names.group_lease(world.name))
    if lease is None or names.ANNOTATION_SETTING in (lease["metadata"].get("annotations") or {}):
        return ""
    for one in world.kubelet.pods.values():
        config_map = world.find("ConfigMap", one.config_name)
        if config_map is None or not one.server.is_up:
            continue
        wanted = {**USERS, **of_text(config_map["data"][render.MY_CNF])}
        for name in USERS:
            if settings.differs(name, wanted[name], one.server.settings[name]):
                return f"{one.name} runs with {name}={one.server.settings[name]}, and its my.cnf says {wanted[name]}"
    return ""
