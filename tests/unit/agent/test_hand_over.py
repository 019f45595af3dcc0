"""A hand-over that did not end in time: what is said of it (bug 15)."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.agent import member, pod
from mysqlops.mysql import connect


class Stuck(connect.Server):
    """A session holds the global lock, and the hand-over waits for it."""

    def __init__(self, *, is_up: bool) -> None:
        self._connection, self._is_up = cast("Any", SimpleNamespace()), is_up

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        if "set_as_primary" in sql or not self._is_up:
            raise errors.ConnectFailed("SELECT group_replication_set_as_primary(%s, %s) failed with MySQL error 2013")
        return [(63, "dumper", 9, "the lock of FLUSH TABLES WITH READ LOCK")] if "metadata_locks" in sql else []

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("is_up", "why"),
    [
        (True, ": it waits for connection 63 of dumper, which holds the lock of FLUSH TABLES WITH READ LOCK"),
        (False, ""),
    ],
)
def test_it_may_still_happen_and_who_is_in_the_way_is_named(is_up: bool, why: str) -> None:
    own = SimpleNamespace(me=None, server=lambda: Stuck(is_up=is_up))
    with pytest.raises(errors.StepFailed) as failed:
        member.Member(cast("pod.Pod", own)).hand_over("uuid")
    assert str(failed.value) == f"the switchover has not ended, and may still happen{why}"
