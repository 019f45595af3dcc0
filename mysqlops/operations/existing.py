"""The existing objects beside the wanted ones, as comparisons take them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial

from mysqlops.core.typed import Json
from mysqlops.kube.client import Client
from mysqlops.objects import render
from mysqlops.planning.deploy import Key


def objects(client: Client, wanted: Sequence[Json]) -> dict[Key, Json | None]:
    """For each wanted object the existing one, or None."""
    keys = [(item["kind"], item["metadata"]["name"]) for item in wanted]
    found = client.together([partial(client.find, kind, name) for kind, name in keys])
    return dict(zip(keys, map(as_packed_here, wanted, found), strict=True))


def as_packed_here(wanted: Json, found: Json | None) -> Json | None:
    """The live object; the agent's program in it as in the wanted one if it is the same: another zlib writes other
    bytes. The annotation that names the program proves nothing: whoever made the object may have written both."""
    ours, theirs = ((one or {}).get("binaryData") or {} for one in (wanted, found))
    if found is None or not ours or ours == theirs:
        return found
    from mysqlops.operations import bundle  # most commands do not need it

    mine, other = (base64.b64decode(one.get(render.AGENT_FILE, "")) for one in (ours, theirs))
    return {**found, "binaryData": {**theirs, **ours}} if bundle.is_same(mine, other) else found
