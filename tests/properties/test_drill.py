"""A drill's draws, of any seed; and what anybody may have written into its record."""

from __future__ import annotations

import contextlib
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.drill import abort, faults
from mysqlops.drill.model import Record
from mysqlops.drill.plan import choice, objects
from mysqlops.drill.scene import Scene
from mysqlops.operations import observe
from tests.properties.test_hostile_text import VALUES
from tests.unit.fakes.cluster import NAME, Cluster


@given(st.integers(), st.integers(), st.text("ab-é \n\0"))
def test_draws_are_shares(seed: int, number: int, what: str) -> None:
    assert 0 <= choice.draw(seed, number, what) < 1


_KEYS = (
    "node nodes pids pod pods versions peers spared every address mysqld target uids copy token replicas claims".split()
)
_NUMBERS = st.sampled_from([float("inf"), float("nan"), 10**400, -1, 0, "", [], {}, [[]], [None], [{}], [{"node": 1}]])
_FACTS = st.dictionaries(st.sampled_from(_KEYS), VALUES | _NUMBERS)


@pytest.mark.parametrize("name", sorted(faults.FAULTS))
@settings(max_examples=15)
@example({"node": "n", "pids": []})
@example({"node": "n", "pod": "1", "versions": [4], "every": float("inf"), "replicas": float("inf")})
@example({"nodes": None, "pids": [float("inf")], "pods": [[]], "address": None})
@given(_FACTS)
def test_no_record_ends_an_abort_as_unexpected(name: str, facts: dict[str, Any]) -> None:
    """Whoever may write the Lease wrote it: what cannot be read is damaged, and nothing else."""
    session = Cluster(3).session(1.0)
    reached = Mock(namespace="", nodes=("n",), control_plane="n")
    reached.output.return_value = ""
    reached.inside.side_effect = lambda node, *words: (str(node), *map(str, words))
    own = objects.Cluster(NAME, "db", ("mysql-0",), "python", "map")
    scene = Scene(session, observe.judged(session, NAME), own, "mysql-0", reached, reached)
    with contextlib.suppress(errors.MysqlopsError):
        abort._undo(scene, Record(name, "", "by", "mysql-0", "2026-01-01T00:00:00Z", facts))
