"""Which claim is whose: the StatefulSet's template names them, and a restore in place changes the template. Pure."""

from __future__ import annotations

from typing import Any

from mysqlops.core import names

Json = dict[str, Any]


def template_of(stateful_set: Json) -> str:
    """The name of the claims' template: what their names begin with."""
    return str(stateful_set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"])


def of(stateful_set: Json, ordinal: int) -> str:
    """The name of a member's claim."""
    return names.claim(stateful_set["metadata"]["name"], ordinal, template_of(stateful_set))
