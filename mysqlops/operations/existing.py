"""The existing objects beside the wanted ones, as comparisons take them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mysqlops.core.typed import Json
from mysqlops.kube.client import Client
from mysqlops.planning.deploy import Key


def objects(client: Client, wanted: Sequence[Json]) -> dict[Key, Json | None]:
    """For each wanted object the existing one, or None. The annotation that names a program proves nothing: whoever
    made the object may have written both."""
    keys = [(item["kind"], item["metadata"]["name"]) for item in wanted]
    found = client.together([partial(client.find, kind, name) for kind, name in keys])
    return dict(zip(keys, found, strict=True))
