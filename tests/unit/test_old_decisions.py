"""A command that was stopped between deciding and acting, with a lock that nobody took, does not act on what it saw."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import rollout
from mysqlops.operations import followers, scale
from mysqlops.operations import rollout as rolling
from mysqlops.planning import rollout as replacing
from mysqlops.planning import scale as scaling
from tests.unit.fakes.cluster import NAME, Cluster

LONG = 600.0


def _stopped_after(monkeypatch: pytest.MonkeyPatch, cluster: Cluster, planner: Any, kind: type) -> None:
    """SIGSTOP, or a closed laptop, right after the first decision of that kind."""
    real, left = planner.plan, [LONG]

    def plan(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        if isinstance(found, kind) and left:
            cluster.clock.sleep(left.pop())
        return found

    monkeypatch.setattr(planner, "plan", plan)


def test_no_pod_is_replaced_on_a_look_from_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    monkeypatch.setattr(followers, "refresh", lambda *_: None)
    _stopped_after(monkeypatch, cluster, replacing, replacing.Replace)
    stateful_set = copy.deepcopy(cluster.stateful_set())
    before = copy.deepcopy(stateful_set["spec"]["template"])
    record = rollout.Rollout("memory", "2026-01-01T00:00:00Z", before, "9.7.4", "9.7.4")
    stateful_set["spec"]["template"]["spec"]["containers"][0]["image"] = "mysql:9.7.4-1"
    rolling.begin(cluster.session(), [], record, stateful_set)
    with pytest.raises(errors.StepFailed, match="mysql-2 is not replaced: the decision is based on the state at"):
        rolling.finish(cluster.session(), NAME, rolling.Limits(60))
    assert cluster.store.deleted("Pod") == []


def test_nobody_is_scaled_away_on_a_look_from_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    _stopped_after(monkeypatch, cluster, scaling, scaling.Shrink)
    with pytest.raises(errors.StepFailed, match="mysql-2 stays: the decision is based on the state at"):
        scale.execute(cluster.session(), NAME, 1, scale.Request())
    assert cluster.stateful_set()["spec"]["replicas"] == 3
