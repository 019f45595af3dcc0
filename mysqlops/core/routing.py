"""The labels by which Services choose members: NAME-primary by the role, NAME-replicas by a label of its own. Pure.

kube-proxy applies the first change of a moment at once and the next a second later (minSyncPeriod). With one label for
both Services a new primary changed both at once, and half of the time clients waited that second
(docs/adr/0060-a-label-for-each-service.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import names

PROXY_SECONDS = 1.1  # a little more than kube-proxy's default minSyncPeriod
_YES = "yes"


@dataclass(frozen=True)
class Labels:
    """What a member's pod carries."""

    role: str | None
    reads: bool

    def is_wrong_for(self, role: str) -> bool:
        """Whether a member of that role must set them again. A primary leaves the replicas' Service later."""
        if self.role != role:
            return True
        return role != names.ROLE_PRIMARY and self.reads != (role == names.ROLE_REPLICA)


def labels(role: str) -> dict[str, str | None]:
    """What to set on the pod of a member with that role; None removes a label."""
    if role == names.ROLE_PRIMARY:
        return {names.LABEL_ROLE: role}
    return {names.LABEL_ROLE: role, names.LABEL_READS: _YES if role == names.ROLE_REPLICA else None}


def labels_of(found: Mapping[str, str]) -> Labels:
    return Labels(found.get(names.LABEL_ROLE), found.get(names.LABEL_READS) == _YES)


def selected(role: str) -> dict[str, str]:
    """The selector's label of a Service for members of that role."""
    return {names.LABEL_READS: _YES} if role == names.ROLE_REPLICA else {names.LABEL_ROLE: role}


def role_selected(selector: Mapping[str, str]) -> str:
    """The role of a Service's members, also of a Service that an older release made; empty if it selects by none."""
    return names.ROLE_REPLICA if names.LABEL_READS in selector else selector.get(names.LABEL_ROLE, "")


def carry_reads(pods: Sequence[Mapping[str, Any]], agent: str) -> bool:
    """Whether NAME-replicas may select by the label of its own: every pod has that agent, and each replica the label.
    Agents of older releases do not set it, and an admission policy may refuse it."""
    return bool(pods) and all(_has_agent(pod, agent) and not _lacks_label(pod) for pod in pods)


def _has_agent(pod: Mapping[str, Any], agent: str) -> bool:
    return bool((pod["metadata"].get("annotations") or {}).get(names.ANNOTATION_AGENT) == agent)


def _lacks_label(pod: Mapping[str, Any]) -> bool:
    found = labels_of(pod["metadata"].get("labels") or {})
    return found.role == names.ROLE_REPLICA and not found.reads
