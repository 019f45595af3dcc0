"""Claims that a scaling leaves or deletes: what is known of them, for how long, and what it permits."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core import names
from mysqlops.operations import scale
from tests.unit.fakes.cluster import GROUP, NAME, ONLINE, Cluster

DELETE = scale.Wish(scale.DELETE)


def _note(cluster: Cluster, pod: str) -> dict[str, str]:
    claim = cluster.claim(pod)
    assert claim is not None
    return dict(claim["metadata"]["annotations"])


def _with_an_outsider(**facts: object) -> Cluster:
    """mysql-2 is outside the group."""
    cluster = Cluster(3)
    cluster.facts["mysql-2"] = {**ONLINE, "state": "OFFLINE", "role": "none", **facts}
    for pod in ("mysql-0", "mysql-1"):
        cluster.facts[pod]["online"] = 2
    return cluster


def test_what_a_member_only_received_is_noted_and_counts_before_its_claim_goes() -> None:
    cluster = _with_an_outsider(received=f"{GROUP}:6-20")
    with pytest.raises(errors.Refused, match=f"only mysql-2 holds {GROUP}:6-20"):
        scale.plan(cluster.session(), NAME, 1, DELETE)
    with pytest.raises(errors.StepFailed, match=f"claim data-mysql-2 is kept: only mysql-2 .* holds {GROUP}:6-20"):
        scale.execute(cluster.session(), NAME, 1, DELETE)
    assert _note(cluster, "mysql-2")[names.ANNOTATION_KEPT_EXECUTED] == f"{GROUP}:1-20"
    assert "data-mysql-2" not in cluster.lost
