"""Secrets in memory behind the agent's client, with resourceVersions; the process can be killed before any write."""

from __future__ import annotations

import copy
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core import names, secret_map
from mysqlops.core.typed import Json


class Killed(Exception):
    """The process ended here."""


class Secrets(api.Api):
    """Of cluster `mysql` in namespace `db`, empty as `render` makes them; `before` is NAME-credentials, if any."""

    def __init__(self, before: dict[str, str] | None = None) -> None:
        super().__init__("db", Path("/nowhere"))
        self.objects: dict[str, Json] = {}
        self.objects[names.group_lease("mysql")] = {
            "metadata": {"name": "mysql-group", "resourceVersion": "1", "labels": names.selector("mysql")}
        }
        for name in (*(secret_map.secret("mysql", one) for one in secret_map.PURPOSES), names.tls_secret("mysql")):
            self.objects[name] = {"metadata": {"name": name, "resourceVersion": "1"}}
        if before is not None:
            name = names.credentials_secret("mysql")
            metadata = {"name": name, "resourceVersion": "1"}
            self.objects[name] = {"metadata": metadata, "data": secret_map.encoded({**before})}
        self.writes = 0
        self.reads: list[str] = []
        self.kill_at: int | None = None

    def values(self, name: str) -> dict[str, str]:
        return api.decoded(self.objects[name])

    def put(self, name: str, values: dict[str, str]) -> None:
        """By somebody else, and all of it."""
        self.objects[name]["data"] = secret_map.encoded({**values})
        self._grow(name)

    def get(self, group: str, kind: str, name: str) -> Json:
        self.reads.append(name)
        if name not in self.objects:
            raise errors.NotFound(name)
        return copy.deepcopy(self.objects[name])

    def patch(self, group: str, kind: str, name: str, change: Json) -> Json:
        if self.writes == self.kill_at:
            raise Killed
        self.writes += 1
        found = self.objects[name]
        metadata = change.get("metadata") or {}
        if (
            metadata.get("resourceVersion", found["metadata"]["resourceVersion"])
            != found["metadata"]["resourceVersion"]
        ):
            raise errors.Conflict(name)
        data = {**(found.get("data") or {}), **(change.get("data") or {})}
        found["data"] = {key: value for key, value in data.items() if value is not None}
        found["metadata"]["annotations"] = {
            **found["metadata"].get("annotations", {}),
            **metadata.get("annotations", {}),
        }
        self._grow(name)
        return copy.deepcopy(found)

    def _grow(self, name: str) -> None:
        metadata = self.objects[name]["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
