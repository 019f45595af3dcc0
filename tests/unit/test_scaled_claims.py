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


def test_a_note_on_a_kept_claim_ends_with_the_history_s_name() -> None:
    """A member that left may have acknowledged what the group went on without later."""
    cluster = Cluster(5)
    assert scale.execute(cluster.session(), NAME, 3, scale.Wish()) == ["mysql-4", "mysql-3"]
    assert scale.plan(cluster.session(), NAME, 5, scale.Wish())
    assert scale.plan(cluster.session(), NAME, 5, scale.Wish(rebuild=True))
    cluster.rename("22222222-2222-2222-2222-222222222222")
    with pytest.raises(errors.Refused, match="was not written down since this history began"):
        scale.plan(cluster.session(), NAME, 5, scale.Wish())
    with pytest.raises(errors.Refused) as error:
        scale.plan(cluster.session(), NAME, 5, scale.Wish(rebuild=True))
    assert {one.code for one in error.value.reasons} == {"unknown-data"}
    assert scale.plan(cluster.session(), NAME, 5, scale.Wish(rebuild=True, accept_loss=True))
